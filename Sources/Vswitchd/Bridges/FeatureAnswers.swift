internal import DatapathMessages

// What the datapath can do, as Open vSwitch tells it: one line each, in its order. What this switch
// has no words for is not used whatever the datapath can do, and so the answer is No.

extension DatapathFeatures {
    /// The text of `dpif/show-dp-features`.
    var text: String {
        func line(_ name: String, _ value: String) -> String { "\(name): \(value)\n" }
        func yes(_ name: String, _ isThere: Bool) -> String { line(name, isThere ? "Yes" : "No") }
        let notUsed = [
            "CT state", "CT zone", "CT mark", "CT label", "CT state NAT", "CT orig tuple",
            "CT orig tuple for IPv6", "IPv6 ND Extension",
        ]
        return yes("Masked set action", has(.maskedSet))
            + yes("Tunnel push pop", false)
            + yes("Ufid", true)
            + yes("Truncate action", has(.truncate))
            + yes("Clone action", has(.clone))
            + line("Sample nesting", "\(sampleNesting)")
            + yes("Conntrack eventmask", false)
            + yes("Conntrack clear", false)
            + line("Max dp_hash algorithm", has(.symmetricHash) ? "1" : "0")
            + yes("Check pkt length action", has(.checkLength))
            + yes("Conntrack timeout policy", false)
            + yes("Explicit Drop action", has(.explicitDrop))
            + yes("Optimized Balance TCP mode", false)
            + yes("Conntrack all-zero IP SNAT", false)
            + yes("MPLS Label add", false)
            + line("Max VLAN headers", has(.twoTags) ? "2" : "1")
            + line("Max MPLS depth", "\(mplsDepth)")
            + yes("Recirc", has(.recirculate))
            + notUsed.map { yes($0, false) }.joined()
    }
}
