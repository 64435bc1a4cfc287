internal import DatapathMessages
internal import Execution
internal import Flows
internal import Packets
internal import Pipeline
internal import Timekeeping

// What the datapath cannot do to a packet is done here, by the rules that our own datapath runs on.
//
//     packet + actions ──> Execution ──> outputs  ──> "execute this packet: output" ──> datapath
//                              │    └──> upcalls  ──> packet-in
//                              └──> look up again ──> translation ──> Execution ...
//
// Such packets have no cached flow: each of them comes up. That is slow, and right.

/// Keeps what was sent, byte for byte.
@safe
private struct SlowSink: PacketSink, ~Copyable {
    var outputs: [(port: UInt32, bytes: [UInt8], offload: UpcallOffload?)] = []
    private var memory: [UnsafeMutableRawPointer] = unsafe []
    /// Pieces of memory that one packet's actions may take, each as large as the packet.
    private static let pieceCountMax = 64

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        let (bytes, offload) = unsafe frame.carried()
        outputs.append((port, bytes, offload))
        return .forwarded
    }

    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? {
        guard unsafe memory.count < Self.pieceCountMax else { return nil }
        // Freed in deinit.
        let piece = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        unsafe memory.append(piece)
        return unsafe piece
    }

    deinit {
        // Safe: allocated above, used by nobody any more.
        for unsafe piece in unsafe memory { unsafe piece.deallocate() }
    }
}

/// Knows the ports, and keeps what goes to the controller.
private struct SlowLedger: PacketLedger {
    let ports: Set<UInt32>
    var upcalls: [Upcall] = []

    func hasPort(_ port: UInt32) -> Bool { ports.contains(port) }
    func didOffer(port: UInt32, byteCount: Int, end: PacketEnd) {}

    mutating func upcall(
        _ frame: Frame, key: FlowKey, cookie: RawSpan, originalByteCount: Int
    ) -> PacketEnd {
        let (bytes, offload) = unsafe frame.carried()
        // The bytes are copied within the closure.
        let copy = unsafe cookie.withUnsafeBytes { unsafe [UInt8]($0) }
        upcalls.append(
            Upcall(
                reason: .action(cookie: copy), bytes: bytes, originalByteCount: originalByteCount,
                offload: offload, key: key))
        return .actionUpcall
    }
}

extension Vswitch {
    /// Carries out a packet's actions, and leaves to the datapath what it can do: to send.
    mutating func executeHere(_ packet: ExecutedPacket, now: Instant) {
        upcallCounts.slow += 1
        let offload = packet.offload?.offload ?? .none
        guard packet.bytes.count >= 14, offload.fits(byteCount: packet.bytes.count) else { return }
        var sink = SlowSink()
        var ledger = SlowLedger(ports: vports.numbers)
        var programs = ProgramStore()
        // By which `sample` decides: another for each packet, the same in each run.
        var state = ExecutionState(seed: upcallCounts.slow &* 0x9e37_79b9_7f4a_7c15)
        state.now = now

        let headroom = ExecutionLimits.scratchHeadroom
        let byteCount = packet.bytes.count
        guard let memory = unsafe sink.scratch(byteCount: byteCount + headroom) else { return }
        // Safe: the sink lent headroom + byteCount bytes.
        unsafe packet.bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe (memory + headroom).copyMemory(from: start, byteCount: byteCount)
        }
        var frame = unsafe Frame(
            start: memory + headroom, byteCount: byteCount, headroom: headroom, offload: offload)
        if unsafe frame.hasTagInBytes { unsafe frame.takeTagOutOfBytes() }
        var extraction = unsafe FlowKey.extract(frame, inPort: packet.key.inPort)
        extraction.key.copyNotes(of: packet.key)
        do throws(ProgramRefusal) {
            let program = try programs.store(packet.actions)
            _ = unsafe programs.run(
                program, on: frame, extraction, state: &state, sink: &sink, ledger: &ledger)
            while let next = unsafe state.nextContinuation() {
                let extraction = unsafe next.extract()
                let translation = translateAgain(extraction.key, byteCount: byteCount, now: now)
                let program = try programs.store(translation.actions)
                _ = unsafe programs.run(
                    program, on: next.frame, extraction, isLent: next.isLent, state: &state,
                    sink: &sink, ledger: &ledger)
            }
        } catch {
            log(.warning, "dpif", "a packet's actions are too many to be carried out: \(error)")
        }
        for upcall in ledger.upcalls {
            if case .action(let cookie) = upcall.reason {
                sendPacketIn(upcall, cookie: cookie, now: now)
            }
        }
        for (port, bytes, offload) in sink.outputs {
            // Safe: the array is not changed while its bytes are lent.
            let key = unsafe FlowKey.extract(
                frame: bytes.span.bytes, inPort: packet.key.inPort
            ).key
            order(
                ExecutedPacket(
                    bytes: bytes, offload: offload, key: key, actions: [.output(port: port)]))
        }
    }

    /// The lookup that a `recirculate` leads to.
    private mutating func translateAgain(
        _ key: FlowKey, byteCount: Int, now: Instant
    ) -> Translation {
        let translation = model.translate(key)
        model.apply(translation.effects, now: now, byteCount: UInt64(byteCount))
        model.credit(translation.rules, packets: 1, bytes: UInt64(byteCount), usedAt: now)
        return translation
    }
}
