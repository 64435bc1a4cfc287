import Flows

// What a lookup needs to know of a subtable, in one row.
//
// A lookup asks many subtables and finds nothing in most. So what it needs of each stands in a row
// of plain values, by falling priority; a glance at two words rules most of them out. The pointers
// are into memory of the subtable that the classifier holds beside; whatever changes a subtable
// writes its probe anew.

/// A subtable as a lookup sees it.
@unsafe
@usableFromInline
struct Probe {
    /// No rule has a higher one.
    @usableFromInline var maxPriority: Int32
    /// Which subtable of the classifier.
    @usableFromInline var slot: Int32
    /// `TrackedPrefixes.lengths`.
    @usableFromInline var lengths: UInt32
    @usableFromInline var stageCount: UInt8
    @usableFromInline var wordCount: UInt8
    /// How many of the words are of the layers below the network's.
    @usableFromInline var networkStart: UInt8
    /// See `Subtable`.
    @usableFromInline var portsMask: UInt32
    @usableFromInline var ports: UnsafePointer<PrefixTrie>?
    /// `Subtable.stageEnds`, in a byte each.
    @usableFromInline var ends: UInt32
    @usableFromInline var headMask: UInt32
    @usableFromInline var heads: UnsafePointer<UInt64>
    @usableFromInline var words: UnsafePointer<MaskWord>
    @usableFromInline var keys: UnsafePointer<UInt64>
    @usableFromInline var entries: UnsafePointer<RuleEntry>
    @usableFromInline var beginnings: UnsafePointer<HashIndex>

    init(_ table: Subtable, slot: Int) {
        unsafe maxPriority = Int32(table.maxPriority)
        unsafe self.slot = Int32(slot)
        unsafe lengths = table.prefixes.lengths
        unsafe stageCount = UInt8(table.stageEnds.count)
        unsafe wordCount = UInt8(table.words.count)
        unsafe networkStart = UInt8(table.networkStart)
        unsafe portsMask = table.portsMask
        unsafe ports = table.ports.map { unsafe UnsafePointer($0) }
        var ends: UInt32 = 0
        for (stage, end) in table.stageEnds.enumerated() {
            ends |= UInt32(end) << UInt32(8 * stage)
        }
        unsafe self.ends = ends
        unsafe headMask = table.heads.bucketMask
        unsafe heads = UnsafePointer(table.heads.buckets)
        unsafe words = UnsafePointer(table.words.base)
        unsafe keys = UnsafePointer(table.keys.base)
        unsafe entries = UnsafePointer(table.entries.base)
        unsafe beginnings = UnsafePointer(table.beginnings.base)
    }

    /// Whether it says of the subtable what is true.
    func isOf(_ table: Subtable) -> Bool {
        let fresh = unsafe Probe(table, slot: Int(slot))
        return unsafe maxPriority == fresh.maxPriority && lengths == fresh.lengths
            && headMask == fresh.headMask && heads == fresh.heads && keys == fresh.keys
            && entries == fresh.entries && beginnings == fresh.beginnings
    }

    /// Whether the entry's key is what `packet` has under the mask.
    @inlinable @inline(__always)
    func agrees(_ entry: Int, _ packet: UnsafePointer<UInt64>) -> Bool {
        let width = unsafe Int(wordCount)
        var difference: UInt64 = 0
        for index in 0..<width {
            // Safe: there are `width` words, and as many for each entry; they name words of a key.
            let word = unsafe words[index]
            unsafe difference |= keys[entry &* width &+ index] ^ packet[word.index] & word.bits
        }
        return difference == 0
    }
}
