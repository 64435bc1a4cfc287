import Flows

// Where a version has more than one way to write the same: which one, and what it cannot say.

extension OpenFlowDialect {
    /// Writes the rule as 1.0's own message if that can say it, else as Nicira's.
    func write(_ mod: FlowMod, to writer: inout OctetWriter) -> UInt8 {
        guard version == .v10 else {
            FlowCodec.writeMod(mod, version, to: &writer)
            return 14
        }
        guard needsExtendedMatch(mod) else {
            FlowCodec.writeMod10(mod, namesTables: namesTables, to: &writer)
            return 14
        }
        VendorCodec.header(VendorCodec.Subtype.flowMod, to: &writer)
        FlowCodec.writeModNicira(mod, namesTables: namesTables, to: &writer)
        return VendorCodec.type
    }

    func write(_ packet: PacketIn, to writer: inout OctetWriter) -> UInt8 {
        switch packetInFormat {
        case .standard:
            PacketCodec.write(packet, version, to: &writer)
            return 10
        case .nicira:
            VendorCodec.header(VendorCodec.Subtype.packetIn, to: &writer)
            PacketCodec.writeNicira(packet, to: &writer)
        case .nicira2:
            VendorCodec.header(VendorCodec.Subtype.packetIn2, to: &writer)
            PacketCodec.writeNicira2(packet, version, to: &writer)
        }
        return VendorCodec.type
    }

    func write(_ removed: FlowRemoved, to writer: inout OctetWriter) -> UInt8 {
        guard version == .v10, usesExtendedMatch else {
            FlowCodec.write(removed, version, to: &writer)
            return 11
        }
        VendorCodec.header(VendorCodec.Subtype.flowRemoved, to: &writer)
        FlowCodec.writeNicira(removed, to: &writer)
        return VendorCodec.type
    }

    /// Whether 1.0's own flow mod cannot say this one, so that a client must first ask for
    /// Nicira's (`setFlowFormat(2)`).
    public func needsExtendedMatch(_ mod: FlowMod) -> Bool {
        guard version == .v10 else { return false }
        return !MatchCodec10.canSay(mod.match) || (mod.cookieMask != 0 && mod.command != .add)
    }

    /// Whether a client must first ask for tables in flow mods (`flowModTableID(true)`).
    public func needsTableID(_ mod: FlowMod) -> Bool {
        version == .v10 && mod.table != nil && !namesTables
            && !(mod.command == .add && mod.table == 0)
    }

    /// What of this rule would be lost in writing it, in words of `ovs-ofctl`; empty: nothing.
    public func unsayable(_ mod: FlowMod) -> [String] {
        var lost: [String] = []
        let instructions = mod.instructions
        if version == .v10 {
            if instructions.clearsActionSet { lost.append("clear_actions") }
            if !instructions.write.isEmpty { lost.append("write_actions") }
        }
        for action in instructions.apply + instructions.write {
            if let name = unsayable(action) { lost.append(name) }
        }
        if instructions.meter != nil, version < .v13 { lost.append("meter") }
        if mod.flags.contains(.resetCounts), version < .v12 { lost.append("reset_counts") }
        if mod.flags.contains(.noPacketCounts), version < .v13 { lost.append("no_packet_counts") }
        if mod.flags.contains(.noByteCounts), version < .v13 { lost.append("no_byte_counts") }
        if mod.importance != 0, version < .v14 { lost.append("importance") }
        if version == .v11, !MatchCodec11.canSay(mod.match) { lost.append("match") }
        return lost
    }

    private func unsayable(_ action: Action) -> String? {
        switch action {
        case .pushVLAN: version == .v10 ? "push_vlan" : nil
        case .meter: version < .v13 ? "meter" : nil
        case .encap: version < .v13 ? "encap" : nil
        case .decap: version < .v13 ? "decap" : nil
        case .decrementNSHTTL: version < .v13 ? "dec_nsh_ttl" : nil
        case .clone(let list): list.lazy.compactMap { unsayable($0) }.first
        default: nil
        }
    }
}
