import Flows

// The rules of one mask.
//
// Only the words in which the mask has a bit are hashed and compared. They are taken in stages:
// what the pipeline knows, link layer, network layer, transport layer. After each stage the table
// knows whether any rule at all begins like this packet; if none does, the later layers are not
// looked at and do not narrow the cached flow. So one rule about TCP ports of one host does not
// make the flows of all other hosts depend on their ports.

@usableFromInline
struct Subtable<Payload: Sendable>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var priority: UInt16
        var hash: Int
        /// Next in the chain of entries with the same hash, by falling priority; -1 = none.
        @usableFromInline var next: Int
        @usableFromInline var payload: Payload
    }
    @usableFromInline
    struct Word: Sendable {
        @usableFromInline var index: Int
        @usableFromInline var bits: UInt64
    }

    let mask: PipelineMask
    /// Age among the subtables of a classifier.
    let serial: UInt64
    @usableFromInline private(set) var entries: [Entry] = []
    /// For each entry the words of its key that the mask selects bits of, in the order of `words`.
    @usableFromInline var keys: [UInt64] = []
    @usableFromInline private(set) var maxPriority: UInt16 = 0
    /// How many entries have that priority.
    private var maxPriorityCount = 0

    /// Words with a bit in the mask, by stage.
    @usableFromInline let words: [Word]
    /// For each stage that has words: how many of `words` have been taken after it.
    @usableFromInline let stageEnds: [Int]
    /// For each stage but the last: how many rules begin with a hash. Never iterated.
    @usableFromInline var prefixes: [[Int: Int]]
    /// First entry of the chain for a hash. Never iterated. `Hasher` is seeded per process, so a
    /// peer that makes us learn rules cannot choose them to collide.
    @usableFromInline var heads: [Int: Int] = [:]

    init(mask: PipelineMask, serial: UInt64) {
        self.mask = mask
        self.serial = serial
        var words: [Word] = []
        var ends: [Int] = []
        for stage in Stage.allCases {
            for index in 0..<PipelineKey.wordCount
            where Stage(ofWord: index) == stage && mask[word: index] != 0 {
                words.append(Word(index: index, bits: mask[word: index]))
            }
            if words.count > (ends.last ?? 0) { ends.append(words.count) }
        }
        self.words = words
        stageEnds = ends
        prefixes = Array(repeating: [:], count: max(ends.count - 1, 0))
    }

    /// The best entry for `packet`. ORs the bits that it looked at into `looked`. Both have the
    /// words of a `PipelineKey`.
    @inlinable
    func find(
        _ packet: UnsafePointer<UInt64>, looking looked: UnsafeMutablePointer<UInt64>
    ) -> Int? {
        var hasher = Hasher()
        var taken = 0
        for stage in stageEnds.indices {
            while taken < stageEnds[stage] {
                let word = words[taken]
                // Safe: the indices of words are below PipelineKey.wordCount.
                unsafe looked[word.index] |= word.bits
                unsafe hasher.combine(packet[word.index] & word.bits)
                taken += 1
            }
            guard stage < prefixes.count else { break }
            guard prefixes[stage][hasher.finalized] != nil else { return nil }
        }
        var entry = heads[hasher.finalized] ?? -1
        while entry >= 0 {
            if unsafe agrees(entry, packet) { return entry }
            entry = entries[entry].next
        }
        return nil
    }

    func find(key: PipelineKey, priority: UInt16) -> Int? {
        var entry = heads[hashes(of: key).last ?? 0] ?? -1
        while entry >= 0 {
            if entries[entry].priority == priority,
                unsafe key.withWords({ unsafe agrees(entry, $0) })
            {
                return entry
            }
            entry = entries[entry].next
        }
        return nil
    }

    func overlap(key: PipelineKey, mask other: PipelineMask, priority: UInt16) -> Payload? {
        let wanted = words.map { key[word: $0.index] }
        let common = words.map { $0.bits & other[word: $0.index] }
        return entries.indices.first { entry in
            entries[entry].priority == priority
                && words.indices.allSatisfy {
                    (keys[entry * words.count + $0] ^ wanted[$0]) & common[$0] == 0
                }
        }.map { entries[$0].payload }
    }

    mutating func insert(key: PipelineKey, priority: UInt16, payload: Payload) -> Payload? {
        if let entry = find(key: key, priority: priority) {
            let replaced = entries[entry].payload
            entries[entry].payload = payload
            return replaced
        }
        let hashes = hashes(of: key)
        let hash = hashes.last ?? 0
        for stage in prefixes.indices { prefixes[stage][hashes[stage], default: 0] += 1 }

        let new = entries.count
        entries.append(Entry(priority: priority, hash: hash, next: -1, payload: payload))
        for word in words { keys.append(key[word: word.index] & word.bits) }
        var before = -1
        var after = heads[hash] ?? -1
        while after >= 0, entries[after].priority >= priority {
            (before, after) = (after, entries[after].next)
        }
        entries[new].next = after
        if before < 0 { heads[hash] = new } else { entries[before].next = new }
        if new == 0 || priority > maxPriority {
            (maxPriority, maxPriorityCount) = (priority, 1)
        } else if priority == maxPriority {
            maxPriorityCount += 1
        }
        return nil
    }

    mutating func remove(key: PipelineKey, priority: UInt16) -> Payload? {
        guard let entry = find(key: key, priority: priority) else { return nil }
        let hashes = hashes(of: key)
        for stage in prefixes.indices {
            let left = (prefixes[stage][hashes[stage]] ?? 1) - 1
            prefixes[stage][hashes[stage]] = left == 0 ? nil : left
        }
        let removed = entries[entry].payload
        redirect(entry, to: entries[entry].next)
        // The last entry moves into the gap, so that the entries stay without gaps.
        let last = entries.count - 1
        if entry != last {
            redirect(last, to: entry)
            entries[entry] = entries[last]
            for index in words.indices {
                keys[entry * words.count + index] = keys[last * words.count + index]
            }
        }
        entries.removeLast()
        keys.removeLast(words.count)
        if priority == maxPriority { forgetOneOfMaxPriority() }
        return removed
    }

    private mutating func forgetOneOfMaxPriority() {
        maxPriorityCount -= 1
        guard maxPriorityCount == 0 else { return }
        maxPriority = 0
        for entry in entries { maxPriority = max(maxPriority, entry.priority) }
        maxPriorityCount = entries.count { $0.priority == maxPriority }
    }

    /// Makes whatever points to `entry` in its chain point to `target` (-1 = nothing).
    private mutating func redirect(_ entry: Int, to target: Int) {
        let hash = entries[entry].hash
        var before = heads[hash] ?? -1
        if before == entry {
            heads[hash] = target < 0 ? nil : target
            return
        }
        while before >= 0, entries[before].next != entry { before = entries[before].next }
        if before >= 0 { entries[before].next = target }
    }

    @inlinable
    func agrees(_ entry: Int, _ packet: UnsafePointer<UInt64>) -> Bool {
        var difference: UInt64 = 0
        for (index, word) in words.enumerated() {
            // Safe: the indices of words are below PipelineKey.wordCount.
            unsafe difference |= keys[entry * words.count + index] ^ packet[word.index] & word.bits
        }
        return difference == 0
    }

    /// The hash after each stage; the last is that of the whole. For the empty mask: one hash.
    private func hashes(of key: PipelineKey) -> [Int] {
        var hasher = Hasher()
        var taken = 0
        var hashes: [Int] = []
        for end in stageEnds {
            while taken < end {
                hasher.combine(key[word: words[taken].index] & words[taken].bits)
                taken += 1
            }
            hashes.append(hasher.finalized)
        }
        return hashes.isEmpty ? [hasher.finalized] : hashes
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

extension Hasher {
    /// The hash of what was combined so far; more can be combined afterwards.
    @inlinable var finalized: Int {
        let copy = self
        return copy.finalize()
    }
}
