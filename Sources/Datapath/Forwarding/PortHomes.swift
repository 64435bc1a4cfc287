public import DatapathMessages
public import Flows

// Which worker receives what.
//
//     port 1 ──> worker 1        flow in_port(1) ──> worker 1
//     port 2 ──> worker 0        flow in_port(2) ──> worker 0
//     port 3 ──> 0 and 1         flow in_port(3) ──> 0 and 1     (a port with two queues)
//                                flow for any port ──> all
//
// A port number gets its workers when it is first heard of, and keeps them for as long as there may
// be flows that name it: a flow is always looked for where it was put. Each kind of port is spread
// by itself, because interfaces of the system carry most and internal ports little. Of workers with
// equally many the last is taken: worker 0 has orders and upcalls to see to. Who was chosen by name
// for a port takes no others, unless that is said.

/// Some of the workers of a datapath, in rising order.
public struct WorkerSet: Hashable, Sendable, Sequence, IteratorProtocol {
    /// One bit for each worker.
    private(set) var bits: UInt64

    private init(bits: UInt64) { self.bits = bits }

    public static func only(_ worker: Int) -> WorkerSet { WorkerSet(bits: 1 << UInt64(worker)) }

    init(_ workers: [Int]) { self.init(bits: workers.reduce(0) { $0 | 1 << UInt64($1) }) }

    mutating func insert(_ worker: Int) { bits |= 1 << UInt64(worker) }

    /// The workers below `count`.
    public static func first(_ count: Int) -> WorkerSet {
        WorkerSet(bits: count >= 64 ? .max : 1 << UInt64(count) - 1)
    }

    public func contains(_ worker: Int) -> Bool { bits >> UInt64(worker) & 1 == 1 }
    public var count: Int { bits.nonzeroBitCount }
    /// The lowest; 0 of none.
    public var lowest: Int { bits == 0 ? 0 : bits.trailingZeroBitCount }
    public var underestimatedCount: Int { count }

    public mutating func next() -> Int? {
        guard bits != 0 else { return nil }
        let worker = bits.trailingZeroBitCount
        bits &= bits - 1
        return worker
    }
}

/// Port numbers and their workers.
public struct PortHomes: Sendable {
    private static let none = UInt8.max

    /// How a port is to be received.
    public struct Wish: Sendable {
        public var kind: VportKind
        /// Queues, each with a worker of its own; cut to the number of workers.
        public var queueCount: Int
        /// Workers of queues, where they were chosen.
        public var chosen: [Int: Int]

        public init(kind: VportKind = .netdev, queueCount: Int = 1, chosen: [Int: Int] = [:]) {
            self.kind = kind
            self.queueCount = kind == .netdev ? queueCount : 1
            self.chosen = chosen
        }
    }

    public let workerCount: Int
    /// The worker of each port's first queue, by port number; empty if there is one worker only.
    private var homes: [UInt8]
    /// Workers of ports with more than one, by queue.
    private var queues: [UInt32: [Int]] = [:]
    /// Queues of each kind of port that a worker has.
    private var loads: [VportKind: [Int]] = [:]
    /// Workers that take only what they were chosen for.
    public private(set) var isolated = WorkerSet.first(0)

    /// - Parameter workerCount: 1 to `ForwardingLimits.workers`.
    public init(workerCount: Int) {
        precondition((1...ForwardingLimits.workers).contains(workerCount), "a number of workers")
        self.workerCount = workerCount
        homes = Array(
            repeating: Self.none,
            count: workerCount == 1 ? 0 : Int(ForwardingLimits.portNumber) + 1)
    }

    /// Gives each port its workers anew: first those that were chosen, then the others by number.
    ///
    /// - Parameter isolates: Whether a chosen worker takes no others.
    public init(workerCount: Int, _ ports: [UInt32: Wish], isolates: Bool) {
        self.init(workerCount: workerCount)
        let ordered = ports.sorted { $0.key < $1.key }
        for (number, wish) in ordered where !wish.chosen.isEmpty {
            settle(number, wish)
            guard isolates else { continue }
            for queue in wish.chosen.keys.sorted() where queue < max(wish.queueCount, 1) {
                if let worker = wish.chosen[queue], worker < workerCount {
                    isolated.insert(worker)
                }
            }
        }
        for (number, wish) in ordered { settle(number, wish) }
    }

    public var all: WorkerSet { .first(workerCount) }

    /// Gives a port number its workers, if it has none yet.
    public mutating func settle(_ number: UInt32, _ wish: Wish = Wish()) {
        guard workerCount > 1, number <= ForwardingLimits.portNumber,
            homes[Int(number)] == Self.none
        else { return }
        var workers: [Int] = []
        let chosen = wish.chosen.filter { (0..<workerCount).contains($0.value) }
        for queue in 0..<min(max(wish.queueCount, 1), workerCount) {
            let taken = workers + chosen.values
            let worker = chosen[queue] ?? leastLoaded(wish.kind, except: taken)
            // Two queues that one worker was chosen for are one.
            if !workers.contains(worker) { workers.append(worker) }
        }
        homes[Int(number)] = UInt8(workers[0])
        if workers.count > 1 { queues[number] = workers }
        for worker in workers { count(worker, wish.kind) }
    }

    private func leastLoaded(_ kind: VportKind, except taken: [Int]) -> Int {
        let loads = loads[kind] ?? Array(repeating: 0, count: workerCount)
        func best(_ candidates: [Int]) -> Int? {
            candidates.reduce(nil) { best, next in
                best.map { loads[next] < loads[$0] ? next : $0 } ?? next
            }
        }
        let free = all.reversed().filter { !taken.contains($0) }
        return best(free.filter { !isolated.contains($0) }) ?? best(free) ?? workerCount - 1
    }

    /// Who receives what comes by a port: one worker, or several. Worker 0 has the numbers that no
    /// port can have, and those that are not settled.
    public func workers(ofPort number: UInt32) -> WorkerSet {
        if !queues.isEmpty, let workers = queues[number] { return WorkerSet(workers) }
        return .only(home(ofPort: number))
    }

    /// The same, by queue.
    public func receivers(ofPort number: UInt32) -> [Int] {
        queues[number] ?? [home(ofPort: number)]
    }

    /// Who must know a flow: whoever may receive a packet of it.
    public func workers(ofFlow key: FlowKey, mask: FlowMask) -> WorkerSet {
        guard workerCount > 1 else { return .only(0) }
        return mask.inPort == .max ? workers(ofPort: key.inPort) : all
    }

    /// The worker of a port's first queue.
    public func home(ofPort number: UInt32) -> Int {
        guard workerCount > 1, number <= ForwardingLimits.portNumber,
            homes[Int(number)] != Self.none
        else { return 0 }
        return Int(homes[Int(number)])
    }

    /// All flows are gone: numbers that no port has are free to go elsewhere.
    ///
    /// - Parameter present: The kinds of all ports that are there.
    public mutating func forgetAll(but present: [UInt32: VportKind]) {
        guard workerCount > 1 else { return }
        loads = [:]
        for number in 0...ForwardingLimits.portNumber where homes[Int(number)] != Self.none {
            if let kind = present[number] {
                for worker in receivers(ofPort: number) { count(worker, kind) }
            } else {
                homes[Int(number)] = Self.none
                queues[number] = nil
            }
        }
    }

    private mutating func count(_ worker: Int, _ kind: VportKind) {
        loads[kind, default: Array(repeating: 0, count: workerCount)][worker] += 1
    }
}
