public import OpenFlow
public import Timekeeping

// A rule as it stands in a table, and how it is named.

/// Names a rule of one bridge for as long as it stands; never used again for another.
public struct RuleID: Hashable, Sendable {
    let slot: Int
    let birth: UInt64
}

/// An OpenFlow rule with its counters.
public struct Rule: Hashable, Sendable {
    public let id: RuleID
    public let table: UInt8
    public let priority: UInt16
    let compactMatch: CompactMatch
    public internal(set) var cookie: UInt64
    /// Seconds without a packet after which it is removed; 0 = never.
    public internal(set) var idleTimeout: UInt16
    /// Seconds since it was last modified after which it is removed; 0 = never.
    public internal(set) var hardTimeout: UInt16
    public internal(set) var flags: FlowMod.Flags
    public internal(set) var instructions: Instructions
    /// The lower, the sooner it makes way in a full table that evicts (1.4 §6.5).
    public internal(set) var importance: UInt16
    public internal(set) var packets: UInt64 = 0
    public internal(set) var bytes: UInt64 = 0
    public internal(set) var createdAt: Instant
    public internal(set) var modifiedAt: Instant
    public internal(set) var usedAt: Instant

    /// A rule as `mod` wants it, at `now`.
    init(_ mod: FlowMod, id: RuleID, table: UInt8, now: Instant) {
        self.id = id
        self.table = table
        priority = mod.priority
        compactMatch = CompactMatch(mod.match)
        cookie = mod.cookie
        idleTimeout = mod.idleTimeout
        hardTimeout = mod.hardTimeout
        flags = mod.flags
        instructions = mod.instructions
        importance = mod.importance
        (createdAt, modifiedAt, usedAt) = (now, now, now)
    }

    var directive: Directive {
        Directive(
            priority: priority, cookie: cookie,
            isTableMiss: priority == 0 && compactMatch.matchesEverything,
            instructions: instructions)
    }

    mutating func credit(packets count: UInt64, bytes byteCount: UInt64, usedAt moment: Instant) {
        if !flags.contains(.noPacketCounts) { packets &+= count }
        if !flags.contains(.noByteCounts) { bytes &+= byteCount }
        usedAt = max(usedAt, moment)
    }

    /// What it matches. Put together each time it is asked for.
    public var match: Match { compactMatch.match }

    /// What a translation needs to know of a rule that it met.
    struct Directive {
        var priority: UInt16
        var cookie: UInt64
        var isTableMiss: Bool
        var instructions: Instructions
    }

    /// When its time is over if no more packets come, and for which reason; of both the earlier.
    var deadline: (at: Instant, reason: FlowRemoved.Reason)? {
        let hard = hardTimeout == 0 ? nil : modifiedAt + .seconds(Int64(hardTimeout))
        let idle = idleTimeout == 0 ? nil : usedAt + .seconds(Int64(idleTimeout))
        switch (hard, idle) {
        case (let hard?, let idle?):
            return hard <= idle ? (hard, .hardTimeout) : (idle, .idleTimeout)
        case (let hard?, nil): return (hard, .hardTimeout)
        case (nil, let idle?): return (idle, .idleTimeout)
        case (nil, nil): return nil
        }
    }

    /// Whether a packet may be sent to `port` by it, as `out_port` filters ask: actions that name
    /// the port, applied or written.
    func outputs(to port: PortNumber) -> Bool {
        actions.contains { action in
            switch action {
            case .output(let own, _), .enqueue(let own, _), .outputTruncated(let own, _):
                own == port
            case .bundle(let bundle): bundle.members.contains(port)
            case .controller: port == .controller
            default: false
            }
        }
    }

    /// Whether a packet may be sent to `group` by it.
    func sends(toGroup group: UInt32) -> Bool { actions.contains(.group(group)) }

    /// Whether a packet may pass `meter` by it.
    func passes(meter: UInt32) -> Bool {
        instructions.meter == meter
            || actions.contains {
                switch $0 {
                case .meter(meter): true
                case .controller(let controller): controller.meter == meter
                default: false
                }
            }
    }

    /// Applied and written, and those inside them.
    var actions: [Action] { (instructions.apply + instructions.write).flatMap(\.withNested) }

    /// Whether it is a clause of a conjunction, and no rule by itself.
    var isClause: Bool {
        instructions.apply.contains { if case .conjunction = $0 { true } else { false } }
    }

    /// What statistics replies and flow-removed messages tell of it.
    func description(now: Instant) -> FlowDescription {
        var flow = FlowDescription(
            table: table, priority: priority, match: match, cookie: cookie,
            idleTimeout: idleTimeout, hardTimeout: hardTimeout, flags: flags,
            instructions: instructions,
            durationNanoseconds: now.nanoseconds(after: createdAt),
            idleAgeSeconds: now.wholeSeconds(after: usedAt),
            hardAgeSeconds: now.wholeSeconds(after: modifiedAt), packets: packets, bytes: bytes)
        flow.importance = importance
        return flow
    }
}

extension Instant {
    /// 0 if `earlier` is later.
    fileprivate func nanoseconds(after earlier: Instant) -> UInt64 {
        self > earlier ? nanosecondsSinceStart - earlier.nanosecondsSinceStart : 0
    }

    fileprivate func wholeSeconds(after earlier: Instant) -> UInt16 {
        UInt16(clamping: nanoseconds(after: earlier) / 1_000_000_000)
    }
}
