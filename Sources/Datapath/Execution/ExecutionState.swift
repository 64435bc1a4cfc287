public import Flows
public import Packets
public import Timekeeping

// What running actions needs beside the packet: the moment, and packets that are to be looked up
// again.
//
// `recirculate` does not look anything up itself. It notes the packet as it is, and whoever owns the
// flow tables takes the notes afterwards, in the order in which they were made (the kernel's
// datapath defers in the same way). So nothing recurses, whatever the flows say.

/// A packet that waits for its next lookup.
@unsafe
public struct Continuation {
    /// The packet as its actions have left it.
    public let frame: Frame
    /// Its bytes were handed out, so that editing them takes a copy.
    public let isLent: Bool
    /// Port and recirculation id; mark and priority: words 0 and 1 of its key.
    public let noted: (UInt64, UInt64)
    public let dpHash: UInt32
    /// How often it will have been looked up again.
    public let depth: Int
}

extension Continuation {
    /// The packet's key and layout, read anew from its bytes.
    @inlinable
    public func extract() -> Extraction {
        var extraction = unsafe FlowKey.extract(frame, inPort: 0)
        (extraction.key.words[0], extraction.key.words[1]) = unsafe noted
        extraction.key.dpHash = unsafe dpHash
        return extraction
    }
}

/// Owned by one thread, and lent to each run.
@safe
public struct ExecutionState: ~Copyable {
    /// The moment of the batch; set it before `run`.
    public var now = Instant.start
    /// How often the packet underway was looked up again.
    @usableFromInline var depth = 0
    /// Continuations of the packet underway: those from `taken` on wait, `noted` were made.
    @usableFromInline var noted = 0
    @usableFromInline var taken = 0
    /// Room for `ExecutionLimits.recirculations`; the first `noted` are initialised.
    @usableFromInline let continuations: UnsafeMutablePointer<Continuation>

    public init() {
        // Safe: owned by this value alone, freed in its deinit; continuations are trivial.
        unsafe continuations = .allocate(capacity: ExecutionLimits.recirculations)
    }

    // Safe: allocated in init.
    deinit { unsafe continuations.deallocate() }

    /// Whether the packet underway is to be looked up again.
    @inlinable public var hasContinuations: Bool { noted != 0 }

    /// The next continuation of the packet underway; nil when there is none, and then the next
    /// packet may come. What is run now counts as one lookup deeper.
    @inlinable
    public mutating func nextContinuation() -> Continuation? {
        guard taken < noted else {
            (noted, taken, depth) = (0, 0, 0)
            return nil
        }
        // Safe: below `noted` they are initialised.
        let next = unsafe continuations[taken]
        taken += 1
        depth = unsafe next.depth
        return unsafe next
    }

    /// Returns false if the packet has been looked up too often.
    @usableFromInline
    mutating func note(
        _ frame: Frame, isLent: Bool, noted words: (UInt64, UInt64), dpHash: UInt32
    ) -> Bool {
        guard depth < ExecutionLimits.recirculationDepth,
            noted < ExecutionLimits.recirculations
        else { return false }
        // Safe: there is room for ExecutionLimits.recirculations.
        unsafe (continuations + noted).initialize(
            to: Continuation(
                frame: frame, isLent: isLent, noted: words, dpHash: dpHash, depth: depth + 1))
        noted += 1
        return true
    }
}

extension PacketEnd {
    /// How a packet ended whose parts ended so and so: being forwarded is better than being handed
    /// up, and that is better than a refusal, of which the first counts.
    @inlinable
    public func better(_ other: PacketEnd) -> PacketEnd {
        if self == .forwarded || other == .forwarded { return .forwarded }
        return isDelivery || !other.isDelivery ? self : other
    }
}
