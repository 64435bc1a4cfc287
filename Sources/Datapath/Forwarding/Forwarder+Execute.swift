public import DatapathMessages
public import Execution
public import Flows
import Packets
public import Timekeeping

// Packets that come back from userspace, with what is to be done to them.

extension Forwarder {
    /// Runs actions on a packet as if it had come in as its key says (`OVS_PACKET_CMD_EXECUTE`).
    ///
    /// The packet was counted where it came in, when it went up; how it ends now is in
    /// `executedPackets`. The bytes are copied into scratch memory of the sink.
    ///
    /// - Throws: `.truncatedPacket`, `.packetTooLarge`, `.invalidOffload`, `.tooManyActions`,
    ///   `.actionsTooLarge`, `.noRoomForActions`, `.noScratchMemory`.
    @discardableResult
    public mutating func execute<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ packet: ExecutedPacket, now: Instant, into sink: inout Sink
    ) throws(OrderRefusal) -> PacketEnd {
        let offload = try offload(of: packet)
        let program = try compile(packet.actions)
        defer { programs.release(program) }

        let headroom = ExecutionLimits.scratchHeadroom
        let byteCount = packet.bytes.count
        guard let memory = unsafe sink.scratch(byteCount: byteCount + headroom) else {
            throw .noScratchMemory
        }
        // Safe: the sink lent headroom + byteCount bytes, and they are nobody else's.
        unsafe packet.bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe (memory + headroom).copyMemory(from: start, byteCount: byteCount)
        }
        var frame = unsafe Frame(
            start: memory + headroom, byteCount: byteCount, headroom: headroom, offload: offload)
        if unsafe frame.hasTagInBytes { unsafe frame.takeTagOutOfBytes() }

        var extraction = unsafe FlowKey.extract(frame, inPort: packet.key.inPort)
        extraction.key.copyNotes(of: packet.key)
        ledger.place = ledger.ports.place(of: packet.key.inPort)
        state.now = now
        let first = unsafe programs.run(
            program, on: frame, extraction, state: &state, sink: &sink, ledger: &ledger)
        let end = continued(first, now.millisecondsSinceStart, &sink)
        executedEnds[Int(end.rawValue)] &+= 1
        return end
    }

    private func offload(of packet: ExecutedPacket) throws(OrderRefusal) -> Offload {
        let byteCount = packet.bytes.count
        guard byteCount >= 14 else { throw .truncatedPacket(byteCount: byteCount) }
        guard byteCount <= ForwardingLimits.executedByteCount else {
            throw .packetTooLarge(byteCount: byteCount, limit: ForwardingLimits.executedByteCount)
        }
        guard let carried = packet.offload else { return .none }
        guard let offload = carried.offload, offload.fits(byteCount: byteCount) else {
            throw .invalidOffload
        }
        return offload
    }
}
