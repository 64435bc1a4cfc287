internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Changes that a peer asks for, one by one. Bundles carry out many, so what is to be told of them
// is collected first and told when it is sure that they stand.

/// What a change, or a bundle of them, has to tell others.
struct ChangeNews {
    /// Rules that went and had asked that it be told.
    var removed: [FlowRemoved] = []
    /// Ports whose configuration changed, and how they were.
    var ports: [(port: String, before: PresentInterface)] = []
}

extension Vswitch {
    /// Carries out one change. Returns what to refuse it with, or nil.
    mutating func carryOut(
        _ body: OpenFlowMessage.Body, _ name: String, _ version: OpenFlowVersion,
        news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let index = bridges[name]?.index else { return .notAllowed }
        switch body {
        case .flowMod(let mod):
            // A deletion's buffer means nothing, and some controllers leave a number there.
            let isDeletion = mod.command == .delete || mod.command == .deleteStrict
            guard mod.bufferID == nil || isDeletion else { return .bufferUnknown }
            return apply(mod, index, version, news: &news, now: now)
        case .groupMod(let mod): return apply(mod, index, news: &news, now: now)
        case .meterMod(let mod): return apply(mod, index, news: &news, now: now)
        case .tableMod(let mod): return apply(mod, index)
        case .portMod(let mod): return apply(mod, name, news: &news, now: now)
        case .packetOut(let packet): return execute(packet, bridge: name, now: now)
        default: return .badType
        }
    }

    private mutating func apply(
        _ mod: FlowMod, _ index: Int, _ version: OpenFlowVersion, news: inout ChangeNews,
        now: Instant
    ) -> OpenFlowErrorCode? {
        // The last table is the switch's own, as in Open vSwitch, and the hash of the datapath is
        // not for rules of others.
        let own = UInt8(Pipeline.Limits.tables - 1)
        guard mod.table != own, mod.match.mask.packet.dpHash == 0 else {
            return .notAllowed
        }
        // 1.0 always does, and its rules say so to later versions.
        if version == .v10, mod.command == .add, !mod.flags.contains(.resetCounts) {
            var mod = mod
            mod.flags.insert(.resetCounts)
            return apply(mod, index, version, news: &news, now: now)
        }
        do throws(FlowModError) {
            let outcome = try model[bridge: index].tables.apply(
                mod, asOpenFlow10: version == .v10, now: now)
            if !outcome.removed.isEmpty { news.removed += outcome.removed }
            return nil
        } catch {
            return error.code
        }
    }

    private mutating func apply(
        _ mod: PortMod, _ name: String, news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let bridge = bridges[name],
            let (port, interface) = bridge.interface(numbered: mod.port)
        else { return .badPortModPort }
        guard describe(interface, named: port).address == mod.address else {
            return .badPortModAddress
        }
        var changed = interface
        changed.config = BridgePort.Config(
            rawValue: interface.config.rawValue & ~mod.mask.rawValue
                | mod.config.rawValue & mod.mask.rawValue)
        guard changed != interface else { return nil }
        news.ports.append((port, interface))
        bridges[name]?.interfaces[port] = changed
        setConfig(changed.config, ofPort: changed.number, bridge: name, now: now)
        return nil
    }

    /// Tells what changes did that stand.
    mutating func tell(_ news: ChangeNews, bridge name: String, now: Instant) {
        for removed in news.removed { tell(removed, bridge: name, now: now) }
        var told: Set<String> = []
        for (port, before) in news.ports.reversed() where told.insert(port).inserted {
            guard let present = bridges[name]?.interface(numbered: before.number)?.interface else {
                continue
            }
            tellPortStatus(
                PortChange(.modified, describe(present, named: port)), bridge: name, now: now)
        }
    }

    /// Makes changes of ports undone, the latest first.
    mutating func undo(_ news: ChangeNews, bridge name: String, now: Instant) {
        for (port, before) in news.ports.reversed() {
            bridges[name]?.interfaces[port] = before
            setConfig(before.config, ofPort: before.number, bridge: name, now: now)
        }
    }
}
