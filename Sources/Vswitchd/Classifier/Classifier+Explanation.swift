import Flows

// Which bits an answer depends on.
//
// The best rule is known. What remains to be said is why no other wins: for each subtable that has
// a rule of at least that priority, some bits that tell the packet from all such rules. Rules of
// lower priority could not win whatever the packet looks like, so no bit is looked at for them:
//
//     best: 300 --> its own bits
//     [mask A, max 900] --> the source's first 5 bits: no rule >= 300 in A has such a source
//     [mask B, max 400] --> its stages, up to the first with which no rule begins
//     [mask C, max 200] --> nothing
//
// An address that rules out a subtable alone must be looked at. Where either would do, one that is
// looked at anyway is taken: this is no search from the top that pays for what it meets first.

extension ClassifierSearch {
    /// ORs into `mask` bits such that every packet that agrees in them has the same best rule.
    static func explain(
        _ winner: Winner, _ probes: UnsafeBufferPointer<Probe>, _ tries: borrowing AddressTries,
        _ packet: UnsafePointer<UInt64>, _ mask: UnsafeMutablePointer<UInt64>
    ) {
        let least = max(winner.priority, 0)
        // Safe: places of the row, and words that name words of a key.
        if winner.entry >= 0 {
            let probe = unsafe probes.baseAddress.unsafelyUnwrapped + winner.probe
            unsafe look(at: 0..<Int(probe.pointee.wordCount), of: probe, mask)
        }
        var knowledge = PrefixKnowledge(least: UInt16(least))
        for index in 0..<probes.count {
            let probe = unsafe probes.baseAddress.unsafelyUnwrapped + index
            if unsafe probe.pointee.maxPriority < winner.needed(at: index) { break }
            if index == winner.probe { continue }
            if unsafe knowledge.rulesOut(probe.pointee.lengths) { continue }
            unsafe explain(probe, packet, mask, tries, &knowledge)
        }
        unsafe knowledge.settle(mask)
    }

    /// Looks at bits that decide whether a rule of this subtable matches that could win.
    private static func explain(
        _ probe: UnsafePointer<Probe>, _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>, _ tries: borrowing AddressTries,
        _ knowledge: inout PrefixKnowledge
    ) {
        var hash = RuleHash(start: RuleHash.start)
        let factor = RuleHash.factor
        // Safe throughout: ends are numbers of words, and words name words of a key.
        let stages = unsafe Int(probe.pointee.stageCount)
        var ends = unsafe probe.pointee.ends
        var lengths = unsafe probe.pointee.lengths
        var first = 0
        for stage in 0..<stages {
            let end = Int(ends & 0xff)
            ends &>>= 8
            if unsafe lengths != 0 && end > Int(probe.pointee.networkStart) {
                if unsafe knowledge.ruleOut(lengths, packet, tries, mask) { return }
                lengths = 0
            }
            let isLast = stage == stages - 1
            if isLast, unsafe probe.pointee.portsMask != 0,
                unsafe ruledOutByPorts(probe, least: knowledge.least, packet, mask)
            {
                return
            }
            unsafe look(at: first..<end, of: probe, mask)
            if isLast { return }
            for index in first..<end {
                let word = unsafe probe.pointee.words[index]
                unsafe hash.add(packet[word.index] & word.bits, factor: factor)
            }
            first = end
            let beginning = unsafe probe.pointee.beginnings + stage
            guard unsafe beginning.pointee.find(hash.bits) != 0 else { return }
        }
    }

    @inline(__always)
    private static func look(
        at range: Range<Int>, of probe: UnsafePointer<Probe>, _ mask: UnsafeMutablePointer<UInt64>
    ) {
        for index in range {
            // Safe: words of the probe, which name words of a mask.
            let word = unsafe probe.pointee.words[index]
            unsafe mask[word.index] |= word.bits
        }
    }

    /// Whether no rule that could win has the packet's ports. Looks at their first bits if so.
    private static func ruledOutByPorts(
        _ probe: UnsafePointer<Probe>, least: UInt16, _ packet: UnsafePointer<UInt64>,
        _ mask: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        // Safe: the probe's trie is the subtable's, which lives as long as the classifier.
        guard let trie = unsafe probe.pointee.ports else { return false }
        let bits = unsafe probe.pointee.portsMask
        let value = unsafe PortsWord.value(packet[PortsWord.index]) & bits
        let answer = unsafe trie.pointee.lookup(UInt64(value) << 32, 0, least: least)
        let length = 32 - bits.trailingZeroBitCount
        guard !answer.has(length: length) else { return false }
        let ones = UInt32(truncatingIfNeeded: PrefixTrie.ones(answer.lookedAt).high >> 32)
        // Its own inverse: swaps the halves back.
        unsafe mask[PortsWord.index] |= UInt64(PortsWord.value(UInt64(ones & bits)))
        return true
    }
}

/// What one lookup has found out about the packet's addresses.
struct PrefixKnowledge {
    /// Only rules with at least this priority count.
    let least: UInt16
    /// The lengths that could match, as far as the mask says already that they were looked at:
    /// bit `n - 1` for `n` bits, and bit 63 for none. IPv6 takes part only where it is asked.
    private var source: UInt64 = ~0
    private var destination: UInt64 = ~0
    /// For each address its answer, once asked.
    private var answers: InlineArray<4, PrefixTrie.Answer> = .init(
        repeating: PrefixTrie.Answer())
    /// Bit `field`: the answer is there; the mask has its bits.
    private var asked: UInt32 = 0
    private var looked: UInt32 = 0
    /// Bit `n`: a subtable is ruled out by any of the addresses whose bits `n` has.
    private var choices: UInt32 = 0

    init(least: UInt16) { self.least = least }

    /// Whether what is known rules a subtable out, at no cost in width.
    @inline(__always)
    func rulesOut(_ lengths: UInt32) -> Bool {
        // A length of 0 shifts by 63: `&>>` takes the amount modulo 64.
        let first = source &>> UInt64(truncatingIfNeeded: (lengths & 0xff) &- 1)
        let second = destination &>> UInt64(truncatingIfNeeded: (lengths &>> 8 & 0xff) &- 1)
        return first & second & 1 == 0
    }

    /// Which of the packet's addresses (bit `field`) rule out prefixes of these lengths.
    mutating func excluding(
        _ lengths: UInt32, _ packet: UnsafePointer<UInt64>, _ tries: borrowing AddressTries
    ) -> UInt32 {
        var excluding: UInt32 = 0
        var (left, index) = (lengths, 0)
        while left != 0 {
            let length = Int(left & 0xff)
            let bit: UInt32 = 1 &<< UInt32(truncatingIfNeeded: index)
            if length > 0 {
                if asked & bit == 0 { unsafe ask(index, packet, tries) }
                if !answers[index].has(length: length) { excluding |= bit }
            }
            left &>>= 8
            index += 1
        }
        return excluding
    }

    private mutating func ask(
        _ index: Int, _ packet: UnsafePointer<UInt64>, _ tries: borrowing AddressTries
    ) {
        guard let field = TrackedField(rawValue: index) else { return }
        asked |= 1 &<< UInt32(index)
        // Safe: `packet` is the words of a whole key, and the tries lend their nodes meanwhile.
        let (high, low) = unsafe field.value(in: packet)
        switch field {
        case .ipv4Source:
            answers[index] = unsafe PrefixTrie.lookup(tries.source, high, low, least: least)
        case .ipv4Destination:
            answers[index] = unsafe PrefixTrie.lookup(tries.destination, high, low, least: least)
        case .ipv6Source, .ipv6Destination:
            answers[index] = unsafe tries.all[index].lookup(high, low, least: least)
        }
    }

    /// Whether the packet's addresses rule a subtable out. Looks at the bits that say so, or
    /// leaves the choice to `settle`.
    mutating func ruleOut(
        _ lengths: UInt32, _ packet: UnsafePointer<UInt64>, _ tries: borrowing AddressTries,
        _ mask: UnsafeMutablePointer<UInt64>
    ) -> Bool {
        let excluding = unsafe excluding(lengths, packet, tries)
        if excluding == 0 { return false }
        if excluding & looked != 0 { return true }
        if excluding & (excluding - 1) == 0 {
            unsafe look(at: excluding.trailingZeroBitCount, mask)
        } else {
            choices |= 1 &<< excluding
        }
        return true
    }

    /// Looks at one address of each choice that is left: one of which the mask has enough bits
    /// already, if there is one; else the last. That depends on nothing that is not looked at, so
    /// that other packets of the same cached flow choose the same.
    mutating func settle(_ mask: UnsafeMutablePointer<UInt64>) {
        while choices != 0 {
            let choice = UInt32(choices.trailingZeroBitCount)
            choices &= choices - 1
            guard choice & looked == 0 else { continue }
            let isFree = TrackedField.allCases.contains { field in
                guard choice &>> UInt32(field.rawValue) & 1 != 0 else { return false }
                // Safe: the words of a whole mask.
                return unsafe field.isLooked(at: answers[field.rawValue].lookedAt, in: mask)
            }
            if !isFree { unsafe look(at: 31 - choice.leadingZeroBitCount, mask) }
        }
    }

    private mutating func look(at index: Int, _ mask: UnsafeMutablePointer<UInt64>) {
        guard let field = TrackedField(rawValue: index) else { return }
        looked |= 1 &<< UInt32(index)
        // Safe: `mask` is the words of a whole mask.
        unsafe field.look(at: answers[index].lookedAt, in: mask)
        switch field {
        case .ipv4Source: source = answers[index].short | 1 << 63
        case .ipv4Destination: destination = answers[index].short | 1 << 63
        case .ipv6Source, .ipv6Destination: break
        }
    }
}
