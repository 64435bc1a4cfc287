import Flows

// The rules of one mask.
//
// Only the words in which the mask has a bit are hashed and compared. They are taken in stages:
// what the pipeline knows, link layer, network layer, transport layer. After each stage the table
// knows whether any rule at all begins like this packet; if none does, the later layers are not
// looked at and do not narrow the cached flow. So one rule about TCP ports of one host does not
// make the flows of all other hosts depend on their ports.
//
// All of it is plain words in memory of the subtable's own, so that a lookup counts no references.
// A copy of a classifier shares its subtables until one side changes one (`copied`).

/// A row of plain values that grows. Owned by a `Subtable`, which frees it.
@unsafe
@usableFromInline
struct Row<Element: BitwiseCopyable> {
    @usableFromInline var base: UnsafeMutablePointer<Element>
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int) {
        unsafe self.capacity = max(capacity, 1)
        unsafe base = .allocate(capacity: max(capacity, 1))
    }

    func copied() -> Row {
        var copy = unsafe Row(capacity: count)
        unsafe copy.count = count
        // Safe: the copy has room for `count`, which are initialised here.
        unsafe copy.base.initialize(from: base, count: count)
        return unsafe copy
    }

    mutating func append(_ element: Element) {
        if unsafe count == capacity {
            // A half more, not twice as much: the rows are most of what a rule costs.
            let larger = unsafe UnsafeMutablePointer<Element>.allocate(
                capacity: capacity + capacity / 2 + 2)
            // Safe: `count` elements are initialised, and there is room for more.
            unsafe larger.initialize(from: base, count: count)
            unsafe base.deallocate()
            unsafe base = larger
            unsafe capacity += capacity / 2 + 2
        }
        unsafe (base + count).initialize(to: element)
        unsafe count += 1
    }

    mutating func removeLast(_ number: Int = 1) { unsafe count -= number }

    // Safe: allocated here, trivial, and nobody uses the row afterwards.
    func free() { unsafe base.deallocate() }

    var byteCount: Int { unsafe capacity * MemoryLayout<Element>.stride }
}

/// A word that the mask has bits in.
@usableFromInline
struct MaskWord: Sendable, BitwiseCopyable {
    @usableFromInline var index: Int
    @usableFromInline var bits: UInt64
}

/// A rule of the table; its key lies in a row beside it.
@usableFromInline
struct RuleEntry: BitwiseCopyable {
    /// Next in the chain of entries with the same hash, by falling priority; -1 = none.
    @usableFromInline var next: Int32
    var hash: UInt32
    @usableFromInline var priority: UInt16
}

/// Rules with one mask. Entries are numbered from 0 without gaps; whoever carries something for
/// each rule keeps it by that number.
@safe
final class Subtable {
    let mask: PipelineMask
    /// Age among the subtables of a classifier.
    let serial: UInt64
    /// Words with a bit in the mask, by stage.
    let words: Row<MaskWord>
    /// For each stage that has words: how many of `words` have been taken after it.
    let stageEnds: [Int]
    /// Number of the first of `words` that is of the network layer or above it.
    let networkStart: Int
    let prefixes: TrackedPrefixes
    /// Of the two ports as one number, source first: which bits the mask has.
    let portsMask: UInt32

    private(set) var entries: Row<RuleEntry>
    /// For each entry the words of its key that the mask selects bits of, in the order of `words`.
    private(set) var keys: Row<UInt64>
    /// First entry of the chain for a hash, plus one.
    private(set) var heads: HashIndex
    /// For each stage but the last: how many rules begin with a hash.
    private(set) var beginnings: Row<HashIndex>
    /// Values of the ports, where the mask has bits of them.
    let ports: UnsafeMutablePointer<PrefixTrie>?

    /// No rule has a higher one. May be too high after removals, never too low.
    private(set) var maxPriority: UInt16 = 0
    /// Removals of rules with `maxPriority` since it was last exact.
    private var removalsAtTop = 0

    var count: Int { unsafe entries.count }

    init(mask: PipelineMask, serial: UInt64) {
        self.mask = mask
        self.serial = serial
        var words = unsafe Row<MaskWord>(capacity: 4)
        var ends: [Int] = []
        var networkStart: Int?
        for stage in Stage.allCases {
            if stage == .network { networkStart = unsafe words.count }
            for index in 0..<PipelineKey.wordCount
            where Stage(ofWord: index) == stage && mask[word: index] != 0 {
                unsafe words.append(MaskWord(index: index, bits: mask[word: index]))
            }
            if unsafe words.count > (ends.last ?? 0) { unsafe ends.append(words.count) }
        }
        unsafe self.words = words
        stageEnds = ends
        self.networkStart = networkStart ?? 0
        prefixes = TrackedPrefixes(of: mask)
        portsMask = PortsWord.value(mask[word: PortsWord.index])
        unsafe entries = Row(capacity: 1)
        unsafe keys = Row(capacity: words.count)
        unsafe heads = HashIndex()
        unsafe beginnings = Row(capacity: max(ends.count - 1, 1))
        for _ in 0..<max(ends.count - 1, 0) { unsafe beginnings.append(HashIndex()) }
        unsafe ports = portsMask == 0 ? nil : .allocate(capacity: 1)
        unsafe ports?.initialize(to: PrefixTrie())
    }

    private init(copying other: Subtable) {
        mask = other.mask
        serial = other.serial
        unsafe words = other.words.copied()
        stageEnds = other.stageEnds
        networkStart = other.networkStart
        prefixes = other.prefixes
        portsMask = other.portsMask
        unsafe entries = other.entries.copied()
        unsafe keys = other.keys.copied()
        unsafe heads = other.heads.copied()
        var beginnings = unsafe Row<HashIndex>(capacity: other.beginnings.count)
        // Safe: the row has `count` indices.
        for stage in 0..<(unsafe other.beginnings.count) {
            unsafe beginnings.append(other.beginnings.base[stage].copied())
        }
        unsafe self.beginnings = beginnings
        unsafe ports = other.ports == nil ? nil : .allocate(capacity: 1)
        // Safe: both subtables have one, or neither.
        if let trie = unsafe other.ports { unsafe ports?.initialize(to: trie.pointee) }
        maxPriority = other.maxPriority
        removalsAtTop = other.removalsAtTop
    }

    deinit {
        // Safe: owned by this subtable alone.
        unsafe ports?.deinitialize(count: 1)
        unsafe ports?.deallocate()
        for stage in 0..<(unsafe beginnings.count) { unsafe beginnings.base[stage].free() }
        unsafe beginnings.free()
        unsafe heads.free()
        unsafe keys.free()
        unsafe entries.free()
        unsafe words.free()
    }

    func copied() -> Subtable { Subtable(copying: self) }

    /// What a probe holds of the subtable that changes with its rules.
    var layout: Layout {
        // Safe: addresses, to be compared only.
        unsafe Layout(
            maxPriority: maxPriority, entries: Int(bitPattern: entries.base),
            keys: Int(bitPattern: keys.base), heads: Int(bitPattern: heads.buckets))
    }

    struct Layout: Equatable {
        let maxPriority: UInt16
        let entries: Int
        let keys: Int
        let heads: Int
    }

    /// Memory in use, in bytes.
    var byteCount: Int {
        var sum = unsafe entries.byteCount + keys.byteCount + heads.byteCount + words.byteCount
        // Safe: the row has `count` indices.
        for stage in 0..<(unsafe beginnings.count) {
            sum += unsafe beginnings.base[stage].byteCount
        }
        return sum + (unsafe ports?.pointee.byteCount ?? 0) + MemoryLayout<PipelineMask>.size + 200
    }
}

// Finding rules by what they match.

extension Subtable {
    /// The entry with this key and priority.
    func find(key: PipelineKey, priority: UInt16) -> Int? {
        var entry = first(key)
        while entry >= 0 {
            if priorityOf(entry) == priority, agrees(entry, with: key) { return entry }
            // Safe: chains hold numbers of entries.
            entry = unsafe Int(entries.base[entry].next)
        }
        return nil
    }

    /// Where the chain that a key belongs to begins; -1: there is none.
    private func first(_ key: PipelineKey) -> Int {
        var hash = RuleHash(start: RuleHash.start)
        // Safe: there are so many words, and they name words of a key.
        unsafe key.withWords { key in
            for index in 0..<(unsafe words.count) {
                let word = unsafe words.base[index]
                unsafe hash.add(key[word.index] & word.bits, factor: RuleHash.factor)
            }
        }
        return unsafe Int(heads.find(hash.bits)) - 1
    }

    /// Entries that match `key`, by falling priority. Bits outside the mask do not count.
    func chain(_ key: PipelineKey) -> [Int] {
        var found: [Int] = []
        var entry = first(key)
        while entry >= 0 {
            if agrees(entry, with: key) { found.append(entry) }
            // Safe: chains hold numbers of entries.
            entry = unsafe Int(entries.base[entry].next)
        }
        return found
    }

    func priorityOf(_ entry: Int) -> UInt16 {
        precondition(entry < count, "an entry of the table")
        // Safe: checked.
        return unsafe entries.base[entry].priority
    }

    private func agrees(_ entry: Int, with key: PipelineKey) -> Bool {
        let width = unsafe words.count
        // Safe: each entry has `width` words of key, and words name words of a key.
        return unsafe key.withWords { key in
            for index in 0..<width {
                let word = unsafe words.base[index]
                guard unsafe keys.base[entry * width + index] == key[word.index] & word.bits
                else { return false }
            }
            return true
        }
    }

    /// Entries whose key could be that of a packet which `key` under `other` matches too.
    func overlapping(key: PipelineKey, mask other: PipelineMask) -> [Int] {
        if other.covers(mask) { return chain(key) }
        let width = unsafe words.count
        // Safe: there are `width` words, and as many for each entry.
        let own = (0..<width).map { unsafe words.base[$0] }
        let wanted = own.map { key[word: $0.index] }
        let common = own.map { $0.bits & other[word: $0.index] }
        return (0..<count).filter { entry in
            (0..<width).allSatisfy {
                (unsafe keys.base[entry * width + $0] ^ wanted[$0]) & common[$0] == 0
            }
        }
    }

    /// The hash after each stage. That of the whole is the last of them; for the empty mask, of
    /// which there is no stage, the first.
    private func hashes(of key: PipelineKey) -> StageHashes {
        var hash = RuleHash(start: RuleHash.start)
        var hashes = StageHashes(repeating: hash.bits)
        var taken = 0
        // Safe: stages end within the words, which name words of a key.
        unsafe key.withWords { key in
            for stage in stageEnds.indices {
                while taken < stageEnds[stage] {
                    let word = unsafe words.base[taken]
                    unsafe hash.add(key[word.index] & word.bits, factor: RuleHash.factor)
                    taken += 1
                }
                hashes[stage] = hash.bits
            }
        }
        return hashes
    }

    /// One for each stage that there can be.
    private typealias StageHashes = InlineArray<4, UInt32>
}

// Changing.

extension Subtable {
    /// Adds an entry, whose number is `count` before. There must be none with its key and priority.
    func insert(key: PipelineKey, priority: UInt16) {
        let hashes = hashes(of: key)
        let hash = hashes[max(stageEnds.count - 1, 0)]
        let new = count
        count(hashes, by: 1)
        unsafe entries.append(RuleEntry(next: -1, hash: hash, priority: priority))
        // Safe here and below: numbers of words and entries.
        unsafe key.withWords { key in
            for index in 0..<(unsafe words.count) {
                let word = unsafe words.base[index]
                unsafe keys.append(key[word.index] & word.bits)
            }
        }
        var before = -1
        var after = unsafe Int(heads.find(hash)) - 1
        while after >= 0, unsafe entries.base[after].priority >= priority {
            (before, after) = unsafe (after, Int(entries.base[after].next))
        }
        unsafe entries.base[new].next = Int32(after)
        if before < 0 {
            unsafe heads.set(hash, to: UInt32(new + 1))
        } else {
            unsafe entries.base[before].next = Int32(new)
        }
        if new == 0 || priority >= maxPriority { (maxPriority, removalsAtTop) = (priority, 0) }
        updatePorts(key) { $0.insert($1, 0, length: $2, priority: priority) }
    }

    /// Takes an entry out; the last one gets its number.
    func remove(_ entry: Int, key: PipelineKey) {
        count(hashes(of: key), by: -1)
        let priority = priorityOf(entry)
        // Safe here and below: numbers of words and entries.
        redirect(entry, to: unsafe Int(entries.base[entry].next))
        let last = count - 1
        let width = unsafe words.count
        if entry != last {
            redirect(last, to: entry)
            unsafe entries.base[entry] = entries.base[last]
            for index in 0..<width {
                unsafe keys.base[entry * width + index] = keys.base[last * width + index]
            }
        }
        unsafe entries.removeLast()
        unsafe keys.removeLast(width)
        updatePorts(key) { $0.remove($1, 0, length: $2) }
        if priority == maxPriority { lowerMaxPriority() }
    }

    /// Finds the highest priority anew, but in large tables only now and then: else removing rules
    /// from the top would look at all of them each time.
    private func lowerMaxPriority() {
        removalsAtTop += 1
        guard count < 64 || removalsAtTop > count / 8 else { return }
        removalsAtTop = 0
        // Safe: numbers of entries.
        maxPriority = (0..<count).reduce(0) { max($0, unsafe entries.base[$1].priority) }
    }

    private func count(_ hashes: StageHashes, by step: Int) {
        for stage in 0..<max(stageEnds.count - 1, 0) {
            // Safe: there is an index for each stage but the last.
            let before = unsafe Int(beginnings.base[stage].find(hashes[stage]))
            unsafe beginnings.base[stage].set(hashes[stage], to: UInt32(max(before + step, 0)))
        }
    }

    /// Makes whatever points to `entry` in its chain point to `target` (-1 = nothing).
    private func redirect(_ entry: Int, to target: Int) {
        // Safe here and below: chains hold numbers of entries.
        let hash = unsafe entries.base[entry].hash
        var before = unsafe Int(heads.find(hash)) - 1
        if before == entry { return unsafe heads.set(hash, to: UInt32(target + 1)) }
        while before >= 0, unsafe Int(entries.base[before].next) != entry {
            before = unsafe Int(entries.base[before].next)
        }
        if before >= 0 { unsafe entries.base[before].next = Int32(target) }
    }

    private func updatePorts(_ key: PipelineKey, _ change: (inout PrefixTrie, UInt64, Int) -> Void)
    {
        guard let trie = unsafe ports else { return }
        let value = PortsWord.value(key[word: PortsWord.index]) & portsMask
        // Safe: initialised with the subtable.
        unsafe change(
            &trie.pointee, UInt64(value) << 32, 32 - portsMask.trailingZeroBitCount)
    }
}

/// The order in which a subtable looks at a packet.
enum Stage: CaseIterable {
    case pipeline, link, network, transport

    /// Word numbers are those of `FlowKey` and `PipelineKey`. A word that serves two layers counts
    /// to the lower, which can only make a flow narrower.
    init(ofWord index: Int) {
        switch index {
        case 0, 1, (FlowKey.plainWordCount - 1)...: self = .pipeline
        case 3...5: self = .link
        case 2, 6, 8...12: self = .network
        default: self = .transport
        }
    }
}
