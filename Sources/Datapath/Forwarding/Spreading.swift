internal import KernelPrograms

// Which processors a port's frames are received on.
//
// What the kernel forwards by itself it does on the processor of whoever sends: a flood of small
// frames keeps that one busy with sending *and* switching while others are idle. The kernel can be
// told to receive a port's frames elsewhere (RPS), at the price of waking another processor for
// them. That is worth it for a flood, and only while there is a processor to spare:
//
//     once a second:  what came by express, how idle each processor was ──> processors for the port
//
// A set of processors is chosen when a flood begins: those that are idle. It is chosen anew if they
// have no time left while others have, for then the sender has moved to them.

/// What came by a port below us, since the last look.
public struct PortLoad: Hashable, Sendable {
    public var port: UInt32
    public var packets: UInt64
    public var bytes: UInt64
    public init(port: UInt32, packets: UInt64, bytes: UInt64) {
        self.port = port
        self.packets = packets
        self.bytes = bytes
    }

    mutating func add(_ counts: ExpressCounts) {
        packets &+= counts.packets
        bytes &+= counts.bytes
    }
}

/// That a port's frames are to be received by these processors from now on; by whichever the kernel
/// likes if there are none.
public struct SpreadingChange: Hashable, Sendable {
    public var port: UInt32
    /// Numbers, ascending.
    public var processors: [Int]
    public init(port: UInt32, processors: [Int]) {
        self.port = port
        self.processors = processors
    }
}

/// The rule, and which ports are spread. Owned by one thread.
public struct Spreading: Sendable {
    /// Frames per second from which on a flood is one; it ends at half of it. Far more than the
    /// acknowledgements of the fastest TCP stream seen here (60,000).
    public static let floodPackets: UInt64 = 150_000
    /// Frames of a flood are shorter on average. Of super-frames one processor carries enough.
    public static let floodByteCount: UInt64 = 512
    /// In percent: who is idle for so long has time for a flood; who is for less has none left.
    public static let idleEnough = 50
    public static let idleTooLittle = 10

    private var present: [UInt32: [Int]] = [:]

    public init() {}

    /// - Parameters:
    ///   - loads: One for each port at which something came, since the last call.
    ///   - milliseconds: Since the last call; about 1000.
    ///   - idle: How much of that time each processor had nothing to do, in percent, by number.
    /// - Returns: What is to be changed, by ascending port.
    public mutating func decide(
        _ loads: [PortLoad], milliseconds: UInt64, idle: [Int]
    ) -> [SpreadingChange] {
        var changes: [SpreadingChange] = []
        let flooded = loads.filter { isFlood($0, milliseconds) }.map(\.port).sorted()
        for port in present.keys.sorted() where !flooded.contains(port) {
            present[port] = nil
            changes.append(SpreadingChange(port: port, processors: []))
        }
        for port in flooded {
            let set = present[port] ?? []
            guard set.allSatisfy({ $0 < idle.count && idle[$0] < Self.idleTooLittle }) else {
                continue
            }
            let better = idle.indices.filter { idle[$0] >= Self.idleEnough }
            guard !better.isEmpty else { continue }
            present[port] = better
            changes.append(SpreadingChange(port: port, processors: better))
        }
        return changes.sorted { $0.port < $1.port }
    }

    private func isFlood(_ load: PortLoad, _ milliseconds: UInt64) -> Bool {
        let least = present[load.port] == nil ? Self.floodPackets : Self.floodPackets / 2
        return load.packets &* 1000 >= least &* max(milliseconds, 1)
            && load.bytes < load.packets &* Self.floodByteCount
    }
}
