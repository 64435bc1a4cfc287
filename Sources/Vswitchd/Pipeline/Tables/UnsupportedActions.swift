import OpenFlow

// The one place that names what the codec understands and the pipeline does not carry out.
//
// A rule with one of these is refused when it is added (OFPBAC_BAD_TYPE), so that translation never
// meets them. Whoever teaches the pipeline an action takes its name out of this list.

extension Action {
    /// The word for this action if the pipeline cannot carry it out; nil: it can.
    var unsupportedName: String? {
        switch self {
        case .resubmitTracked, .conntrack, .conntrackClear, .nat: "connection tracking"
        case .encap: "encap"
        case .decap: "decap"
        case .decrementNSHTTL: "dec_nsh_ttl"
        case .deleteField: "delete_field"
        case .controller(let controller) where controller.pauses: "controller(pause)"
        default: nil
        }
    }
}
