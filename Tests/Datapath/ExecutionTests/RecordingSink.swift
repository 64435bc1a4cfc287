import Execution
import Flows
import Packets

/// Keeps the frames it was given, and reads their bytes when the run is over: a frame whose bytes
/// were edited after it was handed out shows.
struct RecordingSink: PacketSink, ~Copyable {
    struct Sent: Equatable {
        var port: UInt32
        var bytes: [UInt8]
        var tag: (tpid: UInt16, tci: UInt16)
        var offload: Offload
        static func == (a: Self, b: Self) -> Bool {
            (a.port, a.bytes, a.tag.tpid, a.tag.tci, a.offload)
                == (b.port, b.bytes, b.tag.tpid, b.tag.tci, b.offload)
        }
    }
    var held: [(port: UInt32, frame: Frame)] = []
    var memory: [UnsafeMutableRawPointer] = []
    /// How many pieces of scratch memory may be lent.
    var scratchLimit = 100
    /// What ports above 1000 answer.
    var refusal = PacketEnd.sendFailed

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        guard port <= 1000 else { return refusal }
        held.append((port, frame))
        return .forwarded
    }

    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? {
        guard memory.count < scratchLimit else { return nil }
        memory.append(.allocate(byteCount: byteCount, alignment: 16))
        return memory.last
    }

    func sent() -> [Sent] {
        held.map { port, frame in
            Sent(
                port: port,
                bytes: Array(UnsafeRawBufferPointer(start: frame.start, count: frame.byteCount)),
                tag: (frame.vlanTPID, frame.vlanTPID == 0 ? 0 : frame.vlanTCI),
                offload: frame.offload)
        }
    }

    deinit { for piece in memory { piece.deallocate() } }
}
