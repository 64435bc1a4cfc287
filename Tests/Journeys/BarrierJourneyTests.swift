import DatabaseProtocol
import DatabaseReplica
import DatapathMessages
import OpenFlow
import Testing

/// A barrier's answer means "in force": a frame that arrives in that very moment, and finds a
/// cached flow that was made before, is treated by the tables as they are now.
@Suite struct BarrierJourneyTests {
    static let frame = JourneyTests.frame(to: JourneyTests.hostB, from: JourneyTests.hostA)

    /// A change, and where frames of p1 go after it.
    struct Change: Sendable {
        var bodies: @Sendable () throws -> [OpenFlowMessage.Body]
        var goesTo: [String]
    }

    static func flow(
        _ line: String, _ command: FlowMod.Command = .add
    ) throws -> OpenFlowMessage.Body {
        .flowMod(try FlowText.parse(line, command))
    }
    static func group(_ line: String, _ command: GroupMod.Command) throws -> OpenFlowMessage.Body {
        .groupMod(try GroupText.parse(line, command))
    }

    static let changes: [Change] = [
        Change(bodies: { [try flow("in_port=1,actions=output:2")] }, goesTo: ["p2"]),
        Change(bodies: { [try flow("in_port=1,actions=output:3", .modify)] }, goesTo: ["p3"]),
        Change(
            bodies: { [try flow("priority=40000,in_port=1,actions=output:2,output:3")] },
            goesTo: ["p2", "p3"]),
        Change(
            bodies: { [try flow("priority=40000,in_port=1", .deleteStrict)] }, goesTo: ["p3"]),
        Change(
            bodies: {
                [
                    try flow("in_port=1,actions=goto_table:4"),
                    try flow("table=4,udp,actions=output:2"),
                ]
            }, goesTo: ["p2"]),
        Change(bodies: { [try flow("table=4,udp,actions=drop")] }, goesTo: []),
        Change(
            bodies: {
                [
                    try group("group_id=5,type=all,bucket=actions=output:2", .add),
                    try flow("table=4,udp,actions=group:5"),
                ]
            }, goesTo: ["p2"]),
        Change(
            bodies: { [try group("group_id=5,type=all,bucket=actions=output:3", .modify)] },
            goesTo: ["p3"]),
        Change(
            bodies: { [try flow("", .delete), try group("group_id=5", .delete)] }, goesTo: []),
    ]

    @Test func whatArrivesWithTheAnswerMeetsTheNewTables() throws {
        var world = World()
        world.addBridge(
            "br0", ports: [("p1", RowValues()), ("p2", RowValues()), ("p3", RowValues())])
        let one = try world.port("p1")
        world.openTool(bridge: "br0")
        world.say([try Self.flow("", .delete), .barrierRequest])
        for round in 0..<2 {
            for (number, change) in Self.changes.enumerated() {
                // The flow of the tables before is cached, and known to be.
                world.receive(Self.frame, from: one)
                let misses = world.statistics.misses
                world.receive(Self.frame, from: one)
                #expect(world.statistics.misses == misses)
                _ = world.takeSent()
                let heard = world.toolHeard.count
                world.frameAtBarrier = (Self.frame, one)
                world.say(try change.bodies() + [.barrierRequest])
                world.frameAtBarrier = nil
                let answers = world.toolHeard[heard...].map(\.body)
                #expect(answers == [.barrierReply])
                let went = world.takeSent().compactMap { world.name(ofPort: $0.port) }
                #expect(went.sorted() == change.goesTo, "round \(round), change \(number)")
            }
        }
        #expect(world.brokenInvariant == nil)
        #expect(!world.steps.contains { $0.contains("not settle") })
    }

    @Test func aBridgeSaysTheVersionsThatItAllows() throws {
        #expect(OpenFlowVersions(named: []) == .spoken)
        #expect(
            OpenFlowVersions(named: ["OpenFlow13", "OpenFlow10", "x"])
                == OpenFlowVersions([.v10, .v13]))
        var world = World()
        world.addBridge("br0", ports: [])
        var change = TransactionBuilder(database: "Open_vSwitch")
        let protocols = Datum(set: [.string("OpenFlow13")])
        change.append(.update(table: "Bridge", where: [], row: ["protocols": protocols]))
        world.transact(change)
        world.openTool(bridge: "br0")
        #expect(world.toolHeard.map(\.body) == [.hello(OpenFlowVersions([.v13]))])
    }

    /// Nothing is buffered, so a rule cannot send what is; but a deletion's number means nothing,
    /// and some controllers leave one there.
    @Test(arguments: [
        (FlowMod.Command.add, true), (.modify, true), (.delete, false), (.deleteStrict, false),
    ])
    func aBufferThatIsNotThere(command: FlowMod.Command, isRefused: Bool) throws {
        var world = World()
        world.addBridge("br0", ports: [("p1", RowValues()), ("p2", RowValues())])
        world.openTool(bridge: "br0")
        world.say([try Self.flow("in_port=1,actions=output:2"), .barrierRequest])
        let heard = world.toolHeard.count
        let actions = isRefused ? ",actions=output:1" : ""
        var mod = try FlowText.parse("in_port=1\(actions)", command)
        mod.bufferID = 0
        world.say([.flowMod(mod), .barrierRequest])
        let answers = world.toolHeard[heard...].map(\.body)
        #expect(answers.last == .barrierReply)
        var codes: [OpenFlowErrorCode?] = []
        for case .error(let report) in answers { codes.append(report.code) }
        #expect(codes == (isRefused ? [.bufferUnknown] : []))
    }

    /// The datapath says nothing of a packet that it has sent, and a barrier behind packets waits
    /// for them all the same.
    @Test func aBarrierWaitsForPackets() throws {
        var world = World()
        world.addBridge("br0", ports: [("p1", RowValues()), ("p2", RowValues())])
        world.openTool(bridge: "br0")
        world.isDatapathBusy = true
        let (heard, answered) = (world.toolHeard.count, world.answeredOrders.count)
        let packet = OpenFlowMessage.Body.packetOut(
            PacketOut(
                inPort: .controller, actions: [.output(port: PortNumber(2), maxLength: 0)],
                bytes: Self.frame))
        world.say([packet, packet, packet, .barrierRequest])
        #expect(world.toolHeard.count == heard && world.takeSent().isEmpty)
        world.endBusyDatapath()
        #expect(world.takeSent().count == 3)
        #expect(world.toolHeard[heard...].map(\.body) == [.barrierReply])
        let said = world.answeredOrders[answered...]
        #expect(!said.isEmpty && !said.contains(DatapathSequence.untold), "\(said)")
        // Nothing is asked of it behind what it answers anyway.
        world.say([.barrierRequest])
        #expect(world.toolHeard.last?.body == .barrierReply)
        #expect(world.answeredOrders.count == answered + said.count)
    }
}
