import DatapathMessages
import Execution
import Flows
import Timekeeping

// Flows of a datapath with several workers: most live in one of them, and then everything here is
// one call. A flow that several must know is one flow all the same: it is put in all or in none, it
// goes from all, and its counters are summed.

/// Where a dump of all workers' flows goes on.
public struct TeamCursor: Hashable, Sendable {
    var worker = 0
    var flows = FlowCursor()
    public init() {}
    public internal(set) var isAtEnd = false
}

extension ForwarderTeam where Sink: ~Copyable {
    /// How many workers beyond the first have a flow.
    private func copies(_ key: FlowKey, _ mask: FlowMask, _ homes: WorkerSet) -> Int {
        guard homes.count > 1 else { return 0 }
        var count = 0
        for worker in homes {
            if with(worker, { forwarder, _ in forwarder.hasFlow(key: key, mask: mask) }) {
                count += 1
            }
        }
        return max(count - 1, 0)
    }

    /// Puts a flow where `homes` says, in force when this returns.
    ///
    /// - Parameter except: A worker that has it already.
    /// - Returns: How many copies more there are.
    /// - Throws: As `Forwarder.install`; then it is as it was in all of them.
    func install(
        _ flow: CachedFlow, at homes: WorkerSet, except: Int? = nil, isNews: Bool = true,
        now: Instant
    ) throws(OrderRefusal) -> Int {
        let before = copies(flow.key, flow.mask, homes)
        var done: [(worker: Int, before: CachedFlow?)] = []
        do throws(OrderRefusal) {
            for worker in homes where worker != except {
                var present: CachedFlow?
                if homes.count > 1 {
                    present = with(worker) { forwarder, _ in
                        forwarder.flow(key: flow.key, mask: flow.mask)
                    }
                }
                try with(worker) { (forwarder, sink) throws(OrderRefusal) in
                    forwarder.closeExpress(ofFlow: flow.key, mask: flow.mask, now: now, &sink)
                    try forwarder.install(flow, isNews: isNews)
                }
                done.append((worker, present))
            }
        } catch {
            for (worker, present) in done { takeBack(flow, at: worker, to: present) }
            throw error
        }
        return copies(flow.key, flow.mask, homes) - before
    }

    private func takeBack(_ flow: CachedFlow, at worker: Int, to present: CachedFlow?) {
        with(worker) { forwarder, _ in
            do throws(OrderRefusal) {
                if let present {
                    try forwarder.install(present)
                } else {
                    _ = try forwarder.delete(key: flow.key, mask: flow.mask)
                }
            } catch { preconditionFailure("a flow that was there a moment ago: \(error)") }
        }
    }

    /// Removes a flow from all that have it.
    ///
    /// - Returns: The flow with its last counters, and how many copies more there are: none, or
    ///   less.
    /// - Throws: `.noSuchFlow`.
    func delete(
        key: FlowKey, mask: FlowMask, at homes: WorkerSet, now: Instant
    ) throws(OrderRefusal) -> (flow: CachedFlow, copies: Int) {
        var sum: CachedFlow?
        var count = 0
        for worker in homes {
            let one: CachedFlow? = with(worker) { forwarder, sink in
                guard forwarder.hasFlow(key: key, mask: mask) else { return nil }
                forwarder.closeExpress(ofFlow: key, mask: mask, now: now, &sink)
                do throws(OrderRefusal) {
                    return try forwarder.delete(key: key, mask: mask)
                } catch { preconditionFailure("a flow that was there a moment ago: \(error)") }
            }
            guard let one else { continue }
            count += 1
            sum = sum.map { $0.adding(one.statistics) } ?? one
        }
        guard let sum else { throw .noSuchFlow }
        return (sum, 1 - count)
    }

    /// Removes all flows.
    func flush(now: Instant) {
        closeExpress(ofPort: nil, now: now)
        for worker in all { with(worker) { forwarder, _ in forwarder.flush() } }
    }

    /// Whether a flow with such actions could be installed; nothing is.
    func probe(_ flow: CachedFlow) throws(OrderRefusal) {
        try with(0) { (forwarder, _) throws(OrderRefusal) in try forwarder.probe(flow) }
    }

    /// Tells of up to `count` flows, and moves the cursor, as `Forwarder.dump`. A flow that several
    /// workers have is told once, with the sum of what it counted.
    func dump(
        from cursor: inout TeamCursor, atMost count: Int, onlyNews: Bool,
        homes: (CachedFlow) -> WorkerSet
    ) -> [CachedFlow] {
        let worker = cursor.worker
        var flows = with(worker) { forwarder, _ in
            forwarder.dump(from: &cursor.flows, atMost: count, onlyNews: onlyNews)
        }
        if self.count > 1 {
            flows = flows.compactMap { flow in
                let homes = homes(flow)
                guard homes.count > 1 else { return flow }
                // All of them: the first tells. News: whoever has some, for all.
                guard onlyNews || homes.lowest == worker else { return nil }
                return summed(flow, from: worker, homes, asNews: onlyNews)
            }
        }
        if cursor.flows.isAtEnd {
            cursor.worker += 1
            cursor.flows = FlowCursor()
            cursor.isAtEnd = cursor.worker >= self.count
        }
        return flows
    }

    private func summed(
        _ flow: CachedFlow, from worker: Int, _ homes: WorkerSet, asNews: Bool
    ) -> CachedFlow {
        var sum = flow
        for other in homes where other != worker {
            with(other) { forwarder, _ in
                if let one = forwarder.flow(key: flow.key, mask: flow.mask) {
                    sum = sum.adding(one.statistics)
                }
                if asNews { forwarder.noteTold(key: flow.key, mask: flow.mask) }
            }
        }
        return sum
    }

    // MARK: Packets from vswitchd

    /// As `Forwarder.execute`, by the worker that knows the flows of the packet's port.
    func execute(
        _ packet: ExecutedPacket, at homes: WorkerSet, now: Instant
    ) throws(OrderRefusal) {
        try with(homes.lowest) { (forwarder, sink) throws(OrderRefusal) in
            _ = try forwarder.execute(packet, now: now, into: &sink)
        }
    }

    /// Carries out answers in their order. One call for many: among several workers each is handed
    /// to whoever keeps its packet.
    ///
    /// - Returns: How many copies of flows more there are, and why answers were refused.
    func answer(
        _ answers: [UpcallAnswer], now: Instant, homes: (FlowKey, FlowMask) -> WorkerSet
    ) -> (copies: Int, refusals: [OrderRefusal]) {
        var refusals: [OrderRefusal] = []
        var copies = 0
        if count == 1 {
            with(0) { forwarder, sink in
                forwarder.answer(answers, now: now, into: &sink) { refusals.append($0) }
            }
            return (0, refusals)
        }
        for answer in answers {
            do throws(OrderRefusal) {
                copies += try self.answer(answer, now: now, homes: homes)
            } catch { refusals.append(error) }
        }
        return (copies, refusals)
    }

    /// As `Forwarder.answer`, by the worker that keeps the packet; the flow comes to all that
    /// `homes` says.
    ///
    /// - Returns: How many copies of the flow more there are.
    func answer(
        _ answer: UpcallAnswer, now: Instant, homes: (FlowKey, FlowMask) -> WorkerSet
    ) throws(OrderRefusal) -> Int {
        let worker = KeptUpcalls.worker(of: answer.id)
        guard worker < count else { throw .noSuchUpcall }
        let key = try with(worker) { (forwarder, sink) throws(OrderRefusal) in
            try forwarder.answer(answer, now: now, into: &sink)
        }
        guard count > 1, let mask = answer.mask else { return 0 }
        let wanted = homes(key, mask)
        let flow = CachedFlow(key: key, mask: mask, actions: answer.actions)
        guard wanted.contains(worker) else {
            // Others receive by the port since it was asked.
            _ = try delete(key: key, mask: mask, at: .only(worker), now: now)
            return try install(flow, at: wanted, isNews: false, now: now)
        }
        guard wanted.count > 1 else { return 0 }
        return try install(flow, at: wanted, except: worker, isNews: false, now: now)
    }
}

extension CachedFlow {
    fileprivate func adding(_ more: FlowStatistics) -> CachedFlow {
        var sum = self
        sum.statistics.packets &+= more.packets
        sum.statistics.bytes &+= more.bytes
        sum.statistics.usedMilliseconds = max(
            statistics.usedMilliseconds, more.usedMilliseconds)
        sum.statistics.tcpFlags |= more.tcpFlags
        return sum
    }
}
