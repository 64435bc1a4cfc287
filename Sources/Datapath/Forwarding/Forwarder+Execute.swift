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
        let offload = try offload(packet.offload, byteCount: packet.bytes.count)
        let program = try compile(packet.actions)
        defer { programs.release(program) }
        return try run(program, on: packet.bytes, offload, from: packet.key, now: now, &sink)
    }

    /// Does with a packet that was kept for it what vswitchd decided: its flow is installed, then
    /// the packet executed, so that the next one finds the flow.
    ///
    /// - Returns: The packet's key.
    /// - Throws: `.noSuchUpcall`, and as `install` and `execute`. A flow that is refused does not
    ///   keep its packet from being executed.
    @discardableResult
    public mutating func answer<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ answer: UpcallAnswer, now: Instant, into sink: inout Sink
    ) throws(OrderRefusal) -> FlowKey {
        guard let upcall = kept.take(answer.id) else { throw .noSuchUpcall }
        let decision = answer.decision
        guard decision.mask != nil || answer.executes else { return upcall.key }
        let program = try compile(decision.actions)
        var isInstalled = false
        defer { if !isInstalled { programs.release(program) } }
        var refusal: OrderRefusal?
        if let mask = decision.mask {
            closeExpress(ofFlow: upcall.key, mask: mask, now: now, &sink)
            do throws(OrderRefusal) {
                try put(key: upcall.key, mask: mask, program, name: nil, isNews: false)
                isInstalled = true
            } catch { refusal = error }
        }
        if answer.executes {
            let offload = try offload(upcall.offload, byteCount: upcall.bytes.count)
            _ = try run(program, on: upcall.bytes, offload, from: upcall.key, now: now, &sink)
        }
        if let refusal { throw refusal }
        return upcall.key
    }

    /// The same for many answers, in their order; `refused` hears of each that was.
    mutating func answer<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ answers: [UpcallAnswer], now: Instant, into sink: inout Sink,
        refused: (OrderRefusal) -> Void
    ) {
        for answer in answers {
            do throws(OrderRefusal) {
                try self.answer(answer, now: now, into: &sink)
            } catch { refused(error) }
        }
    }

    /// Runs a program on a copy of a frame.
    private mutating func run<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ program: ProgramHandle, on bytes: [UInt8], _ offload: Offload, from key: FlowKey,
        now: Instant, _ sink: inout Sink
    ) throws(OrderRefusal) -> PacketEnd {
        let headroom = ExecutionLimits.scratchHeadroom
        let byteCount = bytes.count
        guard let memory = unsafe sink.scratch(byteCount: byteCount + headroom) else {
            throw .noScratchMemory
        }
        // Safe: the sink lent headroom + byteCount bytes, and they are nobody else's.
        unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe (memory + headroom).copyMemory(from: start, byteCount: byteCount)
        }
        var frame = unsafe Frame(
            start: memory + headroom, byteCount: byteCount, headroom: headroom, offload: offload)
        if unsafe frame.hasTagInBytes { unsafe frame.takeTagOutOfBytes() }

        var extraction = unsafe FlowKey.extract(frame, inPort: key.inPort)
        extraction.key.copyNotes(of: key)
        ledger.place = ledger.ports.place(of: key.inPort)
        state.now = now
        let first = unsafe programs.run(
            program, on: frame, extraction, state: &state, sink: &sink, ledger: &ledger)
        let end = continued(first, now.millisecondsSinceStart, &sink)
        executedEnds[Int(end.rawValue)] &+= 1
        return end
    }

    private func offload(
        _ carried: UpcallOffload?, byteCount: Int
    ) throws(OrderRefusal) -> Offload {
        guard byteCount >= 14 else { throw .truncatedPacket(byteCount: byteCount) }
        guard byteCount <= ForwardingLimits.executedByteCount else {
            throw .packetTooLarge(byteCount: byteCount, limit: ForwardingLimits.executedByteCount)
        }
        guard let carried else { return .none }
        guard let offload = carried.offload, offload.fits(byteCount: byteCount) else {
            throw .invalidOffload
        }
        return offload
    }
}
