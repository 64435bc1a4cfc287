import Timekeeping

// Spreading load over members by what was measured.
//
// Each bucket counts its bytes. Every interval the member with most bytes gives buckets to the one
// with fewest, as many as bring both near their middle; then the next pair, until what is left is
// noise. Counts are halved afterwards, so that a burst of an hour ago does not decide any more.
// The thresholds are Open vSwitch's: a bucket moves only if that closes at least a tenth of the
// gap, since each move may reorder the frames of its conversations.

extension Bond {
    /// Moves buckets if it is time. True if any moved.
    mutating func rebalanceIfDue(now: Instant) -> Bool {
        guard isBalanced, let interval = settings.rebalanceInterval, let due = nextRebalance,
            due <= now
        else { return false }
        nextRebalance = now + interval
        defer { for index in buckets.indices { buckets[index].byteCount /= 2 } }
        return moveLoad()
    }

    /// A member with its load, heaviest bucket first.
    private struct Load {
        let number: UInt16
        var byteCount: UInt64 = 0
        /// Indices of buckets that it may give away.
        var buckets: [Int] = []
    }

    private mutating func moveLoad() -> Bool {
        var loads = members.filter(\.isEnabled).map { member in
            let own = buckets.indices.filter {
                buckets[$0].member == member.number && buckets[$0].byteCount > 0
            }
            return Load(
                number: member.number, byteCount: own.reduce(0) { $0 &+ buckets[$1].byteCount },
                buckets: own.sorted {
                    (buckets[$1].byteCount, $0) < (buckets[$0].byteCount, $1)
                })
        }
        var hasMoved = false
        // Each step moves a bucket for the last time or leaves a member out: 256 + members at most.
        while loads.count > 1 {
            loads.sort { ($1.byteCount, $0.number) < ($0.byteCount, $1.number) }
            let last = loads.count - 1
            let overload = loads[0].byteCount - loads[last].byteCount
            guard overload >= loads[last].byteCount >> 5, overload >= BondLimits.smallOverload
            else { break }
            let chosen = bucketsToMove(from: loads[0], to: loads[last].byteCount)
            guard !chosen.isEmpty else {
                loads.removeFirst()
                continue
            }
            for bucket in chosen {
                noteChange(loads[0].number)
                noteChange(loads[last].number)
                buckets[bucket].member = loads[last].number
                loads[0].byteCount -= buckets[bucket].byteCount
                loads[last].byteCount += buckets[bucket].byteCount
            }
            loads[0].buckets.removeAll { chosen.contains($0) }
            hasMoved = true
        }
        return hasMoved
    }

    /// Buckets of `from` that bring it and a member with `target` bytes nearer to their middle.
    private func bucketsToMove(from: Load, to target: UInt64) -> [Int] {
        guard from.buckets.count > 1, let lightest = from.buckets.last else { return [] }
        let ideal = (from.byteCount + target) / 2 - target
        let threshold = ideal / 10
        var chosen: [Int] = []
        var moved: UInt64 = 0
        for bucket in from.buckets {
            if moved + buckets[bucket].byteCount <= ideal {
                chosen.append(bucket)
                moved += buckets[bucket].byteCount
            }
            if ideal - moved < threshold { break }
        }
        if chosen.isEmpty {
            chosen = [lightest]
            moved = buckets[lightest].byteCount
        }
        let low = min(from.byteCount - moved, target + moved)
        return low > target && low - target >= threshold ? chosen : []
    }
}
