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
struct FlowIdentity: Hashable {
    /// Zero outside `mask`.
    let key: FlowKey
    let mask: FlowMask

    init(key: FlowKey, mask: FlowMask) {
        self.key = key.masked(by: mask)
        self.mask = mask
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
}

extension LedgerEntry {
    /// The port it comes by, and those that it is sent to.
    private var vports: [UInt32] {
        [identity.key.inPort]
            + actions.compactMap { if case .output(let port) = $0 { port } else { nil } }
    }

    fileprivate var sieve: UInt64 { vports.reduce(0) { $0 | 1 << UInt64($1 % 64) } }

    fileprivate func touches(_ ports: Set<UInt32>) -> Bool {
        vports.contains { ports.contains($0) }
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
    mutating func put(_ entry: LedgerEntry) {
        if let slot = places[entry.identity] {
            slots[slot] = entry
            sieve[slot] = entry.sieve
            return
        }
        let slot = free.popLast() ?? slots.count
        if slot == slots.count {
            slots.append(entry)
            sieve.append(entry.sieve)
        } else {
            slots[slot] = entry
            sieve[slot] = entry.sieve
        }
        places[entry.identity] = slot
        largestCount = max(largestCount, places.count)
    }

    /// Changes the entry in `slot` in place; nothing happens if there is none.
    mutating func update(_ slot: Int, _ change: (inout LedgerEntry) -> Void) {
        guard var entry = slots[slot] else { return }
        slots[slot] = nil
        change(&entry)
        slots[slot] = entry
        sieve[slot] = entry.sieve
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
