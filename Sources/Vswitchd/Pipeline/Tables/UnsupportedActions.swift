import OpenFlow

// The one place that names what the codec understands and the pipeline does not carry out.
//
// A rule with one of these is refused when it is added (OFPBAC_BAD_TYPE), so that translation never
// meets them. Whoever teaches the pipeline an action takes its name out of this list.

extension Action {
    /// The word for this action if the pipeline cannot carry it out; nil: it can.
    var unsupportedName: String? {
        switch self {
        case .nat: "nat"
        case .encap(let encap) where encap != EncapAction(.ethernet):
            "encap of anything but Ethernet"
        case .decrementNSHTTL: "dec_nsh_ttl"
        case .deleteField: "delete_field"
        default: nil
        }
    }
}
