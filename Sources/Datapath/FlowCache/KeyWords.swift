public import Flows

// Keys where they lie, as pointers to their words.
//
// See `WordRow` for why loops over words go through pointers. Most keys have no tunnel, and then
// nothing behind word 18 (`FlowKey.plainWordCount`): what follows stops there if it may.

/// `FlowKey.wordCount` words that outlive the call they are handed to.
@usableFromInline typealias KeyWords = UnsafePointer<UInt64>

@usableFromInline
enum Words {
    /// Hands `body` the words of `key`.
    @inlinable @inline(__always)
    static func of<Result>(_ key: borrowing FlowKey, _ body: (KeyWords) -> Result) -> Result {
        var words = key.words
        // Safe: an InlineArray is its elements in a row; the pointer is used inside the call only.
        return unsafe withUnsafeBytes(of: &words) { bytes in
            unsafe body(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt64.self))
        }
    }

    /// Whether two keys agree in all bits. Of keys without a tunnel nothing behind it is looked at.
    @inlinable @inline(__always)
    static func areEqual(_ a: KeyWords, _ b: KeyWords) -> Bool {
        var difference: UInt64 = 0
        // Safe: both have wordCount words.
        for index in 0..<FlowKey.plainWordCount { unsafe difference |= a[index] ^ b[index] }
        guard difference == 0, unsafe a[FlowKey.plainWordCount - 1] != 0 else {
            return difference == 0
        }
        for index in FlowKey.plainWordCount..<FlowKey.wordCount {
            unsafe difference |= a[index] ^ b[index]
        }
        return difference == 0
    }

    /// Whether two masks agree in all bits; those of a tunnel count though its flags may not.
    static func areSame(_ a: KeyWords, _ b: KeyWords) -> Bool {
        var difference: UInt64 = 0
        // Safe: both have wordCount words.
        for index in 0..<FlowKey.wordCount { unsafe difference |= a[index] ^ b[index] }
        return difference == 0
    }

    /// Whether `key` has the words of `flow`, which is masked, in the bits of `mask`.
    ///
    /// - Parameter pairs: Which words `mask` has bits in, see `KeyHash.pairs`.
    @inlinable @inline(__always)
    static func agree(_ key: KeyWords, _ flow: KeyWords, mask: KeyWords, pairs: UInt32) -> Bool {
        var difference: UInt64 = 0
        // Safe: all have wordCount words.
        for index in 0..<18 { unsafe difference |= flow[index] ^ (key[index] & mask[index]) }
        guard difference == 0, pairs >> 9 != 0 else { return difference == 0 }
        for index in 18..<FlowKey.wordCount {
            unsafe difference |= flow[index] ^ (key[index] & mask[index])
        }
        return difference == 0
    }

    /// The key whose words lie there.
    static func key(_ words: KeyWords) -> FlowKey {
        var key = FlowKey()
        // Safe: there are wordCount words.
        for index in 0..<FlowKey.wordCount { key[word: index] = unsafe words[index] }
        return key
    }

    /// Copies a key to initialised or uninitialised memory for `FlowKey.wordCount` words.
    @inlinable @inline(__always)
    static func copy(_ key: KeyWords, to place: UnsafeMutablePointer<UInt64>) {
        unsafe place.initialize(from: key, count: FlowKey.wordCount)
    }
    /// The same, with 0 wherever `mask` has 0.
    static func copy(
        _ key: KeyWords, maskedBy mask: KeyWords, to place: UnsafeMutablePointer<UInt64>
    ) {
        for index in 0..<FlowKey.wordCount {
            // Safe: all have wordCount words.
            unsafe (place + index).initialize(to: key[index] & mask[index])
        }
    }
}
