public import Flows
public import Packets
public import Timekeeping

// What running actions needs beside the packet: the moment, and packets that are to be looked up
// again.
//
// `recirculate` does not look anything up itself. It notes the packet as it is, and whoever owns
// the flow tables takes the notes afterwards, in the order in which they were made (the kernel's
// datapath defers in the same way). So nothing recurses, whatever the flows say.

/// A packet that waits for its next lookup.
@unsafe
public struct Continuation {
    /// The packet as its actions have left it.
    public let frame: Frame
    /// Its bytes were handed out, so that editing them takes a copy.
    public let isLent: Bool
    /// Of this key only what is known beside the bytes counts.
    public let key: FlowKey
    /// How often it will have been looked up again.
    public let depth: Int
}

extension Continuation {
    /// The packet's key and layout, read anew from its bytes.
    @inlinable
    public func extract() -> Extraction {
        var extraction = unsafe FlowKey.extract(frame, inPort: 0)
        unsafe extraction.key.copyNotes(of: key)
        return extraction
    }
}

/// Owned by one thread, and lent to each run.
@safe
public struct ExecutionState: ~Copyable {
    /// The moment of the batch; set it before `run`.
    public var now = Instant.start
    public var meters: MeterTable
    /// State of the chance by which `sample` decides.
    @usableFromInline var chance: UInt64
    /// How often the packet underway was looked up again.
    @usableFromInline var depth = 0
    /// Continuations of the packet underway: those from `taken` on wait, `noted` were made.
    @usableFromInline var noted = 0
    @usableFromInline var taken = 0
    /// Room for `ExecutionLimits.recirculations`; the first `noted` are initialised.
    @usableFromInline let continuations: UnsafeMutablePointer<Continuation>

    /// - Parameters:
    ///   - seed: Of the chance by which `sample` decides. Equal seeds decide equally.
    ///   - meters: Its own, or one that others share.
    public init(seed: UInt64, meters: consuming MeterTable = MeterTable()) {
        chance = seed
        self.meters = meters
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

    /// True once in 2³² / `probability` calls on average; always for `.max`, never for 0.
    @usableFromInline
    mutating func decides(probability: UInt32) -> Bool {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        chance &+= 0x9e37_79b9_7f4a_7c15
        var word = chance
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return probability == .max || UInt32(truncatingIfNeeded: word >> 32) < probability
    }

    /// Returns false if the packet has been looked up too often.
    @usableFromInline
    mutating func note(
        _ frame: Frame, isLent: Bool, key: FlowKey
    ) -> Bool {
        guard depth < ExecutionLimits.recirculationDepth,
            noted < ExecutionLimits.recirculations
        else { return false }
        // Safe: there is room for ExecutionLimits.recirculations.
        unsafe (continuations + noted).initialize(
            to: Continuation(
                frame: frame, isLent: isLent, key: key, depth: depth + 1))
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
