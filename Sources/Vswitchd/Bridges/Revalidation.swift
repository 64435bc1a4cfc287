internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Keeping cached flows true, counted, and few.
//
// A cached flow is a frozen decision. It goes stale when anything that the decision looked at
// changes: a rule, a port, a learned address. So each change makes a new *generation*, and every
// entry of the ledger whose own generation is older is translated again from its key:
//
//     same actions, and no bit looked at that the mask lacks ──> still true
//     other actions, no such bit                              ──> put the new ones, keep counters
//     a bit looked at that the mask lacks                     ──> delete; the next packet decides
//
// Most changes are rules that came, went or changed. Those say which tables they touch, and an
// entry that met none of these tables is passed over (`RecheckScope`), which costs a hundredth.
//
// This walk is cut into turns, so that upcalls are never kept waiting for long. A barrier waits
// until a walk that began after its change has come to its end.
//
// Apart from that, the datapath's counters are read twice a second. They are credited to the rules
// (and to learned addresses, which live as long as they are used), and idle flows go. Our own
// datapath tells only of flows that something happened to; that the others are still there shows in
// how many it has. If that number is not ours, the next dump shows all. A kernel's always does.

/// The walk over stale entries.
struct Recheck {
    /// What every decision made now is right for.
    private(set) var generation: UInt64 = 1
    /// The model's own generation when we last looked.
    var modelGeneration: UInt64 = 0
    /// The generation that every entry is known to have reached.
    private(set) var reached: UInt64 = 1
    /// What each generation changed that some entry may not have reached, ascending.
    private var scopes: [(generation: UInt64, scope: RecheckScope)] = []
    /// Next slot to look at, and the generation that the walk began with; nil: no walk.
    private var walk: (slot: Int, generation: UInt64)?

    /// Whether there is work to do now.
    var isPending: Bool { reached < generation }

    /// Something changed.
    mutating func begin(_ scope: RecheckScope = .all) {
        forgetReached()
        generation += 1
        guard scopes.count < BridgeLimits.recheckScopes else {
            scopes = [(generation, .all)]
            return
        }
        scopes.append((generation, scope))
    }

    /// Whether anything that changed since an entry's generation may concern it.
    func concerns(_ ledger: borrowing FlowLedger, _ slot: Int, inPort: PortNumber?) -> Bool {
        guard let generation = ledger.generation(slot) else { return false }
        // What was dropped from `scopes` every entry has reached, but those never checked.
        guard generation >= forgotten else { return true }
        for (changed, scope) in scopes where changed > generation {
            if scope.concerns(ledger, slot, inPort: inPort) { return true }
        }
        return false
    }

    /// Scopes up to this generation are forgotten.
    private var forgotten: UInt64 = 1

    /// Drops what every entry has reached. Not at the end of a walk, but before the next thing
    /// happens: the entries of its last turn are still to be held against it.
    private mutating func forgetReached() {
        guard forgotten < reached else { return }
        let kept = scopes.firstIndex { $0.generation > reached } ?? scopes.endIndex
        if kept == scopes.endIndex {
            scopes.removeAll(keepingCapacity: true)
        } else {
            scopes.removeFirst(kept)
        }
        forgotten = reached
    }

    /// The slots to look at in this turn, out of `slotCount`.
    mutating func turn(of slotCount: Int, atMost count: Int) -> Range<Int> {
        guard isPending else { return 0..<0 }
        forgetReached()
        let (slot, began) = walk ?? (0, generation)
        let end = min(slot + count, slotCount)
        if end >= slotCount {
            (walk, reached) = (nil, began)
        } else {
            walk = (end, began)
        }
        return min(slot, end)..<end
    }
}

extension Vswitch {
    /// Makes a new generation if a rule, a port or a learned address changed.
    mutating func noticeModelChanges() {
        giveMeterOrders()
        var changed = false
        var tables: [BridgeTableChanges] = []
        if model.hasChanges {
            for index in model.bridgeIndices {
                switch model[bridge: index].macTable.takeChanges() {
                case .all: changed = true
                case .some(let keys): changed = changed || !keys.isEmpty
                }
                let changes = model[bridge: index].tables.takeChanges()
                if !changes.isEmpty { tables.append((index, changes)) }
            }
        }
        // What is not in the tables has a generation of its own.
        if model.structureGeneration != recheck.modelGeneration {
            recheck.modelGeneration = model.structureGeneration
            changed = true
        }
        if changed {
            recheck.begin()
        } else if !tables.isEmpty {
            recheck.begin(.tables(tables))
        }
    }

    /// Translates some stale entries again.
    mutating func recheckSome(now: Instant) {
        guard datapath.isOpen else { return }
        // While peers have more changes to tell, most of what is checked now would be so in vain.
        let share = sessions.backlog.isEmpty ? 1 : BridgeLimits.recheckShareOfBusyTurns
        let limit = BridgeLimits.recheckedFlows * Self.passCost / share
        var work = 0
        while recheck.isPending, work < limit {
            let slots = recheck.turn(of: ledger.slotCount, atMost: 256)
            work += 1
            for slot in slots {
                guard let reached = ledger.generation(slot), reached < recheck.generation else {
                    continue
                }
                let owner = model.owner(ofDatapathPort: ledger.inPort(slot))
                guard recheck.concerns(ledger, slot, inPort: owner?.port) else {
                    ledger.setGeneration(slot, recheck.generation)
                    work += 1
                    continue
                }
                guard let entry = ledger[slot] else { continue }
                work += Self.passCost
                check(entry, in: slot, now: now)
            }
        }
    }

    /// What checking an entry costs, counted in entries that are passed over.
    private static let passCost = 50

    /// Translates again, now, each entry whose packets come by or leave by one of these ports of
    /// the datapath: those of a bond's member that has failed cannot wait for the walk.
    mutating func recheckAtOnce(flowsAt vports: Set<UInt32>, now: Instant) {
        noticeModelChanges()
        guard datapath.isOpen else { return }
        for slot in ledger.slots(at: vports) {
            guard let entry = ledger[slot] else { continue }
            check(entry, in: slot, now: now)
        }
    }

    private mutating func check(_ entry: LedgerEntry, in slot: Int, now: Instant) {
        let fresh = model.translate(entry.identity.key)
        guard entry.identity.mask.covers(fresh.mask), !fresh.isSlowPathOnly,
            datapath.features.support(fresh.actions)
        else {
            delete(slot)
            return
        }
        if fresh.actions != entry.actions {
            let flow = CachedFlow(
                key: entry.identity.key, mask: entry.identity.mask,
                actions: datapath.features.spoken(fresh.actions))
            order(.putFlow(flow), .putFlow(entry.identity))
        }
        // A bucket that lost its member keeps the one that this flow was given, and packets that
        // come back must find what is left to do.
        for effect in fresh.effects {
            switch effect {
            case .useBond, .continueLater: model.apply([effect], now: now)
            default: break
            }
        }
        ledger.decide(slot, FlowDecision(fresh), generation: recheck.generation)
    }

    private mutating func delete(_ slot: Int) {
        guard let entry = ledger.remove(slot) else { return }
        order(
            .deleteFlow(key: entry.identity.key, mask: entry.identity.mask),
            .deleteFlow(entry))
    }

    /// Gives the packets that a cached flow has seen since we last asked to its rules.
    mutating func credit(
        _ decision: FlowDecision, since seen: FlowStatistics, _ statistics: FlowStatistics,
        now: Instant
    ) {
        let packets = statistics.packets &- seen.packets
        // Counters that run backwards mean that somebody replaced the flow: nothing to credit.
        guard packets > 0, statistics.packets >= seen.packets else { return }
        let usedAt = Instant(
            nanosecondsSinceStart: statistics.usedMilliseconds.multipliedReportingOverflow(
                by: 1_000_000
            ).partialValue)
        let moment = min(usedAt, now)
        let bytes = statistics.bytes &- seen.bytes
        model.credit(decision.rules, packets: packets, bytes: bytes, usedAt: moment)
        model.apply(decision.effects, now: moment, packetCount: packets, byteCount: bytes)
    }

    // MARK: Dumps

    mutating func dumpIfDue(now: Instant) {
        guard let due = datapath.nextDump, now >= due, !datapath.isDumping else { return }
        startDump(now: now)
    }

    /// Asks for all flows. Returns the number of the dump that will have seen what happened until
    /// now: the next one, if one is under way.
    @discardableResult
    mutating func startDump(now: Instant) -> UInt64 {
        guard datapath.isOpen else { return datapath.completeDump }
        guard !datapath.isDumping else {
            datapath.nextDump = now
            return datapath.dump + 1
        }
        datapath.isDumping = true
        datapath.dump += 1
        datapath.dumpStartedAt = now
        datapath.nextDump = nil
        datapath.toldFlows = 0
        if datapath.needsWholeDump || datapath.nature.isKernelModule {
            order(.listFlows, .listFlows(number: datapath.dump))
        } else {
            order(.listFlowNews, .listFlowNews(number: datapath.dump))
        }
        datapath.needsWholeDump = false
        // Orders are carried out in turn: when this one is, all flows of the ledger are there.
        order(.describeDatapath, .describe)
        datapath.expectedFlows = ledger.count
        return datapath.dump
    }

    /// What the datapath says of itself.
    mutating func described(_ statistics: DatapathStatistics) {
        datapath.statistics = statistics
        guard let expected = datapath.expectedFlows else { return }
        datapath.expectedFlows = nil
        if statistics.flows != UInt64(expected) { datapath.needsWholeDump = true }
    }

    /// One flow of a dump.
    mutating func absorb(_ flow: CachedFlow, dump: UInt64, now: Instant) {
        datapath.toldFlows += 1
        guard let slot = ledger.slot(key: flow.key, mask: flow.mask) else {
            adopt(flow, dump: dump, now: now)
            return
        }
        let seen = ledger.seen(slot)
        if seen != flow.statistics {
            credit(ledger.decision(slot), since: seen, flow.statistics, now: now)
        }
        ledger.note(slot, flow.statistics, dump: dump)
    }

    /// A flow that we did not install: we are new here, or somebody else put it. What it teaches is
    /// learned, and then it is checked like any other.
    private mutating func adopt(_ flow: CachedFlow, dump: UInt64, now: Instant) {
        let fresh = model.translate(flow.key.masked(by: flow.mask))
        model.apply(fresh.effects, now: now)
        ledger.put(
            key: flow.key, mask: flow.mask,
            FlowDecision(actions: flow.actions, rules: fresh.rules, effects: fresh.effects),
            generation: 0, seen: flow.statistics, since: now, dump: dump)
        // Nothing changed; it alone has not been checked yet.
        recheck.begin(.tables([]))
    }

    /// - Parameter isWhole: It showed every flow that is there.
    mutating func dumpEnded(_ number: UInt64, isWhole: Bool, now: Instant) {
        datapath.isDumping = false
        datapath.completeDump = number
        datapath.largestDump = max(datapath.largestDump, now.since(datapath.dumpStartedAt))
        // Entries that the datapath did not show are not there any more. Those installed while it
        // was dumping carry its number.
        if isWhole {
            for slot in 0..<ledger.slotCount where ledger.wasMissing(slot, in: number) {
                ledger.remove(slot)
            }
        }
        datapath.idleSlot = 0
        forgetContinuations(now: now)
        let next =
            now + BridgeLimits.dumpPause + BridgeLimits.dumpPausePerFlow * datapath.toldFlows
        datapath.nextDump = min(datapath.nextDump ?? next, next)
        countersAreFresh(now: now)
    }

    /// Takes away flows that no packet used for a while, some in each turn.
    mutating func removeIdleSome(now: Instant) {
        guard var slot = datapath.idleSlot, datapath.isOpen else { return }
        let end = min(slot + BridgeLimits.idleSlots, ledger.slotCount)
        var left = BridgeLimits.idleFlows
        while slot < end, left > 0 {
            if let used = ledger.usedAt(slot), now.since(used) >= maxIdle {
                delete(slot)
                left -= 1
            }
            slot += 1
        }
        datapath.idleSlot = slot < ledger.slotCount ? slot : nil
    }

    // MARK: Time

    /// Rules and learned addresses whose time is over. A rule's idle time is measured by its cached
    /// flows' counters, which are at most one dump old.
    mutating func expire(now: Instant) {
        guard let due = model.nextDeadline, due <= now else { return }
        for name in bridges.keys.sorted() {
            guard let index = bridges[name]?.index else { continue }
            model[bridge: index].macTable.expire(now: now)
            if let due = model[bridge: index].groups?.nextDeadline, due <= now {
                model[bridge: index].changeGroups { $0.expire(now: now) }
            }
            guard let due = model[bridge: index].tables.nextDeadline, due <= now else { continue }
            let expired = model[bridge: index].tables.expire(now: now)
            for removed in expired {
                tell(removed, bridge: name, now: now)
            }
        }
    }
}
