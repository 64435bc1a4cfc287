public import Packets
public import Timekeeping

// Who listens to which multicast group, learned from what hosts and routers say (IGMP, MLD).
//
// Without this, a frame for a group goes everywhere. With it, it goes to the ports behind which a
// member has reported itself, and to those behind which a router asks; RFC 4541 says which.
//
//     report  -> join:  (VLAN, group) has a member behind the port   forgotten after `ageing`
//     leave   -> leave: no more; a group that all have left is still known, so that its frames do
//                not go everywhere all of a sudden, until it would have been forgotten anyway
//     query   -> heardRouter: the port leads to a router             forgotten after 180 s
//
// Anyone on the wire can invent groups, so the table is bounded: the group that was reported
// longest ago makes room. As in `MACTable`, only mutations change what is answered; the passing of
// time does so through `expire`.

/// The snooping table of a bridge.
public struct MulticastTable: Sendable {
    /// A group in a VLAN; of IPv4 as an IPv4-mapped address (RFC 4291 §2.5.5.2).
    public struct Key: Hashable, Comparable, Sendable {
        public var vlan: UInt16
        public var group: IPv6Address
        public init(vlan: UInt16, group: IPv6Address) {
            self.vlan = vlan
            self.group = group
        }
        public static func < (a: Key, b: Key) -> Bool { (a.vlan, a.group) < (b.vlan, b.group) }
    }

    /// A port behind which a group has members.
    public struct Member: Hashable, Sendable {
        public var port: SwitchPort.ID
        /// When it was last reported.
        public var usedAt: Instant
    }

    /// A port behind which a router asks for members.
    public struct Router: Hashable, Sendable {
        public var vlan: UInt16
        public var port: SwitchPort.ID
        public var usedAt: Instant
    }

    /// What has happened since the table was made, or since `clearStatistics`.
    public struct Statistics: Hashable, Sendable {
        public var learned: UInt64 = 0
        public var left: UInt64 = 0
        public var expired: UInt64 = 0
        /// Groups that had to go because the table was full.
        public var evicted: UInt64 = 0
    }

    /// Frames for groups without members go everywhere rather than to routers only.
    public private(set) var floodsUnregistered = true
    public private(set) var limit = Limits.multicastGroups
    public private(set) var ageing = Limits.multicastAgeing
    /// Grows whenever an answer may be another one.
    public private(set) var generation: UInt64 = 0
    public private(set) var statistics = Statistics()
    /// Those behind which a router was heard, the one heard longest ago first.
    public private(set) var routers: [Router] = []

    private struct Group: Sendable {
        var key: Key
        /// The one reported longest ago first.
        var members: [Member] = []
        var reportedAt: Instant
    }

    private var groups: [Group] = []
    private var vacant: [Int] = []
    /// Only ever asked by key.
    private var places: [Key: Int] = [:]
    /// By the time of their last report.
    private var order = RecencyList()
    private var links: [RecencyList.Links] = []
    /// No member, and no group without one, is older than this.
    private var oldest: Instant?

    public init() {}

    /// Groups that are known, also those that all members have left.
    public var count: Int { places.count }

    // MARK: Asking

    /// Ports behind which `key` has members, the one reported longest ago first; nil: nobody has
    /// reported it.
    public func members(of key: Key) -> [SwitchPort.ID]? {
        places[key].map { groups[$0].members.map(\.port) }
    }

    /// Ports behind which a router asks in `vlan`, the one heard longest ago first.
    public func routers(inVLAN vlan: UInt16) -> [SwitchPort.ID] {
        routers.filter { $0.vlan == vlan }.map(\.port)
    }

    /// All groups, the one reported longest ago first.
    public var allGroups: [(key: Key, members: [Member])] {
        var all: [(key: Key, members: [Member])] = []
        var slot = order.oldest
        while slot >= 0 {
            all.append((groups[slot].key, groups[slot].members))
            slot = links[slot].newer
        }
        return all
    }

    // MARK: Learning

    /// A member of `key` reported itself behind `port`. A port that gets everything anyway because
    /// a router is behind it is not noted.
    public mutating func join(_ key: Key, port: SwitchPort.ID, now: Instant) {
        guard !routers.contains(where: { $0.port == port && $0.vlan == key.vlan }) else { return }
        let slot = slot(for: key, now: now)
        groups[slot].reportedAt = now
        if let place = groups[slot].members.firstIndex(where: { $0.port == port }) {
            groups[slot].members.remove(at: place)
        } else {
            statistics.learned += 1
            generation += 1
        }
        groups[slot].members.append(Member(port: port, usedAt: now))
        oldest = min(oldest ?? now, now)
        order.take(slot, from: &links)
        order.append(slot, in: &links)
    }

    /// The last member of `key` behind `port` says that it listens no more.
    public mutating func leave(_ key: Key, port: SwitchPort.ID) {
        guard let slot = places[key],
            let place = groups[slot].members.firstIndex(where: { $0.port == port })
        else { return }
        groups[slot].members.remove(at: place)
        statistics.left += 1
        generation += 1
    }

    /// A router behind `port` asked for members.
    public mutating func heardRouter(inVLAN vlan: UInt16, port: SwitchPort.ID, now: Instant) {
        if let place = routers.firstIndex(where: { $0.vlan == vlan && $0.port == port }) {
            routers.remove(at: place)
        } else {
            generation += 1
            if routers.count >= Limits.multicastRouters { routers.removeFirst() }
        }
        routers.append(Router(vlan: vlan, port: port, usedAt: now))
    }

    // MARK: Forgetting

    /// Removes what was not heard of for too long.
    public mutating func expire(now: Instant) {
        let living = routers.filter { $0.usedAt + Limits.multicastRouterAgeing > now }
        if living.count != routers.count {
            statistics.expired += UInt64(routers.count - living.count)
            routers = living
            generation += 1
        }
        guard let oldest, oldest + ageing <= now else { return }
        let ageing = ageing
        remove(reportedAt: { $0 + ageing <= now }, orMember: { _ in false })
    }

    /// When to call `expire` next; nil: nothing ages. It may be early, never late.
    public var nextDeadline: Instant? {
        [
            oldest.map { $0 + ageing },
            routers.first.map { $0.usedAt + Limits.multicastRouterAgeing },
        ].compactMap { $0 }.min()
    }

    /// Forgets what was learned behind `port`; nil: everything.
    public mutating func flush(port: SwitchPort.ID? = nil) {
        let before = statistics.expired
        remove(reportedAt: { _ in port == nil }, orMember: { $0.port == port })
        let living = routers.filter { port != nil && $0.port != port }
        if living.count != routers.count { generation += 1 }
        routers = living
        statistics.expired = before
    }

    /// Takes new settings, numbers forced into their ranges; of too many groups the oldest go.
    public mutating func configure(limit: Int, ageing: Duration, floodsUnregistered: Bool) {
        let range = Limits.multicastGroupRange
        let ageingRange = Limits.multicastAgeingRange
        self.limit = min(max(limit, range.lowerBound), range.upperBound)
        self.ageing = min(max(ageing, ageingRange.lowerBound), ageingRange.upperBound)
        if floodsUnregistered != self.floodsUnregistered { generation += 1 }
        self.floodsUnregistered = floodsUnregistered
        while count > self.limit { evict() }
    }

    public mutating func clearStatistics() { statistics = Statistics() }

    // MARK: Slots

    private mutating func slot(for key: Key, now: Instant) -> Int {
        if let slot = places[key] { return slot }
        if count >= limit { evict() }
        let slot = vacant.popLast() ?? groups.count
        if slot == groups.count {
            groups.append(Group(key: key, reportedAt: now))
            links.append(.init())
        } else {
            groups[slot] = Group(key: key, reportedAt: now)
        }
        places[key] = slot
        order.append(slot, in: &links)
        return slot
    }

    private mutating func evict() {
        guard order.oldest >= 0 else { return }
        statistics.evicted += 1
        generation += 1
        free(order.oldest)
    }

    private mutating func free(_ slot: Int) {
        places[groups[slot].key] = nil
        groups[slot].members = []
        order.take(slot, from: &links)
        vacant.append(slot)
    }

    /// Removes members and empty groups of which the time says so, and such members. O(members).
    private mutating func remove(
        reportedAt isOver: (Instant) -> Bool, orMember isGone: (Member) -> Bool
    ) {
        oldest = nil
        var slot = order.oldest
        while slot >= 0 {
            let next = links[slot].newer
            let living = groups[slot].members.filter { !isOver($0.usedAt) && !isGone($0) }
            let gone = groups[slot].members.count - living.count
            if gone > 0 {
                statistics.expired += UInt64(gone)
                generation += 1
                groups[slot].members = living
            }
            for member in living { oldest = min(oldest ?? member.usedAt, member.usedAt) }
            if living.isEmpty {
                let reportedAt = groups[slot].reportedAt
                if gone > 0 || isOver(reportedAt) {
                    generation += 1
                    free(slot)
                } else {
                    oldest = min(oldest ?? reportedAt, reportedAt)
                }
            }
            slot = next
        }
    }
}
