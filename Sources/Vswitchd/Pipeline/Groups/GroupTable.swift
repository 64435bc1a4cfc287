public import OpenFlow
public import Timekeeping

// The groups of one bridge. OpenFlow 1.3.5 §6.5; buckets one by one: 1.5.1 §6.7.

/// All groups of a bridge, by number.
public struct GroupTable: Sendable {
    /// Asked by key, or sorted first.
    private var groups: [UInt32: Group] = [:]
    /// Grows whenever a packet may go another way.
    public private(set) var generation: UInt64 = 0

    public init() {}

    public var count: Int { groups.count }

    public subscript(number: UInt32) -> Group? { groups[number] }

    /// In ascending order.
    public var numbers: [UInt32] { groups.keys.sorted() }

    /// `group` nil: all of them.
    public func descriptions(of group: UInt32?) -> [GroupDescription] {
        chosen(group).map(\.description)
    }

    /// - Parameter references: How many rules send to each group.
    public func statistics(
        of group: UInt32?, references: [UInt32: UInt32], now: Instant
    ) -> [GroupStatistics] {
        var fromGroups: [UInt32: UInt32] = [:]
        for number in numbers {
            for other in groups[number]?.chained ?? [] { fromGroups[other, default: 0] += 1 }
        }
        return chosen(group).map {
            let sum = (references[$0.number] ?? 0) + (fromGroups[$0.number] ?? 0)
            return $0.statistics(references: sum, now: now)
        }
    }

    private func chosen(_ number: UInt32?) -> [Group] {
        guard let number, number != GroupNumber.all, number != GroupNumber.any else {
            return numbers.compactMap { groups[$0] }
        }
        return groups[number].map { [$0] } ?? []
    }

    /// What the switch can do: all four types, weights, liveness, chains. Actions are bits of
    /// types; 1.0 has twelve.
    public static func features(in version: OpenFlowVersion) -> GroupFeatures {
        GroupFeatures(
            types: 0xf, capabilities: 0x7,
            maxGroups: Array(repeating: GroupNumber.largest, count: 4),
            actions: Array(
                repeating: version == .v10 ? SwitchFeatures.allActions10 : 0x0fff_9801, count: 4))
    }

    /// Counts packets that went through a group and one of its buckets, if both are there still.
    mutating func credit(_ number: UInt32, bucket: UInt32?, packets: UInt64, bytes: UInt64) {
        guard var group = groups.removeValue(forKey: number) else { return }
        if let bucket {
            if group.buckets.contains(where: { $0.id == bucket }) {
                group.counts[bucket, default: .init()].packets &+= packets
                group.counts[bucket, default: .init()].bytes &+= bytes
            }
        } else {
            group.total.packets &+= packets
            group.total.bytes &+= bytes
        }
        groups[number] = group
    }

    /// Takes a generation that is later than both: after a rollback.
    mutating func outlive(_ other: GroupTable) {
        generation = max(generation, other.generation) + 1
    }
}

// Changing.

extension GroupTable {
    /// Carries out a group mod, or refuses it as a whole. Actions were checked before.
    ///
    /// - Returns: Groups that are gone, ascending: rules that send to them go too.
    mutating func apply(
        _ mod: GroupMod, now: Instant
    ) throws(GroupModError) -> [UInt32] {
        guard mod.group <= GroupNumber.largest || mod.command == .delete else {
            throw .invalidGroup(mod.group)
        }
        switch mod.command {
        case .add:
            guard groups[mod.group] == nil else { throw .groupExists(mod.group) }
            try put(mod, buckets: numbered(mod.buckets, beside: []), now: now)
        case .modify:
            guard groups[mod.group] != nil else { throw .unknownGroup(mod.group) }
            try put(mod, buckets: numbered(mod.buckets, beside: []), now: now)
        case .addOrModify:
            try put(mod, buckets: numbered(mod.buckets, beside: []), now: now)
        case .delete: return remove(mod.group)
        case .insertBucket: try insertBuckets(mod, now: now)
        case .removeBucket: try removeBuckets(mod, now: now)
        }
        return []
    }

    private mutating func put(
        _ mod: GroupMod, buckets: [Bucket], now: Instant
    ) throws(GroupModError) {
        let before = groups[mod.group]
        guard before != nil || groups.count < Limits.groups else {
            throw .outOfGroups(limit: Limits.groups)
        }
        var group = Group(mod, buckets: buckets, createdAt: before?.createdAt ?? now)
        try check(group)
        if let before {
            (group.total, group.counts) = (before.total, before.counts)
            group.refresh()
        }
        groups[mod.group] = group
        generation += 1
    }

    private func check(_ group: Group) throws(GroupModError) {
        guard group.buckets.count <= Limits.buckets else {
            throw .outOfBuckets(limit: Limits.buckets)
        }
        guard group.type != .indirect || group.buckets.count == 1 else {
            throw .invalidGroup(group.number)
        }
        for bucket in group.buckets {
            let watches = bucket.watchPort != nil || bucket.watchGroup != nil
            switch group.type {
            case .all, .indirect: guard !watches else { throw .watchUnsupported }
            case .fastFailover: guard watches else { throw .invalidGroup(group.number) }
            case .select: break
            }
            guard group.type == .select || bucket.weight == 0 else {
                throw .invalidGroup(group.number)
            }
        }
        let method = group.selection.method
        guard method.isEmpty || group.type == .select else {
            throw .badSelection("only a select group has a selection method")
        }
        guard ["", "hash", "dp_hash"].contains(method) else {
            throw .badSelection("there is no selection method \(method)")
        }
        guard method == "hash" || group.selection.fields.isEmpty else {
            throw .badSelection("only the method hash has fields")
        }
        try checkChain(from: group)
    }

    /// No way through chained or watched groups may lead back.
    private func checkChain(from group: Group) throws(GroupModError) {
        var seen: Set<UInt32> = []
        var waiting = group.chained + group.buckets.compactMap(\.watchGroup)
        while let next = waiting.popLast() {
            guard next != group.number else { throw .loop(group.number) }
            guard seen.insert(next).inserted, let other = groups[next] else { continue }
            waiting += other.chained + other.buckets.compactMap(\.watchGroup)
        }
    }

    /// Gives those without an id the lowest that are free.
    private func numbered(
        _ buckets: [Bucket], beside others: [Bucket]
    ) throws(GroupModError) -> [Bucket] {
        guard buckets.count + others.count <= Limits.buckets else {
            throw .outOfBuckets(limit: Limits.buckets)
        }
        var used = Set(others.compactMap(\.id))
        for id in buckets.compactMap(\.id) {
            guard id < Bucket.largestID else { throw .badBucket("bucket ids end at 0xfffffeff") }
            guard used.insert(id).inserted else { throw .bucketExists(id) }
        }
        var next: UInt32 = 0
        return buckets.map { bucket in
            guard bucket.id == nil else { return bucket }
            var bucket = bucket
            while !used.insert(next).inserted { next += 1 }
            bucket.id = next
            return bucket
        }
    }

    private mutating func insertBuckets(
        _ mod: GroupMod, now: Instant
    ) throws(GroupModError) {
        guard let before = groups[mod.group] else { throw .unknownGroup(mod.group) }
        guard before.type != .indirect else { throw .badCommand }
        var buckets = before.buckets
        let new = try numbered(mod.buckets, beside: buckets)
        switch mod.commandBucket {
        case .first: buckets = new + buckets
        case .last: buckets += new
        case .id(let id):
            guard let place = buckets.firstIndex(where: { $0.id == id }) else {
                throw .unknownBucket(id)
            }
            buckets.insert(contentsOf: new, at: place + 1)
        case .all: throw .badCommand
        }
        try put(mod.keeping(before), buckets: buckets, now: now)
    }

    private mutating func removeBuckets(
        _ mod: GroupMod, now: Instant
    ) throws(GroupModError) {
        guard let before = groups[mod.group] else { throw .unknownGroup(mod.group) }
        guard before.type != .indirect else { throw .badCommand }
        var buckets = before.buckets
        switch mod.commandBucket {
        case .all: buckets = []
        case .first: buckets = Array(buckets.dropFirst())
        case .last: buckets = Array(buckets.dropLast())
        case .id(let id):
            guard let place = buckets.firstIndex(where: { $0.id == id }) else {
                throw .unknownBucket(id)
            }
            buckets.remove(at: place)
        }
        try put(mod.keeping(before), buckets: buckets, now: now)
    }

    /// One that is not there is no error (1.3.5 §6.5).
    private mutating func remove(_ number: UInt32) -> [UInt32] {
        let gone = number == GroupNumber.all ? numbers : groups[number] == nil ? [] : [number]
        for number in gone { groups[number] = nil }
        if !gone.isEmpty { generation += 1 }
        return gone
    }
}

extension GroupMod {
    /// The same for a group whose type and selection stay.
    fileprivate func keeping(_ group: Group) -> GroupMod {
        var mod = self
        (mod.type, mod.selection) = (group.type, group.selection)
        return mod
    }
}
