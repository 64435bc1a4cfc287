// Rows of words, and how loops go over them.
//
// A loop that indexes an `InlineArray` with a variable, through a value, even a borrowed one, makes
// the compiler copy the whole row for each index (Swift 6.3.1, seen in the disassembly: ten times
// the cost of what the loop does). So loops ask for the words once, as a pointer; single fields,
// whose index is a constant, cost one load either way.

/// A row of 64-bit words that can be masked and compared word by word. It consists of these words
/// and of nothing else, the first at its start.
public protocol WordRow: Equatable, Hashable, Sendable {
    static var wordCount: Int { get }
    /// All words zero.
    init()
    /// The word at `index`, which must be in `0..<wordCount`: traps otherwise.
    subscript(word index: Int) -> UInt64 { get set }
}

extension WordRow {
    /// Lends the `wordCount` words for the length of the call.
    @inlinable @inline(__always)
    public func withWords<Result>(_ body: (UnsafePointer<UInt64>) -> Result) -> Result {
        // Safe: a row is its words; the pointer is used inside the call only.
        unsafe withUnsafeBytes(of: self) { bytes in
            unsafe body(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
        }
    }

    /// Lends the `wordCount` words to be changed, where they lie.
    @inlinable @inline(__always)
    public mutating func withMutableWords<Result>(
        _ body: (UnsafeMutablePointer<UInt64>) -> Result
    ) -> Result {
        // Safe: as above.
        unsafe withUnsafeMutableBytes(of: &self) { bytes in
            unsafe body(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
        }
    }

    @inlinable public static func == (a: Self, b: Self) -> Bool {
        unsafe a.withWords { a in
            unsafe b.withWords { b in
                var difference: UInt64 = 0
                // Safe here and below: both rows have wordCount words.
                for index in 0..<wordCount { unsafe difference |= a[index] ^ b[index] }
                return difference == 0
            }
        }
    }

    /// Most words of most rows are zero: only the others are hashed, and which they are.
    @inlinable public func hash(into hasher: inout Hasher) {
        unsafe withWords { words in
            var present: UInt64 = 0
            // Safe: a row has wordCount words. A row of more than 64 hashes some as one.
            for index in 0..<Self.wordCount where unsafe words[index] != 0 {
                present |= 1 &<< UInt64(index)
                unsafe hasher.combine(words[index])
            }
            hasher.combine(present)
        }
    }

    /// Which words are not zero, the first by the lowest bit. Rows have at most 64 words here.
    @inlinable public var presentWords: UInt64 {
        unsafe withWords { words in
            var present: UInt64 = 0
            // Safe: as above.
            for index in 0..<Self.wordCount where unsafe words[index] != 0 {
                present |= 1 &<< UInt64(index)
            }
            return present
        }
    }

    /// The bits of this row that `mask` selects.
    @inlinable public func masked(by mask: Self) -> Self {
        var result = self
        unsafe result.withMutableWords { result in
            unsafe mask.withWords { mask in
                for index in 0..<Self.wordCount { unsafe result[index] &= mask[index] }
            }
        }
        return result
    }

    /// All bits that this row or `other` has set.
    @inlinable public mutating func formUnion(_ other: Self) {
        unsafe withMutableWords { words in
            unsafe other.withWords { other in
                for index in 0..<Self.wordCount { unsafe words[index] |= other[index] }
            }
        }
    }

    /// Whether this row, as a mask, selects every bit that `other` selects.
    @inlinable public func covers(_ other: Self) -> Bool {
        unsafe withWords { words in
            unsafe other.withWords { other in
                var missing: UInt64 = 0
                for index in 0..<Self.wordCount { unsafe missing |= other[index] & ~words[index] }
                return missing == 0
            }
        }
    }
}
