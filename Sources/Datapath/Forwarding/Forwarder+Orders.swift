public import DatapathMessages
import Execution
import FlowCache
public import Flows
public import Timekeeping

// What vswitchd and tools order between batches: ports, flows, and what is to be told of them.

/// Where a dump of the flows goes on.
public struct FlowCursor: Hashable, Sendable {
    var slot: Int? = 0
    public init() {}
    /// All flows have been told.
    public var isAtEnd: Bool { slot == nil }
}

extension Forwarder {
    // MARK: Ports

    /// - Throws: `.portExists`, `.invalidPortNumber`.
    public mutating func addPort(_ number: UInt32) throws(OrderRefusal) {
        let place = try ledger.ports.add(number)
        ledger.upcalls.removeAll(at: place)
    }

    /// Forgets a port, its counters, and its upcalls that wait. Flows that output to it stay: their
    /// packets end as `.outputPortGone` until vswitchd has taken the flows away.
    ///
    /// - Throws: `.noSuchPort`.
    public mutating func removePort(_ number: UInt32) throws(OrderRefusal) {
        let place = try ledger.ports.remove(number)
        removePolicers(at: place)
        ledger.upcalls.removeAll(at: place)
    }

    /// The lowest number from 1 that no port has; nil if there is none.
    public func freePortNumber() -> UInt32? { ledger.ports.freeNumber() }

    /// Numbers of all ports, ascending.
    public var portNumbers: [UInt32] { ledger.ports.numbers }

    /// What a port has seen; nil if there is no such port.
    public func report(ofPort number: UInt32) -> PortReport? {
        let place = ledger.ports.place(of: number)
        guard place != 0 else { return nil }
        var report: PortReport?
        ledger.ports.count(at: place) { record in
            report = record.report(lostUpcalls: ledger.upcalls.lost(at: place))
        }
        return report
    }

    /// The interface of a port went down, came up, or takes frames of another size: what the tier
    /// below us decided about it is decided again.
    public mutating func linkChanged<Sink: ExpressTier & ~Copyable>(
        ofPort number: UInt32, now: Instant, _ sink: inout Sink
    ) {
        closeExpress(ofPort: number, now: now, &sink)
    }

    // MARK: Flows

    /// Installs a flow, from the next packet on. One with the same key and mask gets the new
    /// actions and keeps its counters.
    ///
    /// - Throws: `.tooManyFlows`, `.tooManyMasks`, `.tooManyActions`, `.actionsTooLarge`,
    ///   `.noRoomForActions`.
    ///
    /// - Parameter isNews: Whether a new flow is to be told as news.
    public mutating func install(
        _ flow: CachedFlow, isNews: Bool = true
    ) throws(OrderRefusal) {
        let program = try compile(flow.actions)
        do throws(OrderRefusal) {
            try put(
                key: flow.key, mask: flow.mask, program,
                name: flow.ufid.map { FlowName(high: $0.high, low: $0.low) }, isNews: isNews)
        } catch {
            programs.release(program)
            throw error
        }
    }

    /// Puts a flow whose actions are compiled; if that fails they are still the caller's.
    mutating func put(
        key: FlowKey, mask: FlowMask, _ program: ProgramHandle, name: FlowName?,
        isNews: Bool = true
    ) throws(OrderRefusal) {
        do {
            let before = try tables.megaflows.put(
                key: key, mask: mask, program: program, name: name, isNews: isNews)
            if let before { programs.release(before) }
        } catch {
            switch error {
            case .tooManyFlows(let limit): throw .tooManyFlows(limit: limit)
            case .tooManyMasks(let limit): throw .tooManyMasks(limit: limit)
            }
        }
    }

    /// Whether a flow with such actions could be installed; nothing is.
    ///
    /// - Throws: As `install`.
    public mutating func probe(_ flow: CachedFlow) throws(OrderRefusal) {
        programs.release(try compile(flow.actions))
    }

    mutating func compile(_ actions: [DatapathAction]) throws(OrderRefusal) -> ProgramHandle {
        do {
            return try programs.store(actions)
        } catch {
            switch error {
            case .tooManyActions(let limit): throw .tooManyActions(limit: limit)
            case .tooLarge(let limit): throw .actionsTooLarge(byteLimit: limit)
            case .tooDeep(let limit): throw .actionsTooDeep(limit: limit)
            case .noRoom: throw .noRoomForActions
            }
        }
    }

    /// Removes the flow with this key (masked or not) and mask.
    ///
    /// - Returns: The flow as it was, with its last counters.
    /// - Throws: `.noSuchFlow`.
    public mutating func delete(key: FlowKey, mask: FlowMask) throws(OrderRefusal) -> CachedFlow {
        guard let slot = tables.megaflows.find(key: key, mask: mask) else { throw .noSuchFlow }
        let flow = flow(at: slot)
        programs.release(tables.megaflows.remove(slot).program)
        return flow
    }

    /// The flow with this key and mask, if it is there.
    public func flow(key: FlowKey, mask: FlowMask) -> CachedFlow? {
        tables.megaflows.find(key: key, mask: mask).map { flow(at: $0) }
    }

    func hasFlow(key: FlowKey, mask: FlowMask) -> Bool {
        tables.megaflows.find(key: key, mask: mask) != nil
    }

    /// A flow was told of elsewhere: it is no news until something happens to it.
    mutating func noteTold(key: FlowKey, mask: FlowMask) {
        guard let slot = tables.megaflows.find(key: key, mask: mask) else { return }
        _ = tables.megaflows.nextNews(from: Int(slot), limit: 1)
    }

    /// Removes all flows.
    public mutating func flush() {
        tables.removeAll()
        programs.removeAll()
    }

    /// Tells of up to `count` flows from `cursor` on, and moves the cursor. Call until
    /// `cursor.isAtEnd`; one portion may be empty before that, because a portion looks at a bounded
    /// number of places. Each flow that is there all the time is told exactly once.
    ///
    /// - Parameter onlyNews: Only flows that packets used, or that were put by an order, since they
    ///   were last told so.
    public mutating func dump(
        from cursor: inout FlowCursor, atMost count: Int, onlyNews: Bool = false
    ) -> [CachedFlow] {
        var flows: [CachedFlow] = []
        var budget = ForwardingLimits.slotsPerPortion
        while flows.count < count, budget > 0, let slot = cursor.slot {
            let (live, next) =
                onlyNews
                ? tables.megaflows.nextNews(from: slot, limit: budget)
                : tables.megaflows.nextLive(from: slot, limit: budget)
            budget -= (next ?? slot + budget) - slot
            cursor.slot = next
            if let live { flows.append(flow(at: live)) }
        }
        return flows
    }

    private func flow(at slot: FlowSlot) -> CachedFlow {
        let (key, mask, record) = tables.megaflows.flow(at: slot)
        var statistics = FlowStatistics()
        statistics.packets = record.packets
        statistics.bytes = record.bytes
        statistics.usedMilliseconds = record.usedMilliseconds
        statistics.tcpFlags = record.tcpFlags
        return CachedFlow(
            key: key, mask: mask, actions: programs.actions(of: record.program),
            statistics: statistics,
            ufid: record.name.map { UFID(high: $0.high, low: $0.low) })
    }

    // MARK: Sums

    public var statistics: DatapathStatistics {
        var sums = DatapathStatistics()
        sums.cacheHits = tables.microflowHits
        sums.hits = tables.microflowHits &+ tables.megaflowHits &+ lane.packets
        sums.misses = tables.misses
        sums.lost = ledger.upcalls.lost
        sums.flows = UInt64(tables.megaflows.count)
        sums.maskHits = tables.megaflows.probeCount
        sums.masks = UInt32(tables.megaflows.maskCount)
        return sums
    }

    /// How packets ended that userspace sent to be executed, for each end that happened.
    public var executedPackets: [PacketEnd: UInt64] {
        var ends: [PacketEnd: UInt64] = [:]
        for end in PacketEnd.allCases where executedEnds[Int(end.rawValue)] != 0 {
            ends[end] = executedEnds[Int(end.rawValue)]
        }
        return ends
    }

    /// The first broken invariant, or nil. For tests: costs as much as the tables are large.
    public func brokenInvariant() -> String? {
        if let broken = tables.brokenInvariant() ?? ledger.upcalls.brokenInvariant() {
            return broken
        }
        // Which of several broken ones is told does not matter.
        if let stray = lane.flows.first(where: { !tables.megaflows.isLive($0.value.slot) }) {
            return "an express flow of port \(stray.value.inPort) has lost its megaflow"
        }
        guard programs.count == tables.megaflows.count else {
            return "\(programs.count) programs for \(tables.megaflows.count) flows"
        }
        for number in portNumbers {
            guard let report = report(ofPort: number) else { return "port \(number) is lost" }
            // A sum does not depend on the order of its terms.
            let ends = report.ends.reduce(0) { $0 &+ $1.value }
            guard ends == report.statistics.rxPackets else {
                return "port \(number): \(report.statistics.rxPackets) in, \(ends) ends"
            }
        }
        return nil
    }
}
