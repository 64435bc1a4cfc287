public import Flows

// The lookup itself: what runs for each packet that no cached flow knew, and for each table.

extension Classifier {
    /// The best rule for `packet`, or nil. ORs into `mask` every bit that the answer depends on.
    ///
    /// - Complexity: O(`subtableCount`); allocates nothing. Inlinable, because a generic that is
    ///   not specialised copies every payload and every table through its metadata.
    @inlinable @inline(__always)
    public func lookup(_ packet: PipelineKey, looking mask: inout PipelineMask) -> Payload? {
        index.lookup(packet, looking: &mask).map { payloads[$0.slot][$0.entry] }
    }
}

/// Not part of the generic type, so that it is compiled once.
enum ClassifierSearch {
    static func run(
        _ probes: [Probe], _ tries: [PrefixTrie], _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>
    ) -> (slot: Int, entry: Int)? {
        var knowledge = PrefixKnowledge()
        var best: (priority: Int32, slot: Int, entry: Int) = (-1, 0, 0)
        let (start, factor) = (RuleHash.start, RuleHash.factor)
        // Safe: the probes point into subtables that live as long as the classifier.
        unsafe probes.withUnsafeBufferPointer { probes in
            for index in 0..<probes.count {
                let probe = unsafe probes.baseAddress.unsafelyUnwrapped + index
                if unsafe best.priority >= probe.pointee.maxPriority { break }
                if unsafe knowledge.rulesOut(probe.pointee.lengths) { continue }
                let entry = unsafe find(
                    probe, packet, mask, tries, &knowledge, start, factor)
                guard entry >= 0 else { continue }
                let priority = unsafe Int32(probe.pointee.entries[entry].priority)
                if priority > best.priority {
                    unsafe best = (priority, Int(probe.pointee.slot), entry)
                }
            }
        }
        return best.priority < 0 ? nil : (best.slot, best.entry)
    }

    /// The best entry of a subtable, or -1. ORs the bits that it looked at into `mask`.
    @inline(__always)
    private static func find(
        _ probe: UnsafePointer<Probe>, _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>, _ tries: [PrefixTrie],
        _ knowledge: inout PrefixKnowledge, _ start: UInt64, _ factor: UInt64
    ) -> Int {
        var hash = RuleHash(start: start)
        var taken = 0
        // Safe throughout: ends are numbers of words, and words name words of a key.
        let stages = unsafe Int(probe.pointee.stageCount)
        let words = unsafe probe.pointee.words
        var ends = unsafe probe.pointee.ends
        var lengths = unsafe probe.pointee.lengths
        for stage in 0..<stages {
            let end = Int(ends & 0xff)
            ends &>>= 8
            if unsafe lengths != 0 && end > Int(probe.pointee.networkStart) {
                if unsafe askTries(lengths, packet, mask, tries, &knowledge) { return -1 }
                lengths = 0
            }
            let isLast = stage == stages - 1
            let first = taken
            while taken < end {
                let word = unsafe words[taken]
                unsafe hash.add(packet[word.index] & word.bits, factor: factor)
                taken += 1
            }
            if isLast, unsafe probe.pointee.portsMask != 0 {
                return unsafe findByPorts(probe, hash.bits, first, packet, mask)
            }
            for index in first..<end {
                let word = unsafe words[index]
                unsafe mask[word.index] |= word.bits
            }
            guard !isLast else { break }
            let beginning = unsafe probe.pointee.beginnings + stage
            guard unsafe beginning.pointee.find(hash.bits) != 0 else { return -1 }
        }
        return unsafe entry(probe, hash.bits, packet)
    }

    @inline(__always)
    private static func entry(
        _ probe: UnsafePointer<Probe>, _ hash: UInt32, _ packet: UnsafePointer<UInt64>
    ) -> Int {
        // Safe: chains hold numbers of entries.
        let head = unsafe HashIndex.find(hash, probe.pointee.heads, probe.pointee.headMask)
        var entry = Int(head) - 1
        while entry >= 0 {
            if unsafe probe.pointee.agrees(entry, packet) { return entry }
            entry = unsafe Int(probe.pointee.entries[entry].next)
        }
        return -1
    }
}

extension ClassifierSearch {
    /// Whether the packet's addresses rule a subtable out. Looks at the bits that say so.
    private static func askTries(
        _ lengths: UInt32, _ packet: UnsafePointer<UInt64>, _ mask: UnsafeMutablePointer<UInt64>,
        _ tries: [PrefixTrie], _ knowledge: inout PrefixKnowledge
    ) -> Bool {
        for field in TrackedField.allCases {
            let length = Int(lengths &>> UInt32(8 * field.rawValue) & 0xff)
            guard length > 0 else { continue }
            if knowledge.asked &>> UInt32(field.rawValue) & 1 == 0 {
                // Safe: `packet` is the words of a whole key.
                let value = unsafe field.value(in: packet)
                knowledge.answers[field.rawValue] = tries[field.rawValue].lookup(
                    value.high, value.low)
                knowledge.asked |= 1 &<< UInt32(field.rawValue)
            }
            let answer = knowledge.answers[field.rawValue]
            guard !answer.has(length: length) else { continue }
            // Safe: `mask` is the words of a whole mask.
            unsafe field.look(at: answer.lookedAt, in: mask)
            switch field {
            case .ipv4Source: knowledge.source = answer.short | 1 << 63
            case .ipv4Destination: knowledge.destination = answer.short | 1 << 63
            case .ipv6Source, .ipv6Destination: break
            }
            return true
        }
        return false
    }

    /// The last stage of a subtable that looks at ports. If no rule of it has the packet's ports,
    /// their first bits say so, and nothing else of the stage was looked at.
    private static func findByPorts(
        _ probe: UnsafePointer<Probe>, _ hash: UInt32, _ first: Int,
        _ packet: UnsafePointer<UInt64>, _ mask: UnsafeMutablePointer<UInt64>
    ) -> Int {
        let found = unsafe entry(probe, hash, packet)
        // Safe: as in `find`.
        if found < 0, unsafe ruledOutByPorts(probe, packet, mask) { return -1 }
        for index in first..<(unsafe Int(probe.pointee.wordCount)) {
            let word = unsafe probe.pointee.words[index]
            unsafe mask[word.index] |= word.bits
        }
        return found
    }

    private static func ruledOutByPorts(
        _ probe: UnsafePointer<Probe>, _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        // Safe: the probe's trie is the subtable's, which lives as long as the classifier.
        guard let trie = unsafe probe.pointee.ports else { return false }
        let bits = unsafe probe.pointee.portsMask
        let value = unsafe PortsWord.value(packet[PortsWord.index]) & bits
        let answer = unsafe trie.pointee.lookup(UInt64(value) << 32, 0)
        let length = 32 - bits.trailingZeroBitCount
        guard !answer.has(length: length) else { return false }
        let ones = UInt32(truncatingIfNeeded: PrefixTrie.ones(answer.lookedAt).high >> 32)
        // Its own inverse: swaps the halves back.
        unsafe mask[PortsWord.index] |= UInt64(PortsWord.value(UInt64(ones & bits)))
        return true
    }
}
