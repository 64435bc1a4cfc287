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

    /// The same rule, for whoever has no use for the bits: does not find out what they are.
    @inlinable @inline(__always)
    public func lookup(_ packet: PipelineKey) -> Payload? {
        index.lookup(packet).map { payloads[$0.slot][$0.entry] }
    }
}

/// The tries of all addresses; those of IPv4 as plain rows, because every lookup walks them.
@unsafe
struct AddressTries {
    let source: UnsafePointer<PrefixTrie.Node>
    let destination: UnsafePointer<PrefixTrie.Node>
    let all: [PrefixTrie]
}

/// Not part of the generic type, so that it is compiled once.
enum ClassifierSearch {
    /// The best rule: the place of its subtable's probe, its entry there, and its priority.
    struct Winner {
        var probe = Int.max
        var entry = -1
        var priority: Int32 = -1

        /// What a rule of the subtable at this place must have to win: of equals, that of the
        /// subtable which stands first does.
        @inline(__always)
        func needed(at index: Int) -> Int32 { index < probe ? max(priority, 0) : priority + 1 }
    }

    /// Finds the best rule. Without a `mask` nobody is told what that depends on.
    static func run(
        _ probes: [Probe], _ tries: [PrefixTrie], _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>?
    ) -> (slot: Int, entry: Int)? {
        // Safe: the probes point into subtables that live as long as the classifier; a trie has its
        // root at least, and lends its nodes for as long as this takes.
        unsafe probes.withUnsafeBufferPointer { probes in
            unsafe tries[0].nodes.withUnsafeBufferPointer { source in
                unsafe tries[1].nodes.withUnsafeBufferPointer { destination in
                    let tries = unsafe AddressTries(
                        source: source.baseAddress.unsafelyUnwrapped,
                        destination: destination.baseAddress.unsafelyUnwrapped, all: tries)
                    let winner = unsafe best(probes, tries, packet)
                    if let mask = unsafe mask {
                        unsafe explain(winner, probes, tries, packet, mask)
                    }
                    guard winner.entry >= 0 else { return nil }
                    return unsafe (Int(probes[winner.probe].slot), winner.entry)
                }
            }
        }
    }

    /// How many numbers `PrefixTrie.findMaxima` needs.
    private static let maximaCount = 33

    private static func best(
        _ probes: UnsafeBufferPointer<Probe>, _ tries: borrowing AddressTries,
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
            var winner = Winner()
            unsafe searchPlain(probes, packet, &winner)
            let field = TrackedField.self
            unsafe PrefixTrie.findMaxima(
                tries.source, field.ipv4Source.value(in: packet).high, least: winner.priority,
                source)
            unsafe PrefixTrie.findMaxima(
                tries.destination, field.ipv4Destination.value(in: packet).high,
                least: winner.priority, destination)
            unsafe search(probes, tries, packet, source, destination, &winner)
            return winner
        }
    }

    /// Asks the subtables without addresses: what they find bounds how far the tries need be
    /// walked, and which of the many others be asked.
    private static func searchPlain(
        _ probes: UnsafeBufferPointer<Probe>, _ packet: UnsafePointer<UInt64>,
        _ winner: inout Winner
    ) {
        for index in 0..<probes.count {
            // Safe: a place of the row.
            let probe = unsafe probes.baseAddress.unsafelyUnwrapped + index
            if unsafe winner.priority >= probe.pointee.maxPriority { break }
            if unsafe probe.pointee.lengths == 0 { unsafe ask(probe, index, packet, &winner) }
        }
    }

    private static func search(
        _ probes: UnsafeBufferPointer<Probe>, _ tries: borrowing AddressTries,
        _ packet: UnsafePointer<UInt64>,
        _ source: UnsafePointer<Int32>, _ destination: UnsafePointer<Int32>,
        _ winner: inout Winner
    ) {
        var knowledge = PrefixKnowledge(least: 0)
        for index in 0..<probes.count {
            // Safe: a place of the row; lengths of IPv4 prefixes are at most 32.
            let probe = unsafe probes.baseAddress.unsafelyUnwrapped + index
            let needed = winner.needed(at: index)
            if unsafe probe.pointee.maxPriority < needed { break }
            let lengths = unsafe probe.pointee.lengths
            if lengths == 0 { continue }
            if unsafe source[Int(lengths & 0xff)] < needed { continue }
            if unsafe destination[Int(lengths &>> 8 & 0xff)] < needed { continue }
            if lengths &>> 16 != 0,
                unsafe knowledge.excluding(lengths & 0xffff_0000, packet, tries) != 0
            {
                continue
            }
            unsafe ask(probe, index, packet, &winner)
        }
    }

    @inline(__always)
    private static func ask(
        _ probe: UnsafePointer<Probe>, _ index: Int, _ packet: UnsafePointer<UInt64>,
        _ winner: inout Winner
    ) {
        let entry = unsafe find(probe, packet)
        guard entry >= 0 else { return }
        // Safe: an entry of the subtable.
        let priority = unsafe Int32(probe.pointee.entries[entry].priority)
        if priority >= winner.needed(at: index) {
            winner = Winner(probe: index, entry: entry, priority: priority)
        }
    }

    /// The best entry of a subtable, or -1.
    @inline(__always)
    private static func find(
        _ probe: UnsafePointer<Probe>, _ packet: UnsafePointer<UInt64>
    ) -> Int {
        var hash = RuleHash(start: RuleHash.start)
        let factor = RuleHash.factor
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
