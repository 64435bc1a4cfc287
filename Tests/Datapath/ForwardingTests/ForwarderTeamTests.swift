import DatapathMessages
import Execution
import Flows
import Packets
import Testing
import Timekeeping

@testable import Forwarding

private let frame = Build.ethernet(0x1234, [1, 2, 3, 4])

/// Several forwarders are one datapath to whoever gives orders.
struct ForwarderTeamTests {
    @Test func portsAreSpreadAndKeepTheirWorker() {
        var homes = PortHomes(workerCount: 3)
        homes.settle(1, .init(kind: .internal))
        for port in 2...7 as ClosedRange<UInt32> { homes.settle(port) }
        #expect((1...7).map { homes.workers(ofPort: $0).lowest } == [2, 2, 1, 0, 2, 1, 0])
        homes.settle(4)
        #expect(homes.workers(ofPort: 4).lowest == 0, "once settled, settled")
        #expect(homes.workers(ofPort: 8).lowest == 0, "not settled")
        #expect(homes.workers(ofPort: 65_535).lowest == 0, "no port's number")
        homes.forgetAll(but: [3: .netdev, 6: .netdev])
        homes.settle(9)
        homes.settle(10)
        #expect(homes.workers(ofPort: 3).lowest == 1 && homes.workers(ofPort: 6).lowest == 1)
        #expect(homes.workers(ofPort: 9).lowest == 2 && homes.workers(ofPort: 10).lowest == 0)
        homes.settle(11, .init(queueCount: 5))
        #expect(Array(homes.workers(ofPort: 11)) == [0, 1, 2])
        #expect(Array(PortHomes(workerCount: 1).workers(ofPort: 5)) == [0])
    }

    @Test(arguments: [0, 1, 5, 63]) func setsOfWorkers(worker: Int) {
        #expect(Array(WorkerSet.only(worker)) == [worker] && WorkerSet.only(worker).count == 1)
        #expect(Array(WorkerSet.first(worker + 1)) == Array(0...worker))
        #expect(WorkerSet.first(worker + 1).contains(worker))
        #expect(!WorkerSet.only(worker).contains(worker ^ 1))
    }

    @Test func aFlowIsWhereItsPacketsCome() {
        var bench = TeamBench(2)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        #expect(bench.homes(1) == [1] && bench.homes(2) == [0])
        bench.touches.workers = []
        bench.order(.putFlow(Bench.flow(inPort: 1, [.output(port: 2)])))
        #expect(bench.touches.workers == [1], "nobody else was stopped")
        #expect(bench.flowCounts() == [0, 1])
        bench.send(frame, from: 1)
        let sent = bench.sent()
        #expect(sent == [0, 1], "sent by the worker that received it")
        let report = bench.team.report(ofPort: 2)
        #expect(report?.statistics.txPackets == 1)
        bench.expectSound()
        let flow = Bench.flow(inPort: 1, [])
        let gone = bench.order(.deleteFlow(key: flow.key, mask: flow.mask))
        #expect(gone.count == 2 && bench.flowCounts() == [0, 0])
        bench.expectSound()
    }

    /// For any port: every worker has it, everybody else sees one.
    @Test func aFlowForAllIsOneFlow() {
        var bench = TeamBench(3)
        for port in 1...3 as ClosedRange<UInt32> { bench.open(port) }
        var flow = Bench.flow(inPort: 0, [.output(port: 2)])
        flow.mask.inPort = 0
        flow.ufid = nil
        bench.order(.putFlow(flow))
        bench.order(.putFlow(Bench.flow(inPort: 3, to: MACAddress(bits: 9), [])))
        #expect(bench.flowCounts().reduce(0, +) == 4)
        for port in 1...3 as ClosedRange<UInt32> { bench.send(frame, from: port) }
        let news = bench.dump(onlyNews: true)
        #expect(news.map(\.statistics.packets).sorted() == [0, 3])
        let nothing = bench.dump(onlyNews: true)
        #expect(nothing.isEmpty)
        bench.send(frame, from: 1)
        let one = bench.dump(onlyNews: true)
        #expect(one.map(\.statistics.packets) == [4], "the sum, though one worker had news")
        bench.expectSound()
        flow.actions = []
        bench.order(.putFlow(flow))
        let all = bench.dump().filter { $0.mask.inPort == 0 }
        #expect(all.map(\.actions) == [[]] && all.map(\.statistics.packets) == [4])
        bench.expectSound()
        let gone = bench.order(.deleteFlow(key: flow.key, mask: flow.mask))
        guard case .flow(let last) = gone.first else {
            Issue.record("the flow is told")
            return
        }
        #expect(last.statistics.packets == 4)
        let again = bench.order(.deleteFlow(key: flow.key, mask: flow.mask))
        guard case .failed(let errno, _) = again.first else {
            Issue.record("it was there once")
            return
        }
        #expect(errno == 2)
        bench.expectSound()
    }

    @Test func aFlowIsInAllOrInNone() {
        var bench = TeamBench(2, flowLimit: 2)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        for low in 1...2 as ClosedRange<UInt64> {
            bench.order(
                .putFlow(Bench.flow(inPort: 1, to: MACAddress(bits: low), [.output(port: 2)])))
        }
        var flow = Bench.flow(inPort: 0, [.output(port: 2)])
        flow.mask.inPort = 0
        let replies = bench.order(.putFlow(flow))
        guard case .failed(let errno, _) = replies.first else {
            Issue.record("worker 1 has no room")
            return
        }
        #expect(errno == 28 && bench.flowCounts() == [0, 2])
        bench.expectSound()
    }

    @Test func anAnswerFindsWhoKeepsThePacket() throws {
        var bench = TeamBench(2)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        bench.send(frame, from: 1)
        bench.send(frame, from: 2)
        let upcalls = bench.ask()
        #expect(upcalls.map { KeptUpcalls.worker(of: $0.id) } == [0, 1])
        for upcall in upcalls.reversed() {
            let out: UInt32 = upcall.key.inPort == 1 ? 2 : 1
            let flow = Bench.flow(inPort: upcall.key.inPort, [.output(port: out)])
            let refusals = bench.order(
                .answerUpcall(
                    UpcallAnswer(
                        id: upcall.id, mask: flow.mask, executes: true, actions: flow.actions)))
            #expect(refusals.isEmpty)
        }
        let sent = bench.sent()
        #expect(sent == [1, 1] && bench.flowCounts() == [1, 1])
        #expect(bench.team.executedPackets == [.forwarded: 2])
        let stranger = bench.order(
            .answerUpcall(UpcallAnswer(id: 5 << 26 | 1, executes: true, actions: [])))
        guard case .failed = stranger.first else {
            Issue.record("there is no worker 5")
            return
        }
        bench.expectSound()
    }

    /// Answers that come together are what each of them would be alone; one that is refused keeps
    /// none of the others.
    @Test(arguments: [1, 2]) func answersMayComeTogether(workers: Int) throws {
        var bench = TeamBench(workers)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        for port in [1, 2, 1] as [UInt32] { bench.send(frame, from: port) }
        let upcalls = bench.ask()
        #expect(upcalls.count == 3)
        var answers = upcalls.map { upcall in
            let flow = Bench.flow(
                inPort: upcall.key.inPort, [.output(port: 3 - upcall.key.inPort)])
            return UpcallAnswer(
                id: upcall.id, mask: flow.mask, executes: true, actions: flow.actions)
        }
        answers.insert(UpcallAnswer(id: 5 << 26 | 1, executes: true, actions: []), at: 1)
        let strangers = bench.answer(answers, from: ClientID(9))
        #expect(strangers.count == 4 && bench.flowCounts().reduce(0, +) == 0)
        let refusals = bench.answer(answers, from: TeamBench.client)
        #expect(refusals.count == 1 && bench.flowCounts().reduce(0, +) == 2)
        #expect(bench.team.executedPackets == [.forwarded: 3])
        bench.expectSound()
    }

    /// A port that is spread: whoever asks, all learn.
    @Test func aSpreadPortsFlowIsEverywhere() throws {
        var bench = TeamBench(2)
        bench.desk.spreads = ["p1"]
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        bench.send(frame, from: 1, by: 1)
        let upcall = try #require(bench.ask().first)
        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        bench.order(
            .answerUpcall(
                UpcallAnswer(
                    id: upcall.id, mask: flow.mask, executes: true, actions: flow.actions)))
        for worker in [0, 1, 1] { bench.send(frame, from: 1, by: worker) }
        let sent = bench.sent()
        #expect(sent == [1, 3] && bench.flowCounts() == [1, 1])
        let told = bench.dump()
        #expect(told.map(\.statistics.packets) == [3])
        bench.expectSound()
    }

    /// One bucket, whoever asks.
    @Test func metersAreShared() {
        var bench = TeamBench(2)
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        bench.order(
            .putMeter(
                DatapathMeter(id: 7, unit: .packets, bands: [.init(rate: 1, burst: 3)])))
        for port in 1...2 as ClosedRange<UInt32> {
            let actions = [DatapathAction.meter(id: 7), .output(port: 3 - port)]
            bench.order(.putFlow(Bench.flow(inPort: port, actions)))
        }
        for port in [1, 2, 1, 2, 1, 2, 1, 2] as [UInt32] { bench.send(frame, from: port) }
        let sent = bench.sent()
        #expect(sent.reduce(0, +) == 3)
        let seen = bench.team.meter(7)?.1.total.packets
        #expect(seen == 8)
        bench.order(.deleteMeter(id: 7))
        bench.send(frame, from: 1)
        let after = bench.sent()
        #expect(after.reduce(0, +) == 4, "a flow whose meter is gone lets all pass")
        bench.expectSound()
    }

    /// A port that is spread has one allowance.
    @Test func policingIsShared() {
        var bench = TeamBench(2)
        bench.desk.spreads = ["p1"]
        for port in 1...2 as ClosedRange<UInt32> { bench.open(port) }
        var traffic = PortTraffic()
        traffic.policing.packets = .init(rate: 1, burst: 3)
        bench.order(.setTraffic(port: 1, traffic))
        for _ in 0..<4 { for worker in 0...1 { bench.send(frame, from: 1, by: worker) } }
        let report = bench.team.report(ofPort: 1)
        #expect(report?.ends == [.policed: 5, .missUpcall: 3])
        bench.order(.deletePort(number: 1))
        bench.open(1)
        for _ in 0..<4 { bench.send(frame, from: 1, by: 0) }
        let free = bench.team.report(ofPort: 1)
        #expect(free?.ends == [.missUpcall: 4])
        bench.expectSound()
    }

    @Test func receiversAreTold() {
        var bench = TeamBench(2)
        bench.desk.spreads = ["p3"]
        for port in 1...3 as ClosedRange<UInt32> { bench.open(port) }
        #expect(
            bench.desk.receiversText(processors: [4, 6]) == """
                pmd thread numa_id 0 core_id 4:
                  isolated : false
                  port: p2                queue-id:  0 (enabled)
                  port: p3                queue-id:  1 (enabled)
                pmd thread numa_id 0 core_id 6:
                  isolated : false
                  port: p1                queue-id:  0 (enabled)
                  port: p3                queue-id:  0 (enabled)

                """)
    }
}
