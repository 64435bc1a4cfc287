public import OpenFlow
public import Timekeeping

// Groups and meters, and the rules that go with them.

extension FlowTables {
    /// Carries out a group mod, or refuses it as a whole. Rules that send to a group that goes, go
    /// too (1.3.5 §6.5).
    public mutating func apply(
        _ mod: GroupMod, now: Instant
    ) throws(GroupModError) -> FlowModOutcome {
        for bucket in mod.buckets {
            do throws(FlowModError) {
                for action in bucket.actions { try InstructionCheck.checkInSet(action) }
            } catch {
                throw .badAction(error)
            }
        }
        let gone = Set(try groups.apply(mod, now: now))
        guard !gone.isEmpty else { return FlowModOutcome() }
        return remove(
            where: { rule in gone.contains { rule.sends(toGroup: $0) } }, .groupDelete, now: now)
    }

    mutating func remove(
        where condition: (Rule) -> Bool, _ reason: FlowRemoved.Reason, now: Instant
    ) -> FlowModOutcome {
        let removed = remove(rules(where: condition).map(\.id))
        var outcome = FlowModOutcome()
        outcome.removedCount = removed.count
        outcome.removed = removals(removed, reason, now: now)
        return outcome
    }

    /// OFPMP_GROUP; `group` nil: all.
    public func groupStatistics(of group: UInt32?, now: Instant) -> [GroupStatistics] {
        var references: [UInt32: UInt32] = [:]
        for rule in slots.rules {
            for case .group(let group) in rule.actions { references[group, default: 0] += 1 }
        }
        return groups.statistics(of: group, references: references, now: now)
    }

    /// How many rules pass each meter.
    public func meterReferences() -> [UInt32: UInt32] {
        var references: [UInt32: UInt32] = [:]
        for rule in slots.rules {
            if let meter = rule.instructions.meter { references[meter, default: 0] += 1 }
            for case .meter(let meter) in rule.actions { references[meter, default: 0] += 1 }
        }
        return references
    }
}
