// Memory that we share with the kernel's program that steers a fanout group: for each place the
// number of the socket that receives what comes to it. Pair n of a port has sockets 2n and 2n + 1,
// and every place whose remainder by the count of pairs is n.

internal import CLinuxPacket
internal import KernelPrograms

/// Steers one group. Each pair's places are its worker's to change.
@safe
final class SteeringTable: @unchecked Sendable {
    let pairCount: Int
    private let placeCount: Int
    private let words: UnsafeMutableRawPointer

    /// Lets the group of `descriptor` be steered. The program and its table live as long as the
    /// group and the mapping. All places lead to the first socket.
    init(_ descriptor: CInt, pairCount: Int, _ name: String) throws(PortError) {
        precondition((1...ExpressPrograms.spreadPlaceCount).contains(pairCount), "pairs of a port")
        let placeCount = pairCount == 1 ? 1 : ExpressPrograms.spreadPlaceCount
        let map = try KernelProgram.table(
            type: BPF_MAP_TYPE_ARRAY, keyByteCount: 4, valueByteCount: max(8, placeCount * 4),
            count: 1, flags: UInt32(BPF_F_MMAPABLE), name: "apus_steering", interface: name)
        let program = try KernelProgram.load(
            pairCount == 1
                ? ExpressPrograms.steer(by: map.number) : ExpressPrograms.spread(by: map.number),
            type: KernelProgram.socketFilter, name: "apus_steer", interface: name)
        guard apus_fanout_steer_by(descriptor, program.number) == 0 else {
            throw PortError(interface: name, call: "setsockopt(PACKET_FANOUT_DATA)")
        }
        // Unmapped in deinit.
        guard let words = unsafe apus_table_map(map.number) else {
            throw PortError(interface: name, call: "mmap(BPF map)")
        }
        unsafe self.words = words
        self.placeCount = placeCount
        self.pairCount = pairCount
    }

    deinit {
        // Safe: the mapping made in init.
        unsafe apus_table_unmap(words)
    }

    /// From the next frame on the places of a pair lead to its other ring: one store for each.
    func lead(_ pair: Int, to side: SteeredRings.Side) {
        let socket = UInt32(2 * pair + (side == .slots ? 0 : 1))
        for place in stride(from: pair, to: placeCount, by: pairCount) {
            // Safe: `placeCount` words lie in the mapped page.
            unsafe apus_store_release(words + 4 * place, socket)
        }
    }
}
