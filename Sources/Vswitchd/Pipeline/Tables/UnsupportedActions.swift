import OpenFlow

// The one place that names what the codec understands and the pipeline does not carry out yet.
//
// A rule with one of these is refused when it is added (OFPBAC_BAD_TYPE), so that translation never
// meets them. Whoever teaches the pipeline an action takes its name out of this list.

extension Action {
    /// The word for this action if the pipeline cannot carry it out; nil: it can.
    var unsupportedName: String? {
        switch self {
        case .group: "group"
        case .meter: "meter"
        case .outputTruncated: "output with max_len"
        case .multipath: "multipath"
        case .bundle: "bundle"
        case .conjunction: "conjunction"
        case .push: "push"
        case .pop: "pop"
        case .pushMPLS: "push_mpls"
        case .popMPLS: "pop_mpls"
        case .decrementMPLSTTL: "dec_mpls_ttl"
        case .decrementTTLTelling: "dec_ttl with controllers"
        case .finTimeout: "fin_timeout"
        case .resubmitTracked, .conntrack, .conntrackClear, .nat: "connection tracking"
        case .sample: "sample"
        case .checkPacketLarger: "check_pkt_larger"
        case .clone: "clone"
        case .encap: "encap"
        case .decap: "decap"
        case .decrementNSHTTL: "dec_nsh_ttl"
        case .deleteField: "delete_field"
        case .output, .outputField, .controller, .setField, .load, .move, .setVLANID,
            .setVLANPriority, .stripVLAN, .pushVLAN, .decrementTTL, .resubmit, .learn, .exit,
            .note, .enqueue, .setQueue, .popQueue:
            nil
        }
    }
}
