public import DatapathMessages
public import Flows

// Which worker receives what.
//
//     port 1 ──> worker 1        flow in_port(1) ──> worker 1
//     port 2 ──> worker 0        flow in_port(2) ──> worker 0
//     port 3 ──> 0 and 1         flow in_port(3) ──> 0 and 1     (a port that is spread)
//                                flow for any port ──> all
//
// A port number gets its worker when it is first heard of, and keeps it for as long as there may be
// flows that name it: a flow is always looked for where it was put. Each kind of port is spread by
// itself, because interfaces of the system carry most and internal ports little. Of workers with
// equally many the last is taken: worker 0 has orders and upcalls to see to.

/// Some of the workers of a datapath, in rising order.
public struct WorkerSet: Hashable, Sendable, Sequence, IteratorProtocol {
    /// One bit for each worker.
    private(set) var bits: UInt64

    private init(bits: UInt64) { self.bits = bits }

    public static func only(_ worker: Int) -> WorkerSet { WorkerSet(bits: 1 << UInt64(worker)) }

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

    public let workerCount: Int
    /// By port number; empty if there is one worker only.
    private var homes: [UInt8]
    private var spreadPorts: Set<UInt32> = []
    /// Numbers of each kind that a worker has.
    private var loads: [VportKind: [Int]] = [:]

    /// - Parameter workerCount: 1 to `ForwardingLimits.workers`.
    public init(workerCount: Int) {
        precondition((1...ForwardingLimits.workers).contains(workerCount), "a number of workers")
        self.workerCount = workerCount
        homes = Array(
            repeating: Self.none,
            count: workerCount == 1 ? 0 : Int(ForwardingLimits.portNumber) + 1)
    }

    public var all: WorkerSet { .first(workerCount) }

    /// Gives a port number its worker, if it has none yet.
    public mutating func settle(_ number: UInt32, kind: VportKind = .netdev) {
        guard workerCount > 1, number <= ForwardingLimits.portNumber,
            homes[Int(number)] == Self.none
        else { return }
        let loads = loads[kind] ?? Array(repeating: 0, count: workerCount)
        var best = workerCount - 1
        for worker in loads.indices.reversed() where loads[worker] < loads[best] { best = worker }
        homes[Int(number)] = UInt8(best)
        count(best, kind)
    }

    /// Who receives what comes by a port: one worker, or all if it is spread. Worker 0 has the
    /// numbers that no port can have, and those that are not settled.
    public func workers(ofPort number: UInt32) -> WorkerSet {
        if !spreadPorts.isEmpty, spreadPorts.contains(number) { return all }
        return .only(home(ofPort: number))
    }

    /// Who must know a flow: whoever may receive a packet of it.
    public func workers(ofFlow key: FlowKey, mask: FlowMask) -> WorkerSet {
        guard workerCount > 1 else { return .only(0) }
        return mask.inPort == .max ? workers(ofPort: key.inPort) : all
    }

    /// Has all workers know the flows of a port, from now on and until all flows are gone. One that
    /// is there already comes to the others with their first packet of it.
    public mutating func spread(_ number: UInt32) {
        if workerCount > 1 { spreadPorts.insert(number) }
    }

    /// The worker that has a port for itself if it is not spread; the first of those that have it.
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
                count(Int(homes[Int(number)]), kind)
            } else {
                homes[Int(number)] = Self.none
                spreadPorts.remove(number)
            }
        }
    }

    private mutating func count(_ worker: Int, _ kind: VportKind) {
        loads[kind, default: Array(repeating: 0, count: workerCount)][worker] += 1
    }
}
