public import OpenFlow
public import Timekeeping

// A group as it stands: buckets, how one of them is chosen, and what went through.

/// A group of one bridge. OpenFlow 1.3.5 §5.6.
public struct Group: Hashable, Sendable {
    public let number: UInt32
    public internal(set) var type: GroupType
    /// Each has an id; ids are unique in the group.
    public internal(set) var buckets: [Bucket]
    public internal(set) var selection: GroupSelection
    public internal(set) var createdAt: Instant
    public internal(set) var total = GroupStatistics.Count()
    /// By id of the bucket.
    var counts: [UInt32: GroupStatistics.Count] = [:]
    /// Of a select group: the bucket for each value of the masked hash.
    var map: [UInt16] = []

    init(_ mod: GroupMod, buckets: [Bucket], createdAt: Instant) {
        number = mod.group
        type = mod.type
        self.buckets = buckets
        selection = mod.selection
        self.createdAt = createdAt
        refresh()
    }

    /// Makes what follows from the buckets anew.
    mutating func refresh() {
        map = type == .select ? BucketMap.make(weights: buckets.map(\.weight)) : []
        let ids = Set(buckets.compactMap(\.id))
        counts = counts.filter { ids.contains($0.key) }
    }

    var description: GroupDescription {
        GroupDescription(group: number, type: type, buckets: buckets, selection: selection)
    }

    func statistics(references: UInt32, now: Instant) -> GroupStatistics {
        GroupStatistics(
            group: number, referenceCount: references, total: total,
            buckets: buckets.map { counts[$0.id ?? 0] ?? GroupStatistics.Count() },
            durationNanoseconds: now > createdAt
                ? now.nanosecondsSinceStart - createdAt.nanosecondsSinceStart : 0)
    }

    /// Groups that its buckets send to.
    var chained: [UInt32] {
        buckets.flatMap(\.actions).flatMap(\.withNested).compactMap {
            if case .group(let other) = $0 { other } else { nil }
        }
    }
}

/// How a select group chooses.
enum SelectionMethod {
    /// The datapath hashes the packet: few cached flows hold any number of connections.
    case datapathHash
    /// Hashes these fields; empty: addresses and ports of both ends.
    case fields([SelectedField])

    init(_ selection: GroupSelection) {
        self = selection.method == "hash" ? .fields(selection.fields) : .datapathHash
    }
}

/// Which bucket each value of a hash belongs to.
enum BucketMap {
    /// Fewest and most values. Each may become a cached flow of its own, so there are no more than
    /// it takes for the weights to show.
    private static let sizes = 16...256
    /// A share may differ from what its weight asks by one part in so many.
    private static let precision = 20

    /// Index of a bucket for each value of the hash, as many times as its weight asks; empty if
    /// all weights are 0. A power of two.
    static func make(weights: [UInt16]) -> [UInt16] {
        let total = weights.reduce(0) { $0 + Int($1) }
        guard total > 0 else { return [] }
        var seats = weights.map { _ in 0 }
        var map: [UInt16] = []
        var size = sizes.lowerBound
        while true {
            while map.count < size {
                let next = nextSeat(weights: weights, seats: seats)
                seats[next] += 1
                map.append(UInt16(clamping: next))
            }
            let isFair = zip(weights, seats).allSatisfy { weight, seats in
                let asked = Int(weight) * size
                return abs(seats * total - asked) * precision <= asked
            }
            if isFair || size >= sizes.upperBound { return map }
            size *= 2
        }
    }

    /// Webster's method: the next seat goes to whoever has the largest weight per (seats + ½), so
    /// that shares are as near to the weights as whole numbers can be, however many seats follow.
    private static func nextSeat(weights: [UInt16], seats: [Int]) -> Int {
        var best = 0
        for index in weights.indices {
            let mine = Int(weights[index]) * (2 * seats[best] + 1)
            if mine > Int(weights[best]) * (2 * seats[index] + 1) { best = index }
        }
        return best
    }
}

extension Action {
    /// This action and those inside it.
    var withNested: [Action] {
        switch self {
        case .clone(let inner): [self] + inner.flatMap(\.withNested)
        case .conntrack(let tracking): [self] + tracking.actions.flatMap(\.withNested)
        default: [self]
        }
    }
}
