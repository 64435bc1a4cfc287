import Classifier
import Flows
import OpenFlow

// Conjunctions: "(one of these addresses) and (one of those ports)" in A + B rules, not A × B.
//
// A rule with `conjunction(id, k/n)` is no answer by itself, but clause k of conjunction `id`. When
// rules of one priority match all n clauses, the table is searched once more with `conj_id` equal
// to `id`, and that answer counts (ovs-actions(7), "conjunction").

extension FlowTables {
    /// The best rule, found by looking at every one that matches.
    func lookupAmongAll(
        table: Int, key: PipelineKey, mask: inout PipelineMask
    ) -> RuleID? {
        let found = classifiers[table].matches(key, looking: &mask)
        var clauses: [Rule] = []
        var priority: UInt16?
        for (level, id) in found {
            guard let rule = self[rule: id], rule.means(key) else { continue }
            if level != priority {
                if let answer = answer(to: clauses, table, key, &mask) { return answer }
                (clauses, priority) = ([], level)
            }
            guard rule.isClause else {
                // Of the same priority, a rule that answers by itself comes first.
                return id
            }
            clauses.append(rule)
        }
        return answer(to: clauses, table, key, &mask)
    }

    /// Whether it answers by itself for packets of this type.
    private func answers(_ id: RuleID, for key: PipelineKey) -> Bool {
        self[rule: id].map { !$0.isClause && $0.means(key) } ?? false
    }

    /// What the first conjunction leads to of which every clause is there.
    private func answer(
        to clauses: [Rule], _ table: Int, _ key: PipelineKey, _ mask: inout PipelineMask
    ) -> RuleID? {
        var met: [UInt32: UInt64] = [:]
        for rule in clauses {
            for case .conjunction(let id, let clause, let count) in rule.instructions.apply {
                met[id, default: 0] |= 1 << UInt64(clause)
                guard met[id] == ~(~0 << UInt64(count)) else { continue }
                var asked = key
                asked.conjunctionID = id
                let found = classifiers[table].matches(asked, looking: &mask)
                if let answer = found.first(where: { answers($0.payload, for: asked) }) {
                    return answer.payload
                }
            }
        }
        return nil
    }
}

extension Rule {
    /// A rule that says nothing of the packet type means Ethernet (ovs-fields(7), `packet_type`).
    fileprivate func means(_ key: PipelineKey) -> Bool {
        key.packetType == PacketType.ethernet.rawValue || compactMatch.asksPacketType
    }
}
