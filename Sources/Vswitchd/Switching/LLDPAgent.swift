public import Packets
public import Timekeeping

// LLDP on one interface: says who we are every 30 s, remembers what neighbours say for as long as
// they say it is true. IEEE 802.1AB-2016 §9, without its fast start.

/// What an interface with `lldp:enable` knows. Pure: what is to be sent comes back.
public struct LLDPAgent: Hashable, Sendable {
    /// §9.2.5.7, msgTxInterval, and what is said of it: four times that.
    public static let interval = Duration.seconds(30)
    public static let timeToLive: UInt16 = 120

    public struct Neighbour: Hashable, Sendable {
        public var unit: LLDPUnit
        public var expiresAt: Instant
    }

    public struct Counters: Hashable, Sendable {
        public var sent: UInt64 = 0
        public var received: UInt64 = 0
        /// Units that are none.
        public var discarded: UInt64 = 0
        /// Neighbours that came, said good-bye, fell silent, or found no room.
        public var inserted: UInt64 = 0
        public var deleted: UInt64 = 0
        public var agedOut: UInt64 = 0
        public var dropped: UInt64 = 0
    }

    /// By when they were first heard.
    public private(set) var neighbours: [Neighbour] = []
    public private(set) var counters = Counters()
    private var nextSend = Instant.start

    public init() {}

    /// Takes what a neighbour says. One is known by its chassis and port together (§9.2.7.7.2).
    public mutating func receive(_ unit: Result<LLDPUnit, LLDPUnitError>, now: Instant) {
        counters.received += 1
        guard case .success(let unit) = unit else {
            counters.discarded += 1
            return
        }
        let place = neighbours.firstIndex {
            $0.unit.chassis == unit.chassis && $0.unit.port == unit.port
        }
        let heard = Neighbour(unit: unit, expiresAt: now + .seconds(Int(unit.timeToLive)))
        switch (place, unit.timeToLive) {
        case (let place?, 0):
            neighbours.remove(at: place)
            counters.deleted += 1
        case (let place?, _):
            neighbours[place] = heard
        case (nil, 0):
            break
        case (nil, _):
            guard neighbours.count < Limits.neighbours else {
                counters.dropped += 1
                return
            }
            neighbours.append(heard)
            counters.inserted += 1
        }
    }

    /// Forgets who fell silent. True: it is time to say who we are.
    public mutating func run(now: Instant) -> Bool {
        let living = neighbours.filter { $0.expiresAt > now }
        counters.agedOut += UInt64(neighbours.count - living.count)
        neighbours = living
        guard nextSend <= now else { return false }
        nextSend = now + Self.interval
        counters.sent += 1
        return true
    }

    /// When to call `run` next.
    public var deadline: Instant {
        neighbours.map(\.expiresAt).min().map { min($0, nextSend) } ?? nextSend
    }
}
