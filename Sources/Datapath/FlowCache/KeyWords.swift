public import Flows

// Keys where they lie, as pointers to their words.
//
// The packet path indexes words in loops. Through a value, even a borrowed one, each such index
// made the compiler copy all 152 bytes first (Swift 6.3.1, seen in the disassembly: some twenty
// copies a packet, ten times the cost of a lookup). Through a pointer it is one load.

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

    @inlinable @inline(__always)
    static func areEqual(_ a: KeyWords, _ b: KeyWords) -> Bool {
        var difference: UInt64 = 0
        // Safe: both have wordCount words.
        for index in 0..<FlowKey.wordCount { unsafe difference |= a[index] ^ b[index] }
        return difference == 0
    }

    /// Whether `key` has the words of `flow`, which is masked, in the bits of `mask`.
    @inlinable @inline(__always)
    static func agree(_ key: KeyWords, _ flow: KeyWords, mask: KeyWords) -> Bool {
        var difference: UInt64 = 0
        // Safe: all have wordCount words.
        for index in 0..<FlowKey.wordCount {
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
}
