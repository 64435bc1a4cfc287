internal import DatapathMessages
internal import Flows
internal import Pipeline
internal import Timekeeping

// What vswitchd knows of each flow that it has put into the datapath.
//
// The datapath keeps key, mask, actions and counters. Only vswitchd knows *why* a flow is as it is:
// which rules decided it, so that they can be credited with its packets, and how old the tables
// were, so that it can be checked again when they change. The ledger holds that, one entry for each
// cached flow. It can be lost (vswitchd restarts) and made again by translating the flow's own key.
//
//     slot ──> record: counters, ages ──┬──> mask (MaskBook) and key (KeyRows)
//                                       └──> decision (DecisionBook): actions, rules, effects
//     key, mask ──> slot (SlotIndex)
//
// There may be hundreds of thousands, made a hundred thousand a second: so a record is plain words,
// what flows have in common is kept once, and nothing is allocated for one flow alone. A
// `LedgerEntry` is an entry taken out to be looked at as a whole.
//
// Entries lie in numbered slots, and everything that walks over them walks by number: the order of
// what vswitchd does never depends on hashing.

/// Which packets a cached flow answers for. Two flows with the same identity are the same flow.
///
/// An object, because it stands in several places at once (the order that installs the flow, the
/// entry that is checked), and is half a kilobyte. It never changes.
final class FlowIdentity: Equatable, Sendable {
    /// Zero outside `mask`.
    let key: FlowKey
    let mask: FlowMask

    init(key: FlowKey, mask: FlowMask) {
        (self.key, self.mask) = (key.masked(by: mask), mask)
    }

    static func == (a: FlowIdentity, b: FlowIdentity) -> Bool {
        a === b || (a.key == b.key && a.mask == b.mask)
    }
}

/// A cached flow with its reasons.
struct LedgerEntry {
    let identity: FlowIdentity
    var actions: [DatapathAction]
    /// Rules to credit with its packets.
    var rules: [RuleReference]
    /// What each use of it teaches again.
    var effects: [TranslationEffect]
    /// The tables' generation that the actions are known to be right for.
    var generation: UInt64
    /// The counters when we last read them.
    var seen = FlowStatistics()
    /// When the flow was installed, or found.
    var since: Instant
    /// Number of the dump during which it was installed or last seen.
    var dump: UInt64

    var decision: FlowDecision {
        FlowDecision(actions: actions, rules: rules, effects: effects)
    }
}

/// All entries, by slot and by identity.
struct FlowLedger {
    /// What is a flow's own, but for its key.
    private struct Record {
        /// Of what follows; `Record.vacant`: the slot is free.
        var mask: UInt32
        var row: UInt32 = 0
        var decision: UInt32 = 0
        var hash: UInt32 = 0
        var generation: UInt64 = 0
        var since = Instant.start
        var dump: UInt64 = 0
        var seen = FlowStatistics()

        static let vacant = UInt32.max
        var isVacant: Bool { mask == Self.vacant }
    }

    /// Records lie in pages: to grow moves none of them.
    private static let recordsOfPage = 512
    private var pages: [[Record]] = []
    private(set) var slotCount = 0
    private var free: [UInt32] = []
    private var index = SlotIndex()
    private var masks = MaskBook()
    private var decisions = DecisionBook()
    /// By width.
    private var rows = (0...FlowKey.wordCount).map { KeyRows(width: $0) }
    /// For each slot a sieve of the ports that its flow touches: bit `port % 64`. Reading eight
    /// bytes a flow, a search for one port passes 200,000 flows in less than a millisecond.
    private var sieve: [UInt64] = []
    private(set) var largestCount = 0

    init(largestCount: Int = 0) { self.largestCount = largestCount }

    var count: Int { index.count }

    private subscript(record slot: Int) -> Record {
        _read { yield pages[slot / Self.recordsOfPage][slot % Self.recordsOfPage] }
        _modify { yield &pages[slot / Self.recordsOfPage][slot % Self.recordsOfPage] }
    }

    private func isThere(_ slot: Int) -> Bool { !self[record: slot].isVacant }

    // MARK: Finding

    /// The flow for packets that agree with `key` in the bits of `mask`.
    func slot(key: FlowKey, mask: FlowMask) -> Int? {
        guard let number = masks.find(mask) else { return nil }
        let packed = PackedKey(key, mask, words: masks.words(of: number), number: number)
        return find(packed, mask: number)
    }

    func slot(of identity: FlowIdentity) -> Int? {
        slot(key: identity.key, mask: identity.mask)
    }

    private func find(_ key: PackedKey, mask: Int) -> Int? {
        let width = masks.words(of: mask).count
        return index.find(key.hash) { slot in
            self[record: slot].mask == UInt32(mask)
                && rows[width].agrees(self[record: slot].row, key.words)
        }
    }

    /// The whole entry; nil if there is none.
    subscript(slot: Int) -> LedgerEntry? {
        guard isThere(slot) else { return nil }
        let record = self[record: slot]
        let decision = decisions[Int(record.decision)]
        return LedgerEntry(
            identity: identity(slot),
            actions: decision.actions, rules: decision.rules, effects: decision.effects,
            generation: record.generation, seen: record.seen, since: record.since,
            dump: record.dump)
    }

    private func key(_ record: Record) -> FlowKey {
        var key = FlowKey()
        let words = masks.words(of: Int(record.mask))
        for (index, word) in words.enumerated() {
            key[word: Int(word)] = rows[words.count].word(index, of: record.row)
        }
        return key
    }

    /// Slots of the flows that come by, or are sent to, one of these ports; ascending.
    func slots(at vports: Set<UInt32>) -> [Int] {
        let bits = vports.reduce(0 as UInt64) { $0 | 1 << UInt64($1 % 64) }
        return (0..<slotCount).filter { sieve[$0] & bits != 0 && touches(vports, $0) }
    }

    private func touches(_ vports: Set<UInt32>, _ slot: Int) -> Bool {
        let record = self[record: slot]
        return vports.contains(inPort(slot))
            || decisions[Int(record.decision)].actions.contains {
                if case .output(let port) = $0 { vports.contains(port) } else { false }
            }
    }

    // MARK: Changing

    /// Adds a flow, or gives the one with the same key and mask another decision.
    ///
    /// - Parameter keepsCounters: One that is there already goes on from its counters and its age.
    mutating func put(
        key: FlowKey, mask: FlowMask, _ decision: FlowDecision, generation: UInt64,
        seen: FlowStatistics = .init(), since: Instant, dump: UInt64, keepsCounters: Bool = false
    ) {
        let whole = mask
        let mask = masks.take(whole)
        let packed = PackedKey(key, whole, words: masks.words(of: mask), number: mask)
        let number = UInt32(decisions.take(decision))
        let slot: Int
        var isNew = false
        if let present = find(packed, mask: mask) {
            slot = present
            masks.release(mask)
            decisions.release(Int(self[record: slot].decision))
        } else {
            slot = takeSlot()
            let row = rows[masks.words(of: mask).count].add(packed.words)
            self[record: slot] = Record(mask: UInt32(mask), row: row, hash: packed.hash)
            index.insert(packed.hash, slot)
            largestCount = max(largestCount, count)
            isNew = true
        }
        self[record: slot].decision = number
        self[record: slot].generation = generation
        self[record: slot].dump = dump
        if isNew || !keepsCounters {
            self[record: slot].seen = seen
            self[record: slot].since = since
        }
        sieve[slot] = decision.outputSieve | 1 << UInt64(inPort(slot) % 64)
    }

    mutating func put(_ entry: LedgerEntry, keepsCounters: Bool = false) {
        put(
            key: entry.identity.key, mask: entry.identity.mask, entry.decision,
            generation: entry.generation, seen: entry.seen, since: entry.since, dump: entry.dump,
            keepsCounters: keepsCounters)
    }

    private mutating func takeSlot() -> Int {
        if let slot = free.popLast() { return Int(slot) }
        if slotCount % Self.recordsOfPage == 0 {
            pages.append([])
            pages[pages.count - 1].reserveCapacity(Self.recordsOfPage)
        }
        pages[pages.count - 1].append(Record(mask: Record.vacant))
        sieve.append(0)
        slotCount += 1
        return slotCount - 1
    }

    /// Gives the flow in `slot`, which must be there, another decision, right for `generation`.
    mutating func decide(_ slot: Int, _ decision: FlowDecision, generation: UInt64) {
        let number = UInt32(decisions.take(decision))
        decisions.release(Int(self[record: slot].decision))
        self[record: slot].decision = number
        self[record: slot].generation = generation
        sieve[slot] = decision.outputSieve | 1 << UInt64(inPort(slot) % 64)
    }

    @discardableResult
    mutating func remove(_ slot: Int) -> LedgerEntry? {
        guard let entry = self[slot] else { return nil }
        let record = self[record: slot]
        index.remove(record.hash, slot)
        rows[masks.words(of: Int(record.mask)).count].remove(record.row)
        masks.release(Int(record.mask))
        decisions.release(Int(record.decision))
        self[record: slot] = Record(mask: Record.vacant)
        sieve[slot] = 0
        free.append(UInt32(slot))
        return entry
    }

    mutating func removeAll() { self = FlowLedger(largestCount: largestCount) }
}

// What a walk asks of each of perhaps 200,000 entries, without taking the entry out.

extension FlowLedger {
    /// When a packet last used the flow in `slot`, as far as we were told, or when it was installed
    /// if that was later; nil if there is none.
    func usedAt(_ slot: Int) -> Instant? {
        guard isThere(slot) else { return nil }
        let used = Instant(
            nanosecondsSinceStart: self[record: slot].seen.usedMilliseconds
                .multipliedReportingOverflow(by: 1_000_000).partialValue)
        return max(used, self[record: slot].since)
    }

    /// The counters of the flow in `slot`, which must be there, when we last read them.
    func seen(_ slot: Int) -> FlowStatistics { self[record: slot].seen }

    /// Why the flow in `slot`, which must be there, is as it is.
    func decision(_ slot: Int) -> FlowDecision { decisions[Int(self[record: slot].decision)] }

    /// Whether there is an entry in `slot` that was not seen by dump `number`.
    func wasMissing(_ slot: Int, in number: UInt64) -> Bool {
        isThere(slot) && self[record: slot].dump < number
    }

    /// The generation that the entry in `slot` is right for; nil if there is none.
    func generation(_ slot: Int) -> UInt64? {
        isThere(slot) ? self[record: slot].generation : nil
    }

    /// Which packets the flow in `slot` is for, which must be there.
    func identity(_ slot: Int) -> FlowIdentity {
        FlowIdentity(key: key(slot), mask: mask(of: slot))
    }

    /// The port of the datapath that the packets of the flow in `slot` come by.
    func inPort(_ slot: Int) -> UInt32 {
        let record = self[record: slot]
        // Word 0 is the first that any mask looks at.
        guard let first = masks.words(of: Int(record.mask)).first, first == 0 else { return 0 }
        let word = rows[masks.words(of: Int(record.mask)).count].word(0, of: record.row)
        return UInt32(truncatingIfNeeded: word)
    }

    /// The key of the flow in `slot`, which must be there.
    func key(_ slot: Int) -> FlowKey { key(self[record: slot]) }

    mutating func note(_ slot: Int, _ statistics: FlowStatistics, dump: UInt64) {
        guard isThere(slot) else { return }
        self[record: slot].seen = statistics
        self[record: slot].dump = dump
    }

    /// Notes that the entry in `slot` is right for `generation`.
    mutating func setGeneration(_ slot: Int, _ generation: UInt64) {
        guard isThere(slot) else { return }
        self[record: slot].generation = generation
    }

    /// The recirculation ids that flows wait for, or send packets to.
    var recirculationIDs: Set<UInt32> {
        var ids: Set<UInt32> = []
        for slot in 0..<slotCount where isThere(slot) { ids.insert(key(slot).recirculationID) }
        for decision in decisions.inUse {
            for case .continueLater(let id, _) in decision.effects { ids.insert(id) }
        }
        return ids
    }

    /// How many different decisions there are.
    var decisionCount: Int { decisions.count }

    /// All views of the entries agree. O(n); for tests.
    func checkInvariants() -> Bool {
        let present = (0..<slotCount).filter { isThere($0) }
        return present.count == count && slotCount - free.count == count
            && masks.useCount == count && decisions.useCount == count
            && present.allSatisfy { slot(key: key($0), mask: mask(of: $0)) == $0 }
            && (0..<slotCount).allSatisfy { slot in
                let bits = isThere(slot)
                    ? decision(slot).outputSieve | 1 << UInt64(key(slot).inPort % 64) : 0
                return sieve[slot] == bits
            }
    }

    private func mask(of slot: Int) -> FlowMask { masks[Int(self[record: slot].mask)].mask }
}
