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
        let row = unsafe UnsafePointer(words + Int(program) + 1)
        unsafe walk(row, &run, extraction, &state, &sink, &ledger)
        return unsafe run.end
    }

    /// Carries out one row of steps: the whole program, or a list inside an action of it.
    @inlinable
    borrowing func walk<Sink: PacketSink & ~Copyable, Ledger: PacketLedger & ~Copyable>(
        _ row: UnsafePointer<UInt64>, _ run: inout PacketRun, _ extraction: borrowing Extraction,
        _ state: inout ExecutionState, _ sink: inout Sink, _ ledger: inout Ledger
    ) {
        var next = unsafe row
        while true {
            // Safe: as above.
            let step = unsafe Step(word: next.pointee)
            unsafe next += 1
            let after = unsafe next + step.operandCount
            switch step.kind {
            case .end: return
            case .output: unsafe run.output(port: step.immediate, &sink, &ledger)
            case .truncate: unsafe run.byteLimit = Int(step.immediate)
            case .drop:
                let reason = UInt8(truncatingIfNeeded: step.immediate)
                return unsafe run.settle(PacketEnd(rawValue: reason) ?? .droppedByRule)
            case .userspace: unsafe run.upcall(step, next, extraction.key, &ledger)
            case .set, .pushVLAN, .popVLAN, .pushMPLS, .popMPLS:
                guard unsafe run.edit(step, next, &sink) else {
                    return unsafe run.settle(.actionLimit)
                }
            case .hash: unsafe run.hash(step, extraction.key)
            case .recirculate:
                let isLast = unsafe Step(word: after.pointee).kind == .end
                unsafe run.recirculate(step, isLast: isLast, extraction.key, &state)
            case .meter:
                guard unsafe run.passes(step, &state, &sink) else { return }
            case .decrementTTL:
                switch unsafe run.decrementTTL(&sink) {
                case .decremented: break
                case .noMemory: return unsafe run.settle(.actionLimit)
                case .expired:
                    // What follows is not for this packet.
                    unsafe walk(next, &run, extraction, &state, &sink, &ledger)
                    return unsafe run.expire()
                }
            case .sample, .clone, .checkLength:
                guard let list = unsafe run.branch(step, next, &state) else { break }
                if unsafe Step(word: after.pointee).kind == .end {
                    // Nobody needs the packet as it was: no copy.
                    unsafe next = list
                    continue
                }
                let kept = unsafe run.fork()
                unsafe walk(list, &run, extraction, &state, &sink, &ledger)
                unsafe run.join(kept)
            }
            unsafe next = after
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

    /// A copy of the packet goes on; its bytes are this one's too. Returns this one.
    @usableFromInline
    mutating func fork() -> PacketRun {
        unsafe isLent = true
        return unsafe self
    }

    /// Back to the packet as it was, with what has happened to its copy.
    @usableFromInline
    mutating func join(_ kept: PacketRun) {
        let (outcome, isContinued) = unsafe (outcome, isContinued)
        unsafe self = unsafe kept
        unsafe (self.outcome, self.isContinued) = (outcome, isContinued)
    }

    /// Its time to live has ended, and so have the actions for that case.
    @usableFromInline
    mutating func expire() {
        if unsafe outcome == nil || outcome == .actionsWithoutOutput {
            unsafe settle(.ttlExpired)
        }
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
        let priority = unsafe UInt32(truncatingIfNeeded: noted.1 >> 32)
        let taken = unsafe sink.output(leaving, port: port, priority: priority)
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

    /// The list that the packet runs next, if it runs any.
    @usableFromInline
    mutating func branch(
        _ step: Step, _ operands: UnsafePointer<UInt64>, _ state: inout ExecutionState
    ) -> UnsafePointer<UInt64>? {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        switch step.kind {
        case .sample:
            return unsafe state.decides(probability: step.immediate) ? operands : nil
        case .checkLength:
            // Safe: the first operand says how many words the first of the two lists has.
            let first = unsafe operands + 1
            let isGreater = unsafe longestByteCount > Int(step.immediate)
            return unsafe isGreater ? first : first + Int(truncatingIfNeeded: operands[0])
        default: return unsafe operands
        }
    }

    /// Bytes of the frame, its tag included; of a super-frame, those of its segments.
    private var longestByteCount: Int {
        let whole = unsafe frame.wireByteCount
        let offload = unsafe frame.offload
        guard offload.isSuperFrame else { return whole }
        var headers = Int(offload.headerByteCount)
        if headers == 0 {
            let bytes = unsafe FrameBytes(frame)
            let transport = unsafe Int(layout.transport)
            let isTCP = unsafe layout.transportProtocol == IPProtocol.tcp
            guard transport != 0, unsafe transport + 20 <= bytes.byteCount else { return whole }
            let words = unsafe Int(bytes.load(UInt8.self, at: transport + 12) >> 4)
            headers = transport + (isTCP ? words * 4 : 8)
        }
        let tag = unsafe frame.wireByteCount - frame.byteCount
        return min(whole, headers + Int(offload.segmentByteCount) + tag)
    }

    /// What no byte of the frame holds: mark, priority, hash.
    @usableFromInline
    mutating func note(_ header: HeaderKind, _ operands: UnsafePointer<UInt64>) {
        // Safe: a `set` has two operands for each word of its header.
        let (value, mask) = unsafe (operands[0], operands[1])
        if header == .dpHash {
            let bits = UInt32(truncatingIfNeeded: mask)
            unsafe dpHash = dpHash & ~bits | UInt32(truncatingIfNeeded: value) & bits
        } else {
            unsafe noted.1 = noted.1 & ~mask | value & mask
        }
    }

    /// The packet's key as it is now; `key` is the one it came with.
    @usableFromInline
    func present(_ key: FlowKey) -> FlowKey {
        guard unsafe isEdited || noted.1 != key.words[1] || dpHash != key.dpHash else { return key }
        var present = unsafe isEdited ? FlowKey.extract(frame, inPort: key.inPort).key : key
        present.copyNotes(of: key)
        unsafe present.words[1] = noted.1
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
    mutating func recirculate(
        _ step: Step, isLast: Bool, _ key: FlowKey, _ state: inout ExecutionState
    ) {
        unsafe byteLimit = .max
        if !isLast { unsafe isLent = true }
        var key = key
        (key.words[0], key.words[1]) = unsafe noted
        unsafe key.dpHash = dpHash
        key.recirculationID = step.immediate
        guard unsafe state.note(frame, isLent: isLent, key: key) else {
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
