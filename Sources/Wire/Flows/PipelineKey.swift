// What OpenFlow rules match on: the packet's own key, and what the pipeline has noted on its way
// through the tables. The notes live for one translation only; the datapath never sees them.

/// A `FlowKey` plus metadata, registers and what else tables note, as one row of words: the first
/// `FlowKey.wordCount` words are the packet's.
///
/// `packet.inPort` holds an OpenFlow port number here, not a datapath port.
public struct PipelineKey: WordRow {
    public static let wordCount = FlowKey.wordCount + noteCount
    /// Words behind the packet's.
    public static let noteCount = 14

    /// The packet's own words. Stored as a key, so that its fields are read where they lie.
    public var packet: FlowKey
    /// Metadata, then two registers a word, then conjunction and action set, then what the packet
    /// begins with and what is known of its connection.
    @usableFromInline var notes: InlineArray<14, UInt64>

    public static let metadataWord = FlowKey.wordCount
    public static let registersWord = metadataWord + 1
    /// Low half: the conjunction; high half: the action set's output.
    public static let decisionsWord = registersWord + 8
    /// Low half: the packet type; high half: the connection's state.
    public static let natureWord = decisionsWord + 1
    /// Low half: the connection's mark; above it its zone. Two words of label follow.
    public static let connectionWord = natureWord + 1

    @inlinable public init() { self.init(FlowKey()) }

    @inlinable public init(_ packet: FlowKey) {
        self.packet = packet
        notes = InlineArray(repeating: 0)
    }

    @inlinable public subscript(word index: Int) -> UInt64 {
        get {
            precondition((0..<Self.wordCount).contains(index), "a word of the row")
            // Safe: checked; both parts are words in a row, the second right behind the first.
            return unsafe withWords { unsafe $0[index] }
        }
        set {
            precondition((0..<Self.wordCount).contains(index), "a word of the row")
            // Safe: as above.
            unsafe withMutableWords { unsafe $0[index] = newValue }
        }
    }

    /// `actionSetOutput` without an output (`OFPP_UNSET`).
    public static let unsetOutput: UInt16 = 0xfff7

    /// The 64 bits that `write_metadata` sets (OpenFlow 1.3.5 §5.9).
    @inlinable public var metadata: UInt64 {
        get { notes[0] }
        set { notes[0] = newValue }
    }

    /// The conjunction whose clauses all matched, in the one lookup that asks for its rule.
    @inlinable public var conjunctionID: UInt32 {
        get { UInt32(truncatingIfNeeded: notes[9]) }
        set { notes[9] = notes[9] & ~0xffff_ffff | UInt64(newValue) }
    }

    /// The port that the action set sends to so far; `unsetOutput` if it sends nowhere.
    @inlinable public var actionSetOutput: UInt16 {
        get { UInt16(truncatingIfNeeded: notes[9] >> 32) }
        set { notes[9] = notes[9] & 0xffff_ffff | UInt64(newValue) << 32 }
    }

    /// What the packet begins with (1.5.1 §7.2.3.11): 0, an Ethernet header, unless it was taken
    /// off; then name space 1 and the Ethernet type of what follows.
    @inlinable public var packetType: UInt32 {
        get { UInt32(truncatingIfNeeded: notes[10]) }
        set { notes[10] = notes[10] & ~0xffff_ffff | UInt64(newValue) }
    }

    /// Nicira registers `reg0` to `reg15`. Traps outside `0..<16`.
    @inlinable public subscript(register index: Int) -> UInt32 {
        get {
            let shift = UInt64(32 * (index & 1))
            return UInt32(truncatingIfNeeded: notes[1 + index / 2] >> shift)
        }
        set {
            let shift = UInt64(32 * (index & 1))
            let word = 1 + index / 2
            notes[word] = notes[word] & ~(0xffff_ffff << shift) | UInt64(newValue) << shift
        }
    }
}

public typealias PipelineMask = PipelineKey
