// The memory of a ring, and the count of its blocks that are on loan: both end together, and neither
// may end before every block has been given back.

internal import CLinuxPacket
internal import Glibc

/// The mapping of one socket's receive ring, and the pools for frames larger than a slot: one pool
/// for each block that may be lent.
@safe
struct RingMemory: ~Copyable {
    let start: UnsafeMutableRawPointer
    private let byteCount: Int
    /// Bit by bit, which pools are lent with a block.
    private let loans: UnsafeMutablePointer<UInt32>
    private let pools: UnsafeMutableRawPointer

    /// Of a pool's buffer: where the frame begins, and how far it is to the next buffer. The 8 bytes
    /// at the buffer's start say how many bytes were read.
    static let largeFrameOffset = 96
    static let largeFrameStride = (largeFrameOffset + PortLimits.frameByteCount + 63) & ~63
    private static let poolByteCount = PortLimits.largeFrameCount * largeFrameStride

    /// Maps the ring of `descriptor`, which is `byteCount` bytes long.
    init(descriptor: CInt, byteCount: Int, interface: String) throws(PortError) {
        // Safe: a new mapping at an address of the kernel's choice.
        let mapping = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            throw PortError(interface: interface, call: "mmap(PACKET_RX_RING)")
        }
        unsafe start = mapping
        self.byteCount = byteCount
        unsafe loans = .allocate(capacity: 1)
        unsafe loans.initialize(to: 0)
        // Takes no memory until a frame is read into it.
        unsafe pools = .allocate(
            byteCount: Self.poolByteCount * PortLimits.lentBlockCount, alignment: 4096)
    }

    deinit {
        // Safe: allocated in init.
        guard lentCount == 0 else { fatalError("a packet ring ended before the blocks it lent") }
        unsafe loans.deallocate()
        unsafe pools.deallocate()
        // Safe: the mapping made in init; no block of it is on loan.
        _ = unsafe munmap(start, byteCount)
    }

    /// Blocks that were lent and not given back yet.
    var lentCount: Int { unsafe loans.pointee.nonzeroBitCount }

    private var nextPoolIndex: Int { unsafe (~loans.pointee).trailingZeroBitCount }

    /// The pool that goes with the next loan. Only while fewer than `lentBlockCount` are lent.
    var nextPool: UnsafeMutableRawPointer {
        // Safe: then the index is below `lentBlockCount`.
        unsafe pools + nextPoolIndex * Self.poolByteCount
    }

    /// Begins a loan, which `Loan.end` ends.
    func lend() -> Loan {
        let bit = UInt32(1) << UInt32(nextPoolIndex)
        unsafe loans.pointee |= bit
        return unsafe Loan(loans: loans, bit: bit)
    }

    /// Reads the frame at the head of the socket's queue into buffer `index` of the next pool.
    func readLargeFrame(from descriptor: CInt, into index: Int) {
        // Safe: `index` is below `largeFrameCount`; the read ends within the buffer.
        let buffer = unsafe nextPool + index * Self.largeFrameStride
        let space = OffloadHeader.byteCount + PortLimits.frameByteCount
        let bytes = unsafe buffer + Self.largeFrameOffset - OffloadHeader.byteCount
        var count = unsafe recv(descriptor, bytes, space, CInt(MSG_DONTWAIT))
        while count < 0 && errno == EINTR {
            count = unsafe recv(descriptor, bytes, space, CInt(MSG_DONTWAIT))
        }
        // The kernel queued it before it marked the slot. Should it not be there all the same, the
        // slot's own bytes are handed in, as a frame that was cut.
        unsafe buffer.storeBytes(of: max(0, count - OffloadHeader.byteCount), as: Int.self)
    }
}

/// What a block needs to end its loan.
@safe
struct Loan {
    private let loans: UnsafeMutablePointer<UInt32>
    private let bit: UInt32

    init(loans: UnsafeMutablePointer<UInt32>, bit: UInt32) {
        unsafe self.loans = loans
        self.bit = bit
    }

    func end() {
        // Safe: the ring's memory outlives its loans.
        unsafe loans.pointee &= ~bit
    }
}
