import Timekeeping

// Entries of a MAC table in the order in which packets confirmed them.
//
// Each learned entry is in two doubly linked lists, that of all entries and that of its port, so
// that the oldest of all (ageing) and the oldest of one port (eviction) are found without
// searching. Links are indices into arrays; -1 ends a list. Static entries are in no list.

@usableFromInline
struct RecencyLists: Sendable {
    @usableFromInline private(set) var entries: [MACTable.Entry] = []
    private var free: [Int] = []
    private var all = RecencyList()
    private var allLinks: [RecencyList.Links] = []
    /// Of these only the maximum is ever asked for, which has one answer in any order.
    private var ports: [SwitchPort.ID: RecencyList] = [:]
    private var portLinks: [RecencyList.Links] = []

    @inlinable subscript(slot: Int) -> MACTable.Entry { entries[slot] }

    var oldest: Int? { all.oldest < 0 ? nil : all.oldest }

    /// The oldest entry of the port that has most; of equals, of the one with the lowest ID.
    /// O(ports).
    var oldestOfLargestPort: Int? {
        ports.max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }?.value.oldest
    }

    mutating func insert(_ entry: MACTable.Entry) -> Int {
        let slot = free.popLast() ?? entries.count
        if slot == entries.count {
            entries.append(entry)
            allLinks.append(.init())
            portLinks.append(.init())
        } else {
            entries[slot] = entry
        }
        if !entry.isStatic {
            entries[slot].usedAt = monotonic(entry.usedAt)
            link(slot)
        }
        return slot
    }

    mutating func remove(_ slot: Int) {
        if !entries[slot].isStatic { unlink(slot) }
        free.append(slot)
    }

    /// Makes the learned entry the newest, on `port`.
    mutating func refresh(_ slot: Int, port: SwitchPort.ID, now: Instant) {
        let usedAt = monotonic(now)
        if all.newest == slot, entries[slot].port == port {
            // Nothing has come since: it stays where it is, in both lists.
            entries[slot].usedAt = usedAt
            return
        }
        unlink(slot)
        entries[slot].port = port
        entries[slot].usedAt = usedAt
        link(slot)
    }

    /// The lists are sorted by time: nothing becomes newer than the newest with an older time.
    private func monotonic(_ now: Instant) -> Instant {
        all.newest < 0 ? now : max(now, entries[all.newest].usedAt)
    }

    private mutating func link(_ slot: Int) {
        all.append(slot, in: &allLinks)
        ports[entries[slot].port, default: .init()].append(slot, in: &portLinks)
    }

    private mutating func unlink(_ slot: Int) {
        let port = entries[slot].port
        all.take(slot, from: &allLinks)
        ports[port]?.take(slot, from: &portLinks)
        if ports[port]?.count == 0 { ports[port] = nil }
    }
}

/// One list: its two ends. The links lie in an array that the owner keeps.
struct RecencyList: Sendable {
    struct Links: Sendable {
        var older = -1
        var newer = -1
    }

    private(set) var oldest = -1
    private(set) var newest = -1
    private(set) var count = 0

    mutating func append(_ slot: Int, in links: inout [Links]) {
        links[slot] = Links(older: newest, newer: -1)
        if newest >= 0 { links[newest].newer = slot } else { oldest = slot }
        newest = slot
        count += 1
    }

    mutating func take(_ slot: Int, from links: inout [Links]) {
        let own = links[slot]
        if own.older >= 0 { links[own.older].newer = own.newer } else { oldest = own.newer }
        if own.newer >= 0 { links[own.newer].older = own.older } else { newest = own.older }
        count -= 1
    }
}
