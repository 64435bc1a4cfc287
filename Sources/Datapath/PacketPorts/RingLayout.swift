// Two ways for the kernel to hand frames over, and the sizes of each.

/// How a ring's memory is cut up, which decides between the last microsecond of throughput and the
/// first millisecond of latency.
public struct RingLayout: Hashable, Sendable {
    /// How frames are handed over.
    public enum Handover: Hashable, Sendable {
        /// TPACKET_V3: by the block, when it is full or 1 ms old. Least work per frame; an idle
        /// switch answers a ping after 1 to 2 ms.
        case blocks
        /// TPACKET_V2: one by one, at once. Slots are small, so that many fit; a frame that is
        /// larger than its slot waits whole in the socket's queue, in the same order, and costs
        /// a system call. An idle switch answers a ping within 0.1 ms.
        case slots
    }

    public let handover: Handover
    /// Bytes of a block: a power of two from 4 KiB to 4 MiB. Of blocks, a frame larger than a block
    /// is cut off, so they hold at least 128 KiB where super-frames of 64 KiB may come.
    public let blockByteCount: Int
    /// Blocks in the ring, 2 to 1024.
    public let blockCount: Int

    /// Blocks: 8 MiB, which holds a whole window of a fast TCP connection (with 4 MiB it lost
    /// frames when the worker had to wait for a core), or 40,000 small frames: 80 ms of the fastest
    /// flood that one core can forward.
    public static let standard = RingLayout(blockByteCount: 256 << 10, blockCount: 32)
    /// Slots: 4 MiB for 2048 frames of up to 1.8 KB, which is 5 ms of such a flood, and at most
    /// 16 MiB more of super-frames that wait. A port that is flooded goes over to blocks.
    public static let prompt = RingLayout(slotCount: 2048)

    /// Bytes of a slot; a frame has 2 KiB less the kernel's header and the headroom.
    static let slotByteCount = RingSlotHeader.slotByteCount

    /// A ring of blocks. Traps if a size is out of its range: sizes are chosen by the programmer.
    public init(blockByteCount: Int, blockCount: Int) {
        precondition((4096...4 << 20).contains(blockByteCount), "block size out of range")
        precondition(blockByteCount & (blockByteCount - 1) == 0, "block size not a power of two")
        precondition((2...1024).contains(blockCount), "block count out of range")
        handover = .blocks
        self.blockByteCount = blockByteCount
        self.blockCount = blockCount
    }

    /// A ring of slots.
    ///
    /// - Parameter slotCount: A multiple of 128 from 256 to 65,536; traps otherwise.
    public init(slotCount: Int) {
        precondition((256...65_536).contains(slotCount), "slot count out of range")
        precondition(slotCount % 128 == 0, "slot count not a multiple of 128")
        handover = .slots
        blockByteCount = 256 << 10
        blockCount = slotCount * Self.slotByteCount / blockByteCount
    }

    /// - Parameter byteCount: A power of two from 512 KiB, of slots at most 128 MiB.
    init(_ handover: Handover, byteCount: Int) {
        switch handover {
        case .blocks:
            self.init(
                blockByteCount: Self.standard.blockByteCount,
                blockCount: byteCount / Self.standard.blockByteCount)
        case .slots: self.init(slotCount: byteCount / Self.slotByteCount)
        }
    }

    /// Memory of the kernel that a ring of this layout takes.
    public var byteCount: Int { blockByteCount * blockCount }
    var slotCount: Int { byteCount / Self.slotByteCount }
}
