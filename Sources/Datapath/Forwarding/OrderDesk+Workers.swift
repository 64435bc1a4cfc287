public import DatapathMessages
public import Execution
public import Timekeeping

// How many workers there are, and which of them receive by a port.
//
// Who receives what is decided anew, for all ports, whenever an order changes it. A flow stands
// where packets of its port come, so when that changes all flows go, and the next packets ask
// again. Packets that come meanwhile wait in their rings.

extension OrderDesk {
    func setWorkers(_ wanted: WorkerPlan, _ caller: DeskCaller) -> [DeskEffect] {
        wanted == plan ? done(caller) : [.setWorkers(wanted, caller)]
    }

    /// There are so many workers in use now, all of them members of `team`.
    public mutating func workersSet<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ plan: WorkerPlan, count: Int, for caller: DeskCaller, now: Instant,
        _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        self.plan = plan
        return arrange(workerCount: count, now, team) + done(caller)
    }

    /// The workers are as they were.
    public func workersRefused(
        errno: Int32, text: String, for caller: DeskCaller
    ) -> [DeskEffect] {
        refused(caller, errno: errno, text: text)
    }

    mutating func setReceiving<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ wanted: PortReceiving, _ number: UInt32, _ caller: DeskCaller, _ now: Instant,
        _ team: ForwarderTeam<Sink>
    ) throws(OrderRefusal) -> [DeskEffect] {
        guard ports[number] != nil else { throw .noSuchPort(number) }
        guard wanted != receiving[number] ?? PortReceiving() else { return done(caller) }
        receiving[number] = wanted
        return arrange(workerCount: homes.workerCount, now, team) + done(caller)
    }

    private mutating func arrange<Sink: PacketSink & ExpressTier & ~Copyable>(
        workerCount: Int, _ now: Instant, _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        let before = homes
        var wishes = ports.map { ($0.key, $0.value) }
        wishes += opening.map { ($0.key, $0.value.port) }
        let ports = Dictionary(wishes, uniquingKeysWith: { first, _ in first })
        // `wish` divides by how many there will be.
        homes = PortHomes(workerCount: workerCount)
        homes = PortHomes(
            workerCount: workerCount,
            Dictionary(uniqueKeysWithValues: ports.map { ($0.key, wish(of: $0.value, $0.key)) }),
            isolates: plan.isolates)
        let moved = ports.keys.sorted().filter {
            before.receivers(ofPort: $0) != homes.receivers(ofPort: $0)
        }
        guard !moved.isEmpty || before.workerCount != workerCount
            || before.isolated != homes.isolated
        else {
            homes = before
            return []
        }
        team.flush(now: now)
        copies = 0
        return moved.filter { opening[$0] == nil }
            .map { .receivePort(number: $0, by: homes.receivers(ofPort: $0)) }
    }

    /// What is wanted of a port, in workers.
    func wish(of port: Vport, _ number: UInt32) -> PortHomes.Wish {
        let receiving = receiving[number] ?? PortReceiving()
        let standard = spreads.contains(port.name) ? homes.workerCount : 1
        var chosen: [Int: Int] = [:]
        for affinity in receiving.affinities {
            // A processor without a worker chooses nobody.
            chosen[Int(affinity.queue)] = plan.processors.firstIndex(of: affinity.processor)
        }
        return PortHomes.Wish(
            kind: port.kind, queueCount: receiving.queueCount.map { Int($0) } ?? standard,
            chosen: chosen)
    }
}
