// The memory of a ring, and the count of its blocks that are on loan: both end together, and neither
// may end before every block has been given back.

internal import CLinuxPacket
internal import Glibc

/// The mapping of one socket's receive ring.
@safe
struct RingMemory: ~Copyable {
    let start: UnsafeMutableRawPointer
    /// Blocks that were lent and not given back yet.
    let lentCount: UnsafeMutablePointer<Int>
    private let byteCount: Int

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
        unsafe lentCount = .allocate(capacity: 1)
        unsafe lentCount.initialize(to: 0)
    }

    deinit {
        // Safe: allocated in init.
        guard unsafe lentCount.pointee == 0 else {
            fatalError("a packet ring ended before the blocks that it lent")
        }
        unsafe lentCount.deallocate()
        // Safe: the mapping made in init; no block of it is on loan.
        _ = unsafe munmap(start, byteCount)
    }
}
