import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Testing

// Groups: what a group mod does and is refused for, and where packets go.

private func bucket(
    _ port: UInt16, weight: UInt16 = 0, watch: UInt16? = nil, id: UInt32? = nil
) -> Bucket {
    Bucket(
        id: id, weight: weight, watchPort: watch.map { PortNumber($0) },
        actions: [.output(port)])
}

private func mod(
    _ command: GroupMod.Command, _ type: GroupType = .all, _ group: UInt32 = 1,
    _ buckets: [Bucket] = [], _ place: GroupMod.CommandBucket = .all,
    selection: GroupSelection = GroupSelection()
) -> GroupMod {
    GroupMod(
        command: command, type: type, group: group, buckets: buckets, commandBucket: place,
        selection: selection)
}

extension ForwardingModel {
    fileprivate mutating func group(_ mod: GroupMod) throws(GroupModError) {
        _ = try self[bridge: 0].tables.apply(mod, now: .start)
    }

    fileprivate func ids(ofGroup group: UInt32 = 1) -> [UInt32?] {
        self[bridge: 0].tables.groups[group]?.buckets.map(\.id) ?? []
    }
}

@Suite struct GroupTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mod: GroupMod
        var error: GroupModError
    }
    @Test(arguments: [
        Refusal(testDescription: "there already", mod: mod(.add, .all, 7), error: .groupExists(7)),
        Refusal(testDescription: "not there", mod: mod(.modify), error: .unknownGroup(1)),
        Refusal(
            testDescription: "a reserved number", mod: mod(.add, .all, 0xffff_fffd),
            error: .invalidGroup(0xffff_fffd)),
        Refusal(
            testDescription: "indirect with two buckets",
            mod: mod(.add, .indirect, 1, [bucket(1), bucket(2)]), error: .invalidGroup(1)),
        Refusal(
            testDescription: "weights without a choice",
            mod: mod(.add, .all, 1, [bucket(1, weight: 2)]), error: .invalidGroup(1)),
        Refusal(
            testDescription: "failover without a watch",
            mod: mod(.add, .fastFailover, 1, [bucket(1)]), error: .invalidGroup(1)),
        Refusal(
            testDescription: "watching without a choice",
            mod: mod(.add, .all, 1, [bucket(1, watch: 1)]), error: .watchUnsupported),
        Refusal(
            testDescription: "two buckets of one id",
            mod: mod(.add, .all, 1, [bucket(1, id: 5), bucket(2, id: 5)]), error: .bucketExists(5)),
        Refusal(
            testDescription: "sends to itself",
            mod: mod(.add, .all, 1, [Bucket(actions: [.group(1)])]), error: .loop(1)),
        Refusal(
            testDescription: "sends to itself by way of another",
            mod: mod(.modify, .all, 7, [Bucket(actions: [.group(8)])]), error: .loop(7)),
        Refusal(
            testDescription: "a bucket that no set has",
            mod: mod(.add, .all, 1, [Bucket(actions: [.exit])]),
            error: .badAction(.badArgument(what: "an action set has no such action"))),
        Refusal(
            testDescription: "insert behind one that is not there",
            mod: mod(.insertBucket, .all, 7, [bucket(1)], .id(9)), error: .unknownBucket(9)),
        Refusal(
            testDescription: "an unknown method",
            mod: mod(.add, .select, 1, [], selection: GroupSelection(method: "x")),
            error: .badSelection("there is no selection method x")),
    ])
    func refusesAsAWhole(_ row: Refusal) throws {
        var model = makeModel()
        try model.group(mod(.add, .all, 7, [bucket(2)]))
        try model.group(mod(.add, .all, 8, [Bucket(actions: [.group(7)])]))
        let before = model[bridge: 0].tables.groups.descriptions(of: nil)
        #expect(throws: row.error) { try model.group(row.mod) }
        #expect(model[bridge: 0].tables.groups.descriptions(of: nil) == before)
    }

    @Test func bucketsAreNumberedAndChangedOneByOne() throws {
        var model = makeModel()
        try model.group(mod(.add, .select, 1, [bucket(1, weight: 1), bucket(2, weight: 1)]))
        #expect(model.ids() == [0, 1])
        try model.group(mod(.insertBucket, .all, 1, [bucket(3, weight: 1, id: 9)], .first))
        try model.group(mod(.insertBucket, .all, 1, [bucket(4, weight: 1, id: 8)], .id(0)))
        try model.group(mod(.insertBucket, .all, 1, [bucket(4, weight: 1)], .last))
        #expect(model.ids() == [9, 0, 8, 1, 2])
        #expect(model[bridge: 0].tables.groups[1]?.type == .select)
        try model.group(mod(.removeBucket, .all, 1, [], .id(8)))
        try model.group(mod(.removeBucket, .all, 1, [], .first))
        try model.group(mod(.removeBucket, .all, 1, [], .last))
        #expect(model.ids() == [0, 1])
        try model.group(mod(.removeBucket, .all, 1, [], .all))
        #expect(model.ids() == [])
    }

    @Test func aGroupThatGoesTakesItsRulesAlong() throws {
        var model = makeModel()
        #expect(throws: FlowModError.noSuchGroup(1)) { try model.add(.group(1)) }
        try model.group(mod(.add, .all, 1, [bucket(2)]))
        try model.add(priority: 1, .group(1))
        try model.add(priority: 2, Instructions(write: [.group(1)]))
        try model.add(priority: 3, .output(3))
        let outcome = try model[bridge: 0].tables.apply(mod(.delete, .all, 1), now: .start)
        #expect(outcome.removedCount == 2)
        #expect(model[bridge: 0].tables.count == 1)
        // To delete one that is not there is no error.
        try model.group(mod(.delete, .all, 1))
        try model.group(mod(.delete, .all, GroupNumber.all))
    }

    @Test func allGoesThroughEveryBucketWithACopy() throws {
        var model = makeModel()
        let tagged = Bucket(actions: [.output(3), .setVLANID(5)])
        try model.group(mod(.add, .all, 1, [bucket(2), tagged, bucket(4)]))
        try model.add(.group(1))
        #expect(
            model.translate(makePacket()).actions == [
                .output(port: 12), .pushVLAN(tpid: 0x8100, tci: 0x1005), .output(port: 13),
                .popVLAN, .output(port: 14),
            ])
    }

    @Test func failoverTakesTheFirstThatLives() throws {
        var model = makeModel()
        try model.group(
            mod(.add, .fastFailover, 1, [bucket(2, watch: 2), bucket(3, watch: 3)]))
        try model.add(.group(1))
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
        let before = model.structureGeneration
        setLive(2, false, &model)
        #expect(model.structureGeneration != before)
        #expect(model.translate(makePacket()).actions == [.output(port: 13)])
        setLive(3, false, &model)
        #expect(model.translate(makePacket()).end == .portDisabled)
        setLive(2, true, &model)
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
    }

    private func setLive(_ number: UInt16, _ isLive: Bool, _ model: inout ForwardingModel) {
        guard var port = model[bridge: 0].port(PortNumber(number)) else { return }
        port.isLive = isLive
        model.setPort(port, bridge: 0)
    }

    /// Where a select group sends 2000 connections.
    private func shares(_ model: ForwardingModel) -> [UInt32: Int] {
        var counts: [UInt32: Int] = [:]
        for number in 0..<UInt16(2000) {
            var packet = makePacket()
            packet.tpSrc = number
            var datapath = PretendedDatapath(model)
            datapath.run(model.translate(packet), on: .init(key: packet))
            #expect(datapath.sent.count == 1)
            counts[datapath.sent.first?.port ?? 0, default: 0] += 1
        }
        return counts
    }

    @Test(arguments: ["", "dp_hash", "hash"])
    func selectSharesByWeightAndMovesOnlyWhatMust(method: String) throws {
        var model = makeModel()
        let buckets = [
            bucket(2, weight: 1, watch: 2), bucket(3, weight: 2, watch: 3),
            bucket(4, weight: 1, watch: 4), bucket(1, weight: 0, watch: 1),
        ]
        try model.group(
            mod(.add, .select, 1, buckets, selection: GroupSelection(method: method)))
        try model.add(.group(1))
        let before = shares(model)
        #expect(before.keys.sorted() == [12, 13, 14])
        #expect((400...600).contains(before[12] ?? 0))
        #expect((850...1150).contains(before[13] ?? 0))
        setLive(3, false, &model)
        let after = shares(model)
        #expect(after.keys.sorted() == [12, 14])
        #expect((after[12] ?? 0) >= (before[12] ?? 0) && (after[14] ?? 0) >= (before[14] ?? 0))
    }

    /// Sixteen values of the hash among five are 4, 3, 3, 3 and 3: a quarter of all for the first.
    @Test func fiveEqualBucketsShareEqually() throws {
        var model = makeModel(ports: 6)
        try model.group(
            mod(.add, .select, 1, [2, 3, 4, 5, 6].map { bucket($0, weight: 1) }))
        try model.add(.group(1))
        let shares = shares(model)
        #expect(shares.count == 5)
        #expect(shares.values.allSatisfy { (360...440).contains($0) }, "\(shares)")
    }

    @Test func theFieldsOfAHashAreAllThatIsLookedAt() throws {
        var model = makeModel()
        let selection = GroupSelection(method: "hash", fields: [SelectedField(.ipv4Src)])
        try model.group(
            mod(
                .add, .select, 1, [bucket(2, weight: 1), bucket(3, weight: 1)],
                selection: selection))
        try model.add(.group(1))
        let mask = model.translate(makePacket()).mask
        #expect(mask.nwSrc.bits == .max && mask.nwDst.bits == 0 && mask.tpDst == 0)
    }

    @Test func bucketsAndGroupsCountWhatGoesThrough() throws {
        var model = makeModel()
        try model.group(mod(.add, .all, 1, [bucket(2), bucket(3)]))
        try model.add(.group(1))
        let translation = model.translate(makePacket())
        model.apply(translation.effects, now: .start, packetCount: 3, byteCount: 300)
        let statistics = model[bridge: 0].tables.groupStatistics(of: nil, now: at(2))
        #expect(statistics.count == 1)
        #expect(statistics.first?.referenceCount == 1)
        #expect(statistics.first?.total == .init(packets: 3, bytes: 300))
        #expect(
            statistics.first?.buckets == Array(repeating: .init(packets: 3, bytes: 300), count: 2))
        #expect(statistics.first?.durationNanoseconds == 2_000_000_000)
    }
}
