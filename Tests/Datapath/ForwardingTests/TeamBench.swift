import DatapathMessages
import Execution
import Flows
import Packets
import Testing
import Timekeeping

@testable import Forwarding

/// A datapath of several workers without threads: packets of a port go to a worker that has it.
struct TeamBench: ~Copyable {
    let forwarders: UnsafeMutablePointer<Forwarder>
    let sinks: UnsafeMutablePointer<RecordingSink>
    let count: Int
    let team: ForwarderTeam<RecordingSink>
    let touches = Touches()
    var desk: OrderDesk
    var now = Instant(nanosecondsSinceStart: 5_000_000_000)
    private var memory: [UnsafeMutableRawPointer] = []

    /// Which workers were approached.
    final class Touches { var workers: Set<Int> = [] }

    static let client = ClientID(1)

    /// - Parameter used: How many of them receive; all if not said.
    init(_ count: Int, used: Int? = nil, flowLimit: Int = 1000) {
        self.count = count
        forwarders = .allocate(capacity: count)
        sinks = .allocate(capacity: count)
        let touches = touches
        var team = ForwarderTeam<RecordingSink> { touches.workers.insert($0) }
        for worker in 0..<count {
            var settings = ForwarderSettings(hashSeed: 1, worker: worker, of: count)
            settings.flowLimit = flowLimit
            (forwarders + worker).initialize(
                to: worker == 0
                    ? Forwarder(settings) : Forwarder(settings, beside: forwarders.pointee))
            (sinks + worker).initialize(to: RecordingSink())
            sinks[worker].scratchLimit = .max
            team.add(forwarders + worker, sinks + worker)
        }
        self.team = team
        desk = OrderDesk(workerCount: used ?? count)
        order(.takeUpcalls)
    }

    deinit {
        forwarders.deinitialize(count: count)
        sinks.deinitialize(count: count)
        forwarders.deallocate()
        sinks.deallocate()
        for piece in memory { piece.deallocate() }
    }

    @discardableResult
    mutating func order(_ request: DatapathRequest) -> [DatapathReply] {
        replies(desk.take(request, sequence: 5, from: Self.client, now: now, team))
    }

    /// Answers that came together.
    mutating func answer(_ answers: [UpcallAnswer], from client: ClientID) -> [DatapathReply] {
        replies(desk.take(answers: answers, from: client, now: now, team))
    }

    func replies(_ effects: [DeskEffect]) -> [DatapathReply] {
        effects.compactMap { if case .reply(_, _, let reply, _) = $0 { reply } else { nil } }
    }

    mutating func open(_ number: UInt32, kind: VportKind = .netdev) {
        order(.addPort(Vport(number: number, kind: kind, name: "p\(number)")))
        _ = desk.portOpened(number: number, interfaceIndex: number, team)
    }

    func homes(_ port: UInt32) -> [Int] { Array(desk.homes.workers(ofPort: port)) }

    func homes(of ports: ClosedRange<UInt32>) -> [[Int]] { ports.map { homes($0) } }

    /// - Parameter worker: Of a port that is spread; else its own.
    mutating func send(_ bytes: [UInt8], from port: UInt32, by worker: Int? = nil) {
        let start = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 32, alignment: 16)
        memory.append(start)
        (start + 32).copyMemory(from: bytes, byteCount: bytes.count)
        let frame = Frame(
            start: start + 32, byteCount: bytes.count, headroom: 32, vlanTPID: 0, vlanTCI: 0,
            offload: .none)
        let worker = worker ?? desk.homes.workers(ofPort: port).lowest
        forwarders[worker].process(frame, from: port, now: now, into: &sinks[worker])
    }

    /// Asks vswitchd, worker after worker.
    mutating func ask() -> [Upcall] {
        (0..<count).flatMap { forwarders[$0].takeUpcalls(atMost: .max, keeping: true) }
    }

    /// All flows, or those with news, as a client is told.
    mutating func dump(onlyNews: Bool = false) -> [CachedFlow] {
        order(onlyNews ? .listFlowNews : .listFlows)
        var flows: [CachedFlow] = []
        while desk.hasDumps {
            for reply in replies(desk.continueDumps(team, isReady: { _ in true })) {
                if case .flow(let flow) = reply { flows.append(flow) }
            }
        }
        return flows
    }

    func flowCounts() -> [Int] { (0..<count).map { Int(forwarders[$0].statistics.flows) } }

    mutating func sent() -> [Int] { (0..<count).map { sinks[$0].held.count } }

    /// Each forwarder is sound; sums are those of its parts; a flow counts once.
    mutating func expectSound(_ place: SourceLocation = #_sourceLocation) {
        for worker in 0..<count {
            let broken = forwarders[worker].brokenInvariant()
            #expect(broken == nil, sourceLocation: place)
        }
        let told = dump()
        let statistics = desk.statistics(team)
        #expect(Int(statistics.flows) == told.count, sourceLocation: place)
        let names = Set(told.map { Name(key: $0.key, mask: $0.mask) })
        #expect(names.count == told.count, "told once", sourceLocation: place)
        for port in desk.portsInOrder {
            let report = team.report(ofPort: port.number ?? 0)
            let ends = report?.ends.reduce(0) { $0 + $1.value }
            #expect(ends == report?.statistics.rxPackets, sourceLocation: place)
        }
    }

    private struct Name: Hashable {
        var key: FlowKey
        var mask: FlowMask
    }
}
