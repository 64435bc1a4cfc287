// What OpenFlow rules match on: the packet's own key, and what the pipeline has noted on its way
// through the tables. The notes live for one translation only; the datapath never sees them.

/// A `FlowKey` plus metadata and registers, as one row of words: the first `FlowKey.wordCount`
/// words are the packet's.
///
/// `packet.inPort` holds an OpenFlow port number here, not a datapath port.
public struct PipelineKey: WordRow {
    public static let wordCount = 28

    public var words: InlineArray<28, UInt64>

    public static let metadataWord = 19
    public static let registersWord = 20

    @inlinable public init() { words = InlineArray(repeating: 0) }

    @inlinable public init(_ packet: FlowKey) {
        self.init()
        self.packet = packet
    }

    @inlinable public subscript(word index: Int) -> UInt64 {
        get { words[index] }
        set { words[index] = newValue }
    }

    /// The packet's own words.
    @inlinable public var packet: FlowKey {
        get {
            var key = FlowKey()
            for index in 0..<FlowKey.wordCount { key[word: index] = words[index] }
            return key
        }
        set { for index in 0..<FlowKey.wordCount { words[index] = newValue[word: index] } }
    }

    /// The 64 bits that `write_metadata` sets (OpenFlow 1.3.5 §5.9).
    @inlinable public var metadata: UInt64 {
        get { words[Self.metadataWord] }
        set { words[Self.metadataWord] = newValue }
    }

    /// Nicira registers `reg0` to `reg15`. Traps outside `0..<16`.
    @inlinable public subscript(register index: Int) -> UInt32 {
        get {
            let shift = UInt64(32 * (index & 1))
            return UInt32(truncatingIfNeeded: words[Self.registersWord + index / 2] >> shift)
        }
        set {
            let shift = UInt64(32 * (index & 1))
            let word = Self.registersWord + index / 2
            words[word] = words[word] & ~(0xffff_ffff << shift) | UInt64(newValue) << shift
        }
    }
}

public typealias PipelineMask = PipelineKey
