import Flows
import OpenFlow

// A match as a rule keeps it: only the words that its mask has bits in.
//
// A rule looks at three or four words of the thirty-six that a key has. A million rules with whole
// keys and masks would take half a gigabyte for zeros.

/// The words of a mask that are not 0, and those of the key beside them.
struct CompactMatch: Hashable, Sendable {
    /// Bit `n`: word `n` is there.
    private let present: UInt64
    /// Mask and key in turn, for each word that is there.
    private let words: [UInt64]

    init(_ match: Match) {
        var present: UInt64 = 0
        var words: [UInt64] = []
        // Safe: both rows have wordCount words. Lent once: see `WordRow`.
        unsafe match.mask.withWords { mask in
            unsafe match.key.withWords { key in
                for index in 0..<PipelineKey.wordCount where unsafe mask[index] != 0 {
                    present |= 1 << UInt64(index)
                }
                words.reserveCapacity(2 * present.nonzeroBitCount)
                var rest = present
                while rest != 0 {
                    let index = rest.trailingZeroBitCount
                    rest &= rest &- 1
                    unsafe words.append(mask[index])
                    unsafe words.append(key[index])
                }
            }
        }
        self.present = present
        self.words = words
    }

    var matchesEverything: Bool { present == 0 }

    /// Whether it has a bit of the packet type, which is the low half of its word.
    var asksPacketType: Bool {
        let bit: UInt64 = 1 << UInt64(PipelineKey.natureWord)
        guard present & bit != 0 else { return false }
        return words[2 * (present & (bit - 1)).nonzeroBitCount] & 0xffff_ffff != 0
    }

    var match: Match {
        var (key, mask) = (PipelineKey(), PipelineMask())
        var rest = present
        var place = 0
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            (mask[word: index], key[word: index]) = (words[place], words[place + 1])
            place += 2
        }
        return Match(key: key, mask: mask)
    }
}
