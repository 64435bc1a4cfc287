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
// Entries lie in numbered slots, and everything that walks over them walks by number: the order of
// what vswitchd does never depends on hashing.

/// Which packets a cached flow answers for. Two flows with the same identity are the same flow.
///
/// An object, because it stands in several places at once (the order that installs the flow, the
/// ledger's entry, its index), and is half a kilobyte. It never changes.
final class FlowIdentity: Hashable, Sendable {
    /// Zero outside `mask`.
    let key: FlowKey
    let mask: FlowMask
    /// Of both, once for all the tables that it will be looked up in.
    private let hash: Int

    init(key: FlowKey, mask: FlowMask) {
        let key = key.masked(by: mask)
        (self.key, self.mask) = (key, mask)
        hash = Self.hash(key, mask)
    }

    /// 52 words with one multiplication for each two, where the standard hash would take ten times
    /// as long. Keyed with a secret of this process: nobody outside can aim.
    private static func hash(_ key: FlowKey, _ mask: FlowMask) -> Int {
        var (state, secret) = secrets
        for index in 0..<FlowKey.wordCount {
            let product = (key.words[index] ^ state)
                .multipliedFullWidth(by: mask.words[index] ^ secret)
            state = product.high ^ product.low
            secret &+= 0x9e37_79b9_7f4a_7c15
        }
        return Int(truncatingIfNeeded: state)
    }

    /// What the standard library hashes with in this process.
    private static let secrets: (UInt64, UInt64) = {
        func word(_ number: UInt64) -> UInt64 {
            var hasher = Hasher()
            hasher.combine(number)
            return UInt64(truncatingIfNeeded: Int64(hasher.finalize()))
        }
        return (word(1), word(2))
    }()

    static func == (a: FlowIdentity, b: FlowIdentity) -> Bool {
        a === b || (a.hash == b.hash && a.key == b.key && a.mask == b.mask)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
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
}

extension LedgerEntry {
    /// Bits of the port it comes by, and of those that it is sent to.
    fileprivate var sieve: UInt64 {
        var bits: UInt64 = 1 << UInt64(identity.key.inPort % 64)
        for action in actions {
            if case .output(let port) = action { bits |= 1 << UInt64(port % 64) }
        }
        return bits
    }

    fileprivate func touches(_ ports: Set<UInt32>) -> Bool {
        ports.contains(identity.key.inPort)
            || actions.contains {
                if case .output(let port) = $0 { ports.contains(port) } else { false }
            }
    }
}

/// All entries, by slot and by identity.
struct FlowLedger {
    private var slots: [LedgerEntry?] = []
    /// For each slot a sieve of the ports that its flow touches: bit `port % 64`. Reading eight
    /// bytes a flow, a search for one port passes 200,000 flows in less than a millisecond.
    private var sieve: [UInt64] = []
    private var free: [Int] = []
    private var places: [FlowIdentity: Int] = [:]
    private(set) var largestCount = 0

    var count: Int { places.count }
    /// Every slot number is below this.
    var slotCount: Int { slots.count }

    func slot(of identity: FlowIdentity) -> Int? { places[identity] }

    subscript(slot: Int) -> LedgerEntry? { slots[slot] }

    /// Adds an entry, or replaces the one with the same identity.
    ///
    /// - Parameter keepsCounters: One that replaces another goes on from its counters and its age.
    mutating func put(_ entry: LedgerEntry, keepsCounters: Bool = false) {
        let vacant = free.last ?? slots.count
        // One search: whoever is there already has another slot than the vacant one.
        let slot = Self.place(in: &places[entry.identity, default: vacant])
        if slot == slots.count {
            slots.append(entry)
            sieve.append(entry.sieve)
        } else {
            let before = keepsCounters ? slots[slot] : nil
            slots[slot] = entry
            sieve[slot] = entry.sieve
            if let before {
                slots[slot]?.seen = before.seen
                slots[slot]?.since = before.since
            }
            if slot == vacant { free.removeLast() }
        }
        largestCount = max(largestCount, places.count)
    }

    /// Makes a lookup with a default also put the default in.
    private static func place(in slot: inout Int) -> Int { slot }

    /// Changes the entry in `slot` in place; nothing happens if there is none.
    mutating func update(_ slot: Int, _ change: (inout LedgerEntry) -> Void) {
        guard var entry = slots[slot] else { return }
        slots[slot] = nil
        change(&entry)
        slots[slot] = entry
        sieve[slot] = entry.sieve
    }

    // What a dump asks of each of perhaps 200,000 entries, without a copy of the entry.

    /// When a packet last used the flow in `slot`, as far as we were told, or when it was installed
    /// if that was later; nil if there is none.
    func usedAt(_ slot: Int) -> Instant? {
        guard let since = slots[slot]?.since, let seen = slots[slot]?.seen else { return nil }
        let used = Instant(
            nanosecondsSinceStart: seen.usedMilliseconds.multipliedReportingOverflow(
                by: 1_000_000
            ).partialValue)
        return max(used, since)
    }

    /// Whether the flow in `slot` had packets since its counters were last noted.
    func hasNews(_ slot: Int, _ statistics: FlowStatistics) -> Bool {
        slots[slot]?.seen != statistics
    }

    /// Whether there is an entry in `slot` that was not seen by dump `number`.
    func wasMissing(_ slot: Int, in number: UInt64) -> Bool {
        slots[slot].map { $0.dump < number } ?? false
    }

    mutating func note(_ slot: Int, _ statistics: FlowStatistics, dump: UInt64) {
        slots[slot]?.seen = statistics
        slots[slot]?.dump = dump
    }

    /// Notes that the entry in `slot` is right for `generation`.
    mutating func setGeneration(_ slot: Int, _ generation: UInt64) {
        slots[slot]?.generation = generation
    }

    /// Slots of the flows that come by, or are sent to, one of these ports; ascending.
    func slots(at vports: Set<UInt32>) -> [Int] {
        let bits = vports.reduce(0 as UInt64) { $0 | 1 << UInt64($1 % 64) }
        return slots.indices.filter { slot in
            sieve[slot] & bits != 0 && slots[slot]?.touches(vports) == true
        }
    }

    @discardableResult
    mutating func remove(_ slot: Int) -> LedgerEntry? {
        guard let entry = slots[slot] else { return nil }
        slots[slot] = nil
        sieve[slot] = 0
        places[entry.identity] = nil
        free.append(slot)
        return entry
    }

    mutating func removeAll() { self = FlowLedger(largestCount: largestCount) }

    init(largestCount: Int = 0) { self.largestCount = largestCount }

    /// The two views of the entries agree. O(n); for tests.
    func checkInvariants() -> Bool {
        slots.count - free.count == places.count
            && places.allSatisfy { slots[$0.value]?.identity == $0.key }
            && slots.indices.allSatisfy { sieve[$0] == slots[$0]?.sieve ?? 0 }
    }
}
