public import DatapathMessages
public import Execution
public import Flows
public import Timekeeping

// Several forwarders that are one datapath to whoever gives orders.
//
//                       ┌─> worker 0: forwarder, sink        flow: to the workers of its port
//     OrderDesk ── team ┼─> worker 1: forwarder, sink        port: to all; each may send by it
//                       └─> worker 2: forwarder, sink        count: the sum of all
//
// Each forwarder is one thread's, and so is whatever it counts. Orders are carried out by one other
// thread, which the program lets have a worker's state to itself: `approach` is called before a
// worker is touched, and returns when its thread has let go. So an order is in force in all workers
// concerned when its answer leaves, and no packet ever waits for a lock.

/// A view of the workers of a datapath. Owns nothing; for the thread that carries out orders.
@safe
public struct ForwarderTeam<Sink: PacketSink & ExpressTier & ~Copyable> {
    @safe
    private struct Member {
        var forwarder: UnsafeMutablePointer<Forwarder>
        var sink: UnsafeMutablePointer<Sink>
    }

    private var members: [Member] = []
    private let approach: (Int) -> Void

    /// - Parameter approach: Is called with a worker's number each time before it is touched.
    public init(approach: @escaping (Int) -> Void) { self.approach = approach }

    /// Adds the next worker. Both stay where they are for as long as this is used.
    public mutating func add(
        _ forwarder: UnsafeMutablePointer<Forwarder>, _ sink: UnsafeMutablePointer<Sink>
    ) {
        unsafe members.append(Member(forwarder: forwarder, sink: sink))
    }

    public var count: Int { members.count }
    public var all: Range<Int> { 0..<count }

    /// Works on one of them.
    public func with<Value, Failure: Error>(
        _ worker: Int, _ body: (inout Forwarder, inout Sink) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        approach(worker)
        // Safe: who added them keeps them where they are, and lets nobody else touch them now.
        let member = members[worker]
        return try unsafe body(&member.forwarder.pointee, &member.sink.pointee)
    }

    /// Waits until all workers can be touched, for what they share.
    private func approachAll() { for worker in all { approach(worker) } }

    // MARK: Ports

    /// - Throws: As `Forwarder.addPort`.
    public func addPort(_ number: UInt32) throws(OrderRefusal) {
        for worker in all {
            try with(worker) { (forwarder, _) throws(OrderRefusal) in
                try forwarder.addPort(number)
            }
        }
    }

    /// - Throws: As `Forwarder.removePort`.
    public func removePort(_ number: UInt32) throws(OrderRefusal) {
        approachAll()
        for worker in all {
            try with(worker) { (forwarder, _) throws(OrderRefusal) in
                try forwarder.removePort(number)
            }
        }
    }

    public func freePortNumber() -> UInt32? {
        with(0) { forwarder, _ in forwarder.freePortNumber() }
    }

    /// As `Forwarder.setPolicing`; a port has one allowance, however many workers receive by it.
    func setPolicing(
        _ policing: PortTraffic.Policing, ofPort number: UInt32, now: Instant
    ) throws(OrderRefusal) {
        approachAll()
        // The table is everybody's, and ports have the same places in all.
        try with(0) { (forwarder, _) throws(OrderRefusal) in
            try forwarder.setPolicing(policing, ofPort: number, now: now)
        }
    }

    // MARK: Express flows

    public func closeExpress(ofPort number: UInt32?, now: Instant) {
        for worker in all {
            with(worker) { forwarder, sink in
                forwarder.closeExpress(ofPort: number, now: now, &sink)
            }
        }
    }

    public func refreshExpress(now: Instant) {
        for worker in all {
            with(worker) { forwarder, sink in forwarder.refreshExpress(now: now, &sink) }
        }
    }

    // MARK: Meters, which are shared

    func putMeter(_ meter: DatapathMeter, now: Instant) throws(OrderRefusal) {
        approachAll()
        try with(0) { (forwarder, _) throws(OrderRefusal) in
            try forwarder.putMeter(meter, now: now)
        }
    }

    func deleteMeter(_ id: UInt32) throws(OrderRefusal) -> (DatapathMeter, MeterStatistics) {
        approachAll()
        return try with(0) { (forwarder, _) throws(OrderRefusal) in
            try forwarder.deleteMeter(id)
        }
    }

    func meter(_ id: UInt32) -> (DatapathMeter, MeterStatistics)? {
        approachAll()
        return with(0) { forwarder, _ in forwarder.meter(id) }
    }

    // MARK: Upcalls

    func setHasVswitchd(_ hasVswitchd: Bool) {
        for worker in all { with(worker) { forwarder, _ in forwarder.hasVswitchd = hasVswitchd } }
    }

    func forgetKeptUpcalls() {
        for worker in all { with(worker) { forwarder, _ in forwarder.forgetKeptUpcalls() } }
    }

    // MARK: Sums

    /// - Parameter copies: How many of the flows are there for the second time and more.
    public func statistics(copies: Int = 0) -> DatapathStatistics {
        var sums = DatapathStatistics()
        for worker in all {
            let one = with(worker) { forwarder, _ in forwarder.statistics }
            sums.hits &+= one.hits
            sums.misses &+= one.misses
            sums.lost &+= one.lost
            sums.flows &+= one.flows
            sums.maskHits &+= one.maskHits
            sums.masks &+= one.masks
            sums.cacheHits &+= one.cacheHits
        }
        sums.flows &-= UInt64(copies)
        return sums
    }

    /// What a port has seen, over all workers; nil if there is no such port.
    public func report(ofPort number: UInt32) -> PortReport? {
        var sum: PortReport?
        for worker in all {
            let one = with(worker) { forwarder, _ in forwarder.report(ofPort: number) }
            guard let one else { return nil }
            sum = sum.map { $0 + one } ?? one
        }
        return sum
    }

    /// How packets ended that userspace sent to be executed, for each end that happened.
    public var executedPackets: [PacketEnd: UInt64] {
        var sum: [PacketEnd: UInt64] = [:]
        for worker in all {
            let one = with(worker) { forwarder, _ in forwarder.executedPackets }
            sum.merge(one) { $0 &+ $1 }
        }
        return sum
    }
}

extension PortReport {
    static func + (a: Self, b: Self) -> Self {
        var sum = a
        sum.statistics.rxPackets &+= b.statistics.rxPackets
        sum.statistics.rxBytes &+= b.statistics.rxBytes
        sum.statistics.rxErrors &+= b.statistics.rxErrors
        sum.statistics.rxDropped &+= b.statistics.rxDropped
        sum.statistics.txPackets &+= b.statistics.txPackets
        sum.statistics.txBytes &+= b.statistics.txBytes
        sum.statistics.txErrors &+= b.statistics.txErrors
        sum.statistics.txDropped &+= b.statistics.txDropped
        // A sum does not depend on the order of its terms.
        sum.ends.merge(b.ends) { $0 &+ $1 }
        sum.malformations.merge(b.malformations) { $0 &+ $1 }
        sum.lostUpcalls &+= b.lostUpcalls
        return sum
    }
}

extension ForwarderTeam where Sink: ~Copyable {
    /// A datapath of one worker, for as long as `body` runs.
    static func alone<Value>(
        _ forwarder: inout Forwarder, _ sink: inout Sink, _ body: (ForwarderTeam) -> Value
    ) -> Value {
        // Safe: both are lent to the end of `body`, and the team does not outlive it.
        unsafe withUnsafeMutablePointer(to: &forwarder) { forwarder in
            unsafe withUnsafeMutablePointer(to: &sink) { sink in
                var team = ForwarderTeam { _ in }
                unsafe team.add(forwarder, sink)
                return body(team)
            }
        }
    }
}
