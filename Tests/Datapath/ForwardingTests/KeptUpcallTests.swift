import DatapathMessages
import Flows
import Packets
import Testing
import Timekeeping

@testable import Forwarding

private let frame = Build.ethernet(0x1234, [1, 2, 3, 4])

extension Bench {
    fileprivate mutating func ask(atMost count: Int = .max) -> [Upcall] {
        forwarder.takeUpcalls(atMost: count, keeping: true)
    }

    fileprivate mutating func answer(_ answer: UpcallAnswer) throws(OrderRefusal) {
        try forwarder.answer(answer, now: now, into: &sink)
    }

    fileprivate mutating func news() -> [CachedFlow] {
        var cursor = FlowCursor()
        return forwarder.dump(from: &cursor, atMost: .max, onlyNews: true)
    }

    fileprivate mutating func refusal(_ answer: UpcallAnswer) -> OrderRefusal? {
        do throws(OrderRefusal) { try self.answer(answer) } catch { return error }
        return nil
    }

    fileprivate mutating func take(
        _ request: DatapathRequest, _ client: UInt64, _ desk: inout OrderDesk
    ) -> [DeskEffect] {
        desk.take(request, sequence: 0, from: ClientID(client), now: now, &forwarder, &sink)
    }

    fileprivate mutating func sendUnknown(_ count: Int, from port: UInt32 = 1) {
        for _ in 0..<count { send(frame, from: port) }
    }
}

/// Packets that stay in the datapath until vswitchd has answered.
struct KeptUpcallTests {
    @Test func anAnswerInstallsAndExecutes() throws {
        var bench = try Bench()
        bench.sendUnknown(1)
        let upcalls = bench.ask()
        let upcall = try #require(upcalls.first)
        #expect(upcall.id != 0 && upcall.bytes == frame)
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        try bench.answer(
            UpcallAnswer(id: upcall.id, mask: flow.mask, executes: true, actions: flow.actions))
        bench.sendUnknown(1)
        let sent = bench.sent()
        #expect(sent.map(\.port) == [2, 2] && sent.map(\.bytes) == [frame, frame])
        #expect(bench.forwarder.statistics.flows == 1)
        #expect(bench.forwarder.executedPackets == [.forwarded: 1])
        bench.expectSound()
    }

    /// What an answer puts is no news to whoever answered; what an order puts may come of others.
    @Test func newsAreToldOnce() throws {
        var bench = try Bench()
        bench.sendUnknown(1)
        let upcalls = bench.ask()
        let upcall = try #require(upcalls.first)
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        try bench.answer(UpcallAnswer(id: upcall.id, mask: flow.mask, actions: flow.actions))
        let atFirst = bench.news()
        #expect(atFirst.isEmpty)
        bench.sendUnknown(3)
        let used = bench.news()
        #expect(used.map(\.statistics.packets) == [3])
        try bench.forwarder.install(Bench.flow(inPort: 9, []))
        var cursor = FlowCursor()
        let all = bench.forwarder.dump(from: &cursor, atMost: .max)
        #expect(all.count == 2, "telling all is telling no news")
        let ordered = bench.news()
        #expect(ordered.map(\.key.inPort) == [9])
        let nothing = bench.news()
        #expect(nothing.isEmpty)
        bench.expectSound()
    }

    @Test(arguments: [
        (false, true, [2], 0), (true, false, [], 1), (false, false, [], 0),
    ] as [(Bool, Bool, [UInt32], UInt64)])
    func anAnswerDoesWhatItSays(
        installs: Bool, executes: Bool, ports: [UInt32], flows: UInt64
    ) throws {
        var bench = try Bench()
        bench.sendUnknown(1)
        let upcalls = bench.ask()
        let id = try #require(upcalls.first).id
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        try bench.answer(
            UpcallAnswer(
                id: id, mask: installs ? flow.mask : nil, executes: executes,
                actions: flow.actions))
        #expect(bench.sent().map(\.port) == ports)
        #expect(bench.forwarder.statistics.flows == flows)
        bench.expectSound()
    }

    @Test func anAnswerSettlesThoseBeforeIt() throws {
        var bench = try Bench()
        bench.sendUnknown(3)
        let ids = bench.ask().map(\.id)
        #expect(ids == [1, 2, 3])
        let send = [DatapathAction.output(port: 2)]
        try bench.answer(UpcallAnswer(id: 2, executes: true, actions: send))
        for id in [1, 2, 0, 4, .max] as [UInt32] {
            let refusal = bench.refusal(UpcallAnswer(id: id, executes: true, actions: send))
            #expect(refusal == .noSuchUpcall)
        }
        try bench.answer(UpcallAnswer(id: 3, executes: true, actions: send))
        #expect(bench.sent().count == 2)
    }

    /// A flow that finds no room costs the next packets their time, not this one its way.
    @Test func aRefusedFlowDoesNotLoseItsPacket() throws {
        var bench = try Bench { $0.flowLimit = 1 }
        try bench.forwarder.install(Bench.flow(inPort: 3, [.output(port: 4)]))
        bench.sendUnknown(1)
        let upcalls = bench.ask()
        let id = try #require(upcalls.first).id
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        let refusal = bench.refusal(
            UpcallAnswer(id: id, mask: flow.mask, executes: true, actions: flow.actions))
        #expect(refusal == .tooManyFlows(limit: 1))
        #expect(bench.sent().map(\.port) == [2])
        bench.expectSound()
    }

    /// As many are asked about as may be; the rest waits in the fair queues for an answer.
    @Test func theWindowClosesAndOpens() throws {
        let window = ForwardingLimits.keptUpcalls
        var bench = try Bench { $0.upcallsPerPort = 2 * window }
        bench.sendUnknown(window + 5)
        bench.sendUnknown(1, from: 2)
        let asked = bench.ask()
        let more = bench.ask()
        #expect(asked.count == window && more.isEmpty)
        #expect(asked.contains { $0.key.inPort == 2 }, "the other port's turn came")
        #expect(bench.forwarder.waitingUpcallCount == 6)
        try bench.answer(UpcallAnswer(id: asked[3].id))
        let next = bench.ask().map(\.id)
        #expect(next == (1...4).map { asked[window - 1].id + $0 })
        bench.forwarder.forgetKeptUpcalls()
        let rest = bench.ask().count
        #expect(rest == 2)
        let refusal = bench.refusal(UpcallAnswer(id: asked[10].id))
        #expect(refusal == .noSuchUpcall)
    }

    /// Running numbers go round, 0 is nobody's, and a number tells whose it is.
    @Test(arguments: [0, 1, 63]) func numbersGoRound(worker: Int) {
        let last: UInt32 = 1 << 26 - 1
        let whose = UInt32(worker) << 26
        var kept = KeptUpcalls(capacity: 4, byteBudget: 100, worker: worker, first: last - 1)
        var ids: [UInt32] = []
        for _ in 0..<3 {
            var upcall = Upcall(
                reason: .miss, bytes: frame, originalByteCount: frame.count, key: FlowKey())
            kept.keep(&upcall)
            ids.append(upcall.id)
        }
        #expect(ids == [whose | (last - 1), whose | last, whose | 1])
        #expect(ids.allSatisfy { KeptUpcalls.worker(of: $0) == worker })
        let room = kept.room
        #expect(room == 0, "the place of 0 stays empty")
        let none = kept.take(whose)
        #expect(none == nil)
        let anothers = kept.take((whose | 1) ^ 1 << 27)
        #expect(anothers == nil)
        let found = kept.take(whose | 1)
        #expect(found?.id == whose | 1)
        let roomAgain = kept.room
        #expect(roomAgain == 4)
    }

    /// Only who is asked may answer, and whoever takes over knows of no question.
    @Test func theDeskKnowsWhoWasAsked() throws {
        var bench = try Bench()
        var desk = OrderDesk()
        func errno(_ effects: [DeskEffect]) -> Int32? {
            guard case .reply(_, _, .failed(let errno, _), _) = effects.first else { return nil }
            return errno
        }
        _ = bench.take(.takeUpcalls, 1, &desk)
        bench.sendUnknown(2)
        _ = bench.ask()
        let send = [DatapathAction.output(port: 2)]
        let first = DatapathRequest.answerUpcall(
            UpcallAnswer(id: 1, executes: true, actions: send))
        let second = DatapathRequest.answerUpcall(
            UpcallAnswer(id: 2, executes: true, actions: send))
        let strangers = bench.take(first, 2, &desk)
        #expect(errno(strangers) == 2)
        let effects = bench.take(first, 1, &desk)
        #expect(effects.isEmpty, "no acknowledgement")
        _ = bench.take(.takeUpcalls, 2, &desk)
        for client in [2, 1] as [UInt64] {
            let effects = bench.take(second, client, &desk)
            #expect(errno(effects) == 2)
        }
    }
}
