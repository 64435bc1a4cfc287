import DatapathMessages
import Execution
import Flows
import Packets
import Testing
import Timekeeping

@testable import Forwarding

private let frame = Build.ethernet(0x1234, [1, 2, 3, 4])

/// Workers that come into use and go, and ports that are given to others.
struct WorkerOrderTests {
    private static func plan(_ processors: [UInt32], isolates: Bool = true) -> WorkerPlan {
        WorkerPlan(processors: processors, isolates: isolates)
    }

    /// Orders workers, and carries it out as a program does.
    ///
    /// - Returns: Ports that go to others, in words.
    private static func set(_ plan: WorkerPlan, _ bench: inout TeamBench) -> [String] {
        let effects = bench.desk.take(
            .setWorkers(plan), sequence: 5, from: TeamBench.client, now: bench.now, bench.team)
        guard case .setWorkers(let asked, let caller)? = effects.first else {
            return [bench.replies(effects) == [.done] ? "nothing" : "odd"]
        }
        #expect(asked == plan && effects.count == 1)
        let count = plan.processors.isEmpty ? 1 : plan.processors.count
        return moves(
            bench.desk.workersSet(plan, count: count, for: caller, now: bench.now, bench.team),
            bench)
    }

    private static func receive(
        _ port: UInt32, _ receiving: PortReceiving, _ bench: inout TeamBench
    ) -> [String] {
        let order = DatapathRequest.setReceiving(port: port, receiving)
        return moves(
            bench.desk.take(
                order, sequence: 5, from: TeamBench.client, now: bench.now, bench.team), bench)
    }

    private static func moves(_ effects: [DeskEffect], _ bench: borrowing TeamBench) -> [String] {
        let replies = bench.replies(effects)
        #expect(replies == [.done], "answered once, when it is done")
        return effects.compactMap {
            guard case .receivePort(let number, let workers) = $0 else { return nil }
            return "\(number)>\(workers)"
        }
    }

    @Test func portsAreSharedOutAnew() {
        var bench = TeamBench(3, used: 1)
        for port in 1...3 as ClosedRange<UInt32> { bench.open(port) }
        let alone = bench.homes(of: 1...3)
        #expect(alone == [[0], [0], [0]])
        let grown = Self.set(Self.plan([2, 4, 6]), &bench)
        #expect(grown == ["1>[2]", "2>[1]"])
        let again = Self.set(Self.plan([2, 4, 6]), &bench)
        #expect(again == ["nothing"])
        let fewer = Self.set(Self.plan([1, 3]), &bench)
        #expect(fewer == ["1>[1]", "2>[0]", "3>[1]"])
        let standard = Self.set(WorkerPlan(), &bench)
        #expect(standard == ["1>[0]", "3>[0]"])
        bench.expectSound()
    }

    @Test func flowsGoWithTheChange() {
        var bench = TeamBench(2, used: 1)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        bench.order(.putFlow(Bench.flow(inPort: 1, [.output(port: 2)])))
        let before = bench.flowCounts()
        #expect(before == [1, 0])
        _ = Self.set(Self.plan([0, 1]), &bench)
        let between = bench.flowCounts()
        #expect(between == [0, 0])
        bench.order(.putFlow(Bench.flow(inPort: 1, [.output(port: 2)])))
        let after = bench.flowCounts()
        #expect(after == [0, 1])
        bench.send(frame, from: 1)
        bench.expectSound()
    }

    /// A question may be under way while its port goes to another worker.
    @Test func aLateAnswerFindsTheNewWorker() throws {
        var bench = TeamBench(2, used: 1)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        bench.send(frame, from: 1)
        let upcall = try #require(bench.ask().first)
        _ = Self.set(Self.plan([0, 1]), &bench)
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        bench.order(
            .answerUpcall(
                UpcallAnswer(
                    id: upcall.id, mask: flow.mask, executes: true, actions: flow.actions)))
        let counts = bench.flowCounts()
        #expect(counts == [0, 1])
        let sent = bench.sent()
        #expect(sent == [1, 0])
        bench.expectSound()
    }

    @Test func queuesHaveTheirWorkers() {
        var bench = TeamBench(4)
        for port in 1...3 as ClosedRange<UInt32> { bench.open(port) }
        _ = bench.desk.workersSet(
            Self.plan([3, 5, 7, 9]), count: 4,
            for: DeskCaller(client: TeamBench.client, sequence: 1), now: bench.now, bench.team)
        let first = bench.homes(of: 1...3)
        #expect(first == [[3], [2], [1]])
        let two = Self.receive(2, PortReceiving(queueCount: 2), &bench)
        #expect(two == ["2>[2, 1]", "3>[0]"])
        let chosen = Self.receive(
            2,
            PortReceiving(
                queueCount: 2,
                affinities: [.init(queue: 0, processor: 3), .init(queue: 1, processor: 9)]),
            &bench)
        #expect(chosen == ["1>[2]", "2>[0, 3]", "3>[1]"])
        let isolated = Array(bench.desk.homes.isolated)
        #expect(isolated == [0, 3])
        let same = Self.receive(
            2,
            PortReceiving(
                queueCount: 2,
                affinities: [.init(queue: 0, processor: 7), .init(queue: 1, processor: 7)]),
            &bench)
        #expect(same.contains("2>[2]"), "two queues of one worker are one")
        _ = Self.receive(2, PortReceiving(affinities: [.init(queue: 0, processor: 4)]), &bench)
        let none = bench.homes(of: 1...3)
        #expect(none == [[3], [2], [1]], "nobody is chosen")
        let free = Array(bench.desk.homes.isolated)
        #expect(free.isEmpty)
        bench.expectSound()
    }

    @Test func whoIsChosenMayHaveOthersToo() {
        var bench = TeamBench(2)
        for port in 1...3 as ClosedRange<UInt32> { bench.open(port) }
        let caller = DeskCaller(client: TeamBench.client, sequence: 1)
        for isolates in [true, false] {
            _ = bench.desk.workersSet(
                Self.plan([0, 1], isolates: isolates), count: 2, for: caller, now: bench.now,
                bench.team)
            let pinned = PortReceiving(affinities: [.init(queue: 0, processor: 1)])
            _ = bench.desk.take(
                .setReceiving(port: 1, pinned), sequence: 1, from: TeamBench.client,
                now: bench.now, bench.team)
            let homes = bench.homes(of: 1...3)
            #expect(homes == (isolates ? [[1], [0], [0]] : [[1], [0], [1]]))
        }
        bench.order(.deletePort(number: 1))
        bench.open(1)
        let wish = bench.desk.receiving[1]
        #expect(wish == nil, "a port begins without wishes")
    }

    @Test func aPortThatIsNotThereIsRefused() {
        var bench = TeamBench(2)
        let replies = bench.order(.setReceiving(port: 9, PortReceiving(queueCount: 2)))
        guard case .failed(let errno, _)? = replies.first else {
            Issue.record("there is no port 9")
            return
        }
        #expect(errno == 19)
    }

    /// A forwarder that is made later knows the ports of the first, at the same places.
    @Test func aLateForwarderKnowsThePorts() throws {
        var first = Forwarder(ForwarderSettings(hashSeed: 1))
        for port in [4, 2, 9, 7] as [UInt32] { try first.addPort(port) }
        try first.removePort(2)
        first.hasVswitchd = true
        var second = Forwarder(ForwarderSettings(hashSeed: 1, worker: 1, of: 2), beside: first)
        let (numbers, hasVswitchd) = (second.portNumbers, second.hasVswitchd)
        #expect(numbers == [4, 7, 9] && hasVswitchd)
        let report = second.report(ofPort: 7)
        #expect(report == PortReport())
        try first.addPort(30)
        try second.addPort(30)
        let places = (first.ledger.ports.place(of: 30), second.ledger.ports.place(of: 30))
        #expect(places.0 == places.1)
        let broken = second.brokenInvariant()
        #expect(broken == nil)
    }
}
