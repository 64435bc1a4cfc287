public import Flows

// The lookup itself: what runs for each packet that no cached flow knew, and for each table.
//
// First the best rule is found, as fast as can be, with no thought of bits: every subtable is asked
// by one hash of all its words. Then `Classifier+Explanation` says what the answer depends on.

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
    /// The best rule: the place of its subtable's probe, its entry there, and its priority.
    struct Winner {
        var probe = Int.max
        var entry = -1
        var priority: Int32 = -1
    }

    static func run(
        _ probes: [Probe], _ tries: [PrefixTrie], _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>
    ) -> (slot: Int, entry: Int)? {
        // Safe: the probes point into subtables that live as long as the classifier.
        unsafe probes.withUnsafeBufferPointer { probes in
            let winner = unsafe best(probes, tries, packet)
            unsafe explain(winner, probes, tries, packet, mask)
            return winner.entry < 0 ? nil : unsafe (Int(probes[winner.probe].slot), winner.entry)
        }
    }

    /// How many numbers `PrefixTrie.findMaxima` needs.
    private static let maximaCount = 33

    private static func best(
        _ probes: UnsafeBufferPointer<Probe>, _ tries: [PrefixTrie],
        _ packet: UnsafePointer<UInt64>
    ) -> Winner {
        // For each length of the source's prefix, then of the destination's, the best priority of
        // the rules that have the packet's; that of none is not bounded so.
        unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * maximaCount) { memory in
            // Safe: `memory` has room for both, and is initialised here.
            let source = unsafe memory.baseAddress.unsafelyUnwrapped
            let destination = unsafe source + maximaCount
            unsafe source.initialize(repeating: -1, count: 2 * maximaCount)
            unsafe (source[0], destination[0]) = (.max, .max)
            let field = TrackedField.self
            unsafe tries[0].findMaxima(field.ipv4Source.value(in: packet).high, source)
            unsafe tries[1].findMaxima(field.ipv4Destination.value(in: packet).high, destination)
            return unsafe search(probes, tries, packet, source, destination)
        }
    }

    @inline(__always)
    private static func search(
        _ probes: UnsafeBufferPointer<Probe>, _ tries: [PrefixTrie],
        _ packet: UnsafePointer<UInt64>,
        _ source: UnsafePointer<Int32>, _ destination: UnsafePointer<Int32>
    ) -> Winner {
        var winner = Winner()
        var knowledge = PrefixKnowledge(least: 0)
        let (start, factor) = (RuleHash.start, RuleHash.factor)
        for index in 0..<probes.count {
            // Safe: a place of the row; lengths of IPv4 prefixes are at most 32.
            let probe = unsafe probes.baseAddress.unsafelyUnwrapped + index
            if unsafe winner.priority >= probe.pointee.maxPriority { break }
            let lengths = unsafe probe.pointee.lengths
            if unsafe source[Int(lengths & 0xff)] <= winner.priority { continue }
            if unsafe destination[Int(lengths &>> 8 & 0xff)] <= winner.priority { continue }
            if lengths &>> 16 != 0,
                unsafe knowledge.excluding(lengths & 0xffff_0000, packet, tries) != 0
            {
                continue
            }
            let entry = unsafe find(probe, packet, start, factor)
            guard entry >= 0 else { continue }
            let priority = unsafe Int32(probe.pointee.entries[entry].priority)
            if priority > winner.priority {
                winner = Winner(probe: index, entry: entry, priority: priority)
            }
        }
        return winner
    }

    /// The best entry of a subtable, or -1.
    @inline(__always)
    private static func find(
        _ probe: UnsafePointer<Probe>, _ packet: UnsafePointer<UInt64>,
        _ start: UInt64, _ factor: UInt64
    ) -> Int {
        var hash = RuleHash(start: start)
        // Safe throughout: words name words of a key, and chains hold numbers of entries.
        let words = unsafe probe.pointee.words
        for index in 0..<(unsafe Int(probe.pointee.wordCount)) {
            let word = unsafe words[index]
            unsafe hash.add(packet[word.index] & word.bits, factor: factor)
        }
        let head = unsafe HashIndex.find(hash.bits, probe.pointee.heads, probe.pointee.headMask)
        var entry = Int(head) - 1
        while entry >= 0 {
            if unsafe probe.pointee.agrees(entry, packet) { return entry }
            entry = unsafe Int(probe.pointee.entries[entry].next)
        }
        return -1
    }
}
