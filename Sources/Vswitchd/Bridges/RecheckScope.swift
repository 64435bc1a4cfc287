internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline

// Which cached flows a change may concern.

typealias BridgeTableChanges = (bridge: Int, changes: TableChanges)

/// What a new generation changed.
enum RecheckScope {
    case all
    /// Rules of these bridges, which are few: mostly one.
    case tables([BridgeTableChanges])

    /// Whether the decision that made a cached flow may come out differently.
    ///
    /// - Parameters:
    ///   - slot: The flow's, which must be in the ledger.
    ///   - inPort: The OpenFlow port that its packets come by; nil: of no bridge.
    func concerns(_ ledger: borrowing FlowLedger, _ slot: Int, inPort: PortNumber?) -> Bool {
        guard case .tables(let changed) = self else { return true }
        let decision = ledger.decision(slot)
        for (index, reference) in decision.rules.enumerated() {
            guard let changes = Self.changes(of: reference.bridge, in: changed) else { continue }
            if changes.isAll { return true }
            guard changes.concern(table: reference.table, priority: reference.priority) else {
                continue
            }
            // Only the first lookup sees the packet as it came.
            guard index == 0, reference.table == 0, let inPort,
                ledger.key(slot).recirculationID == 0, let matches = changes.firstTable
            else { return true }
            let flow = ledger.identity(slot)
            if matches.contains(where: { flow.mayMatch($0, inPort: inPort) }) { return true }
        }
        // `learn` asks how many rules a table has without searching it.
        return decision.effects.contains { effect in
            guard case .learnRule(let bridge, let mod) = effect else { return false }
            return Self.changes(of: bridge, in: changed)?.concern(table: mod.table ?? 0) ?? false
        }
    }

    private static func changes(of bridge: Int, in all: [BridgeTableChanges]) -> TableChanges? {
        all.first { $0.bridge == bridge }?.changes
    }
}

extension FlowIdentity {
    /// Whether a packet of the flow could match these conditions as it came by `inPort`.
    func mayMatch(_ match: Match, inPort: PortNumber) -> Bool {
        // Of two tags tables may see one only (`FlowKey.seen`): such flows are few, and asked anew.
        guard key.vlan1TCI & VLANTag.present == 0 else { return true }
        var known = PipelineKey(key)
        var looked = PipelineMask(mask)
        known.packet.inPort = UInt32(inPort.rawValue)
        looked.packet.inPort = .max
        // Registers and metadata are 0 at first, and the action set sends nowhere.
        known.actionSetOutput = PipelineKey.unsetOutput
        for word in FlowKey.wordCount..<PipelineKey.wordCount { looked[word: word] = .max }
        looked = looked.masked(by: match.mask)
        return known.masked(by: looked) == match.key.masked(by: looked)
    }
}
