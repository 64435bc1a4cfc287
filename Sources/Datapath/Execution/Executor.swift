public import Flows
public import Packets

// One packet goes through one compiled list of actions.
//
// Edits are made in place, in the memory the frame came in, unless a frame that was handed out
// earlier still needs those bytes: then the packet moves into scratch memory first. Whether it must
// is known exactly at that moment (something was output, and these bytes are about to change), so
// that the common lists copy nothing: only outputs; edit then output; tags pushed and popped
// between outputs, because the outer tag is not in the bytes.

extension ProgramStore {
    /// Runs the program on a frame.
    ///
    /// - Parameters:
    ///   - program: A program of this store.
    ///   - frame: The frame as extraction saw it; its bytes may be edited.
    ///   - extraction: What extraction found in it.
    ///   - isLent: Somebody else will still read the frame's bytes: edits go into a copy.
    ///   - state: Afterwards, take its continuations before the next packet comes.
    /// - Returns: How the packet ended: `.forwarded` if any port took it, else why not. nil if all
    ///   that happened is that it is to be looked up again.
    @inlinable
    public borrowing func run<Sink: PacketSink & ~Copyable, Ledger: PacketLedger & ~Copyable>(
        _ program: ProgramHandle, on frame: Frame, _ extraction: borrowing Extraction,
        isLent: Bool = false, state: inout ExecutionState, sink: inout Sink, ledger: inout Ledger
    ) -> PacketEnd? {
        var run = unsafe PacketRun(frame, extraction, isLent: isLent)
        // Safe: a row ends with `.end` inside its block, and operands belong to their step.
        var next = unsafe UnsafePointer(words + Int(program) + 1)
        while true {
            let step = unsafe Step(word: next.pointee)
            unsafe next += 1
            switch step.kind {
            case .end: return unsafe run.end
            case .output: unsafe run.output(port: step.immediate, &sink, &ledger)
            case .truncate: unsafe run.byteLimit = Int(step.immediate)
            case .pushVLAN, .popVLAN:
                guard unsafe run.editTag(step, &sink) else { return unsafe run.interrupted }
            case .drop:
                let reason = UInt8(truncatingIfNeeded: step.immediate)
                return unsafe run.dropped(PacketEnd(rawValue: reason))
            case .userspace: unsafe run.upcall(step, next, extraction.key, &ledger)
            case .setEthernet, .setIPv4, .setIPv6, .setPorts:
                guard unsafe run.editHeader(step, next, &sink) else {
                    return unsafe run.interrupted
                }
            case .setMark, .setPriority: unsafe run.note(step, next)
            case .hash: unsafe run.hash(step, extraction.key)
            case .recirculate:
                unsafe run.recirculate(step, isLast: Step(word: next.pointee).kind == .end, &state)
            }
            unsafe next += step.operandCount
        }
    }
}

/// A packet on its way through a program.
@unsafe
@usableFromInline
struct PacketRun {
    @usableFromInline var frame: Frame
    @usableFromInline var layout: FrameLayout
    /// Somebody holds the frame's present bytes and will send them later.
    @usableFromInline var isLent: Bool
    /// Bytes or tag are no longer those that the key was read from.
    @usableFromInline var isEdited = false
    /// It waits for its next lookup.
    @usableFromInline var isContinued = false
    /// Bytes that the next output keeps, its tag included.
    @usableFromInline var byteLimit = Int.max
    /// The best that has happened so far; nil before the first action.
    @usableFromInline var outcome: PacketEnd?
    /// What is known of the packet beside its bytes, as words 0 and 1 of its key, and its hash.
    @usableFromInline var noted: (UInt64, UInt64)
    @usableFromInline var dpHash: UInt32

    @inlinable
    init(_ frame: Frame, _ extraction: borrowing Extraction, isLent: Bool) {
        unsafe self.frame = unsafe frame
        unsafe layout = extraction.layout
        unsafe self.isLent = isLent
        unsafe noted = (extraction.key.words[0], extraction.key.words[1])
        unsafe dpHash = UInt32(truncatingIfNeeded: extraction.key.words[2])
    }

    /// How the packet ended when its program came to its end.
    @inlinable var end: PacketEnd? {
        unsafe outcome ?? (isContinued ? nil : .droppedByRule)
    }

    /// How it ended when memory for a copy ran out on the way.
    @inlinable var interrupted: PacketEnd? {
        unsafe outcome?.isDelivery == true ? end : .actionLimit
    }

    @inlinable
    func dropped(_ reason: PacketEnd?) -> PacketEnd? {
        unsafe outcome?.isDelivery == true || isContinued ? end : reason ?? .droppedByRule
    }

    /// Being forwarded is better than being handed up, that is better than a refusal, and that is
    /// better than nothing having been tried.
    @inlinable
    mutating func settle(_ new: PacketEnd) {
        switch unsafe outcome {
        case .forwarded?: return
        case .actionUpcall? where new != .forwarded: return
        case nil, .some: unsafe outcome = new
        }
    }

    @inlinable
    mutating func output<Sink: PacketSink & ~Copyable, Ledger: PacketLedger & ~Copyable>(
        port: UInt32, _ sink: inout Sink, _ ledger: inout Ledger
    ) {
        guard ledger.hasPort(port) else {
            unsafe byteLimit = .max
            return unsafe settle(.outputPortGone)
        }
        let leaving = unsafe byteLimit == .max ? frame : truncated()
        unsafe byteLimit = .max
        let taken = unsafe sink.output(leaving, port: port)
        if taken == .forwarded { unsafe isLent = true }
        unsafe ledger.didOffer(port: port, byteCount: leaving.wireByteCount, end: taken)
        unsafe settle(taken)
    }

    /// The frame cut to `byteLimit`. Work that is left to its sender stays only if it still can be
    /// done.
    @usableFromInline
    func truncated() -> Frame {
        var frame = unsafe frame
        let tagByteCount = unsafe frame.wireByteCount - frame.byteCount
        let kept = unsafe max(byteLimit - tagByteCount, ExecutionLimits.truncatedByteCount)
        guard unsafe kept < frame.byteCount else { return unsafe frame }
        unsafe frame.byteCount = kept
        let offload = unsafe frame.offload
        let field = Int(offload.checksumStart) + Int(offload.checksumOffset) + 2
        let segment = Int(offload.headerByteCount) + Int(offload.segmentByteCount)
        if offload.isSuperFrame && kept <= segment {
            unsafe frame.offload.segmentation = 0
            unsafe frame.offload.segmentByteCount = 0
        }
        if offload.needsChecksum && kept < field { unsafe frame.offload = .none }
        return unsafe frame
    }

    /// Mark and priority, which no byte of the frame holds.
    @usableFromInline
    mutating func note(_ step: Step, _ operands: UnsafePointer<UInt64>) {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        guard step.kind == .setMark else {
            unsafe noted.1 = noted.1 & 0xffff_ffff | UInt64(step.immediate) << 32
            return
        }
        let value = unsafe operands[0] >> 32
        let bits = unsafe operands[0] & 0xffff_ffff
        unsafe noted.1 = noted.1 & ~bits | value & bits
    }

    /// The packet's key as it is now; `key` is the one it came with.
    @usableFromInline
    func present(_ key: FlowKey) -> FlowKey {
        var present = unsafe isEdited ? FlowKey.extract(frame, inPort: key.inPort).key : key
        (present.words[0], present.words[1]) = unsafe noted
        unsafe present.dpHash = dpHash
        return present
    }

    @usableFromInline
    mutating func hash(_ step: Step, _ key: FlowKey) {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        let algorithm = PacketHash(rawValue: UInt32(step.small)) ?? .layer4
        unsafe dpHash = present(key).hash(algorithm, basis: step.immediate)
    }

    /// - Parameter isLast: No action follows, so that the bytes pass on as they are.
    @usableFromInline
    mutating func recirculate(_ step: Step, isLast: Bool, _ state: inout ExecutionState) {
        unsafe byteLimit = .max
        if !isLast { unsafe isLent = true }
        let words = unsafe (noted.0 & 0xffff_ffff | UInt64(step.immediate) << 32, noted.1)
        guard unsafe state.note(frame, isLent: isLent, noted: words, dpHash: dpHash) else {
            return unsafe settle(.recirculationLimit)
        }
        unsafe isContinued = true
        if unsafe outcome == .actionsWithoutOutput { unsafe outcome = nil }
    }

    @usableFromInline
    mutating func upcall<Ledger: PacketLedger & ~Copyable>(
        _ step: Step, _ operands: UnsafePointer<UInt64>, _ key: FlowKey, _ ledger: inout Ledger
    ) {
        let key = unsafe present(key)
        let whole = unsafe frame.wireByteCount
        let leaving = unsafe byteLimit == .max ? frame : truncated()
        unsafe byteLimit = .max
        // Safe: the compiler laid out `small` bytes of cookie in the operands, padded to words, in
        // the order of a little-endian machine.
        let cookie = unsafe UnsafeRawBufferPointer(start: operands, count: Int(step.small))
        let taken = unsafe ledger.upcall(
            leaving, key: key, cookie: cookie.bytes, originalByteCount: whole)
        unsafe settle(taken)
    }

    /// Makes the bytes ours to edit, and gives them at least `headroom` bytes before them. Copies
    /// only if it must. Returns false if there is no memory for a copy.
    @inlinable
    mutating func own<Sink: PacketSink & ~Copyable>(
        headroom: Int = 0, _ sink: inout Sink
    ) -> Bool {
        unsafe isEdited = true
        guard unsafe isLent || frame.headroom < headroom else { return true }
        return unsafe copy(&sink)
    }

    @usableFromInline
    mutating func copy<Sink: PacketSink & ~Copyable>(_ sink: inout Sink) -> Bool {
        let headroom = ExecutionLimits.scratchHeadroom
        guard let memory = unsafe sink.scratch(byteCount: frame.byteCount + headroom) else {
            return false
        }
        // Safe: the sink lent headroom + byteCount bytes, and they are nobody else's.
        unsafe (memory + headroom).copyMemory(from: frame.start, byteCount: frame.byteCount)
        unsafe frame.start = memory + headroom
        unsafe frame.headroom = headroom
        unsafe isLent = false
        return true
    }
}
