// All workers, seen by the thread that carries out orders.
//
// The first worker is that thread itself: with one worker there is no other thread, and nothing to
// wait for. Of the others it takes the state when it first touches one in a batch of orders, and
// gives it back at the end of the batch, when what it sent through that worker's ports has left.
//
// There may be more of them than are in use: when fewer are wanted, those with the highest numbers
// are left without ports, and wait. What they have counted still counts.

import Daemon
import Forwarding
import Logging
import PacketPorts
import Timekeeping

/// Why there are not as many workers as were wanted.
struct GrowthError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

final class WorkerGroup {
    let first: Worker
    private var threads: [WorkerThread] = []
    let express: SharedExpress?
    /// Of the first worker; those of the others are their threads' own.
    var costs: WorkerCosts
    private let taskNumber: Int32
    private let hashSeed: UInt64
    private let crew: PortCrew
    private let logger: Logger
    private let bell: @Sendable () -> Void
    private var isStarted = false
    /// Whether meters are asked by several threads.
    private var hasGate = false
    /// How many receive packets: those with the lowest numbers.
    var inUse = 1
    /// Workers that were touched in this batch.
    private var touched: [Bool]

    /// - Parameters:
    ///   - count: 1 to `ForwardingLimits.workers`.
    ///   - bell: Is called on a worker's thread when upcalls wait.
    init(
        count: Int, hashSeed: UInt64, express: SharedExpress?, crew: PortCrew, logger: Logger,
        bell: @escaping @Sendable () -> Void
    ) throws(PortError) {
        let first = try Worker(
            Forwarder(ForwarderSettings(hashSeed: hashSeed, worker: 0, of: count)),
            express: express, crew: crew, logger: logger)
        costs = WorkerCosts(now: MonotonicClock.now(), counts: first.lookupCounts)
        self.first = first
        self.express = express
        self.hashSeed = hashSeed
        self.crew = crew
        self.logger = logger
        self.bell = bell
        touched = [false]
        taskNumber = KernelTask.number
        for number in 1..<max(count, 1) { try add(number, of: count) }
        inUse = count
    }

    /// Lets the others begin.
    func start() throws(DaemonError) {
        for thread in threads { try thread.start() }
        isStarted = true
    }

    /// Makes workers until there are so many. They know the datapath's ports and none of their
    /// devices; those that could be made stay.
    ///
    /// - Throws: What the kernel said.
    func grow(to count: Int) throws(GrowthError) {
        while self.count < count {
            do throws(PortError) {
                try add(self.count, of: count)
            } catch { throw GrowthError("\(error)") }
            guard isStarted, let thread = threads.last else { continue }
            do throws(DaemonError) {
                try thread.start()
            } catch {
                threads.removeLast()
                touched.removeLast()
                throw GrowthError("\(error)")
            }
        }
    }

    private func add(_ number: Int, of count: Int) throws(PortError) {
        // What they share changes hands while nobody uses it.
        for worker in all { approach(worker) }
        if !hasGate {
            // Safe: it is ours, see above.
            unsafe first.forwarder.pointee.shareMeters(by: MeterLock.make())
            hasGate = true
        }
        let settings = ForwarderSettings(hashSeed: hashSeed, worker: number, of: count)
        // Safe: as above.
        let forwarder = unsafe Forwarder(settings, beside: first.forwarder.pointee)
        let worker = try Worker(forwarder, express: express, crew: crew, logger: logger)
        threads.append(try WorkerThread(worker, bell: bell))
        touched.append(false)
    }

    /// Ends the others. What they have is this thread's from here on.
    func stop() {
        letGo()
        for thread in threads { thread.stop() }
    }

    var count: Int { touched.count }
    var all: Range<Int> { touched.indices }
    /// Those in use.
    var used: Range<Int> { 0..<inUse }

    /// All forwarders, for orders.
    func makeTeam() -> ForwarderTeam<PortSet> {
        var team = ForwarderTeam<PortSet> { [unowned self] in approach($0) }
        for number in all {
            // Safe: they stay where they are for as long as the process lives.
            with(number) { worker in unsafe team.add(worker.forwarder, worker.ports) }
        }
        letGo()
        return team
    }

    /// From here on, until `letGo`, a worker is this thread's.
    private func approach(_ number: Int) {
        if !touched[number] {
            touched[number] = true
            if number > 0 { threads[number - 1].rendezvous.take() }
        }
        // Safe: see above.
        let ports = unsafe number == 0 ? first.ports : threads[number - 1].worker.ports
        unsafe ports.pointee.prepareForFrame()
    }

    /// Sends what waits in workers that were touched, and lets them go on.
    func letGo() {
        for number in touched.indices where touched[number] {
            borrowed(number) { worker in
                // Safe: it is still ours.
                unsafe worker.ports.pointee.flush()
                worker.countFailures()
            }
            touched[number] = false
            if number > 0 { threads[number - 1].rendezvous.giveBack() }
        }
    }

    private func borrowed<Value>(_ number: Int, _ body: (borrowing Worker) -> Value) -> Value {
        number == 0 ? body(first) : body(threads[number - 1].worker)
    }

    /// Works on one of them, which is this thread's until `letGo`.
    func with<Value>(_ number: Int, _ body: (borrowing Worker) -> Value) -> Value {
        approach(number)
        return borrowed(number, body)
    }

    // MARK: Processors

    /// Lets a worker run on these only.
    ///
    /// - Returns: Whether the kernel agreed.
    func confine(_ number: Int, to processors: Processors) -> Bool {
        processors.confine(task: number == 0 ? 0 : threads[number - 1].task)
    }

    // MARK: Upcalls

    /// Whether a worker may have some; without touching it.
    func mayHaveUpcalls(_ number: Int) -> Bool {
        number == 0 ? first.hasUpcalls : threads[number - 1].mayHaveUpcalls
    }

    var mayHaveUpcalls: Bool {
        if first.hasUpcalls { return true }
        for thread in threads where thread.mayHaveUpcalls { return true }
        return false
    }

    /// All of a worker's are fetched; while it is touched.
    func noteUpcallsFetched(_ number: Int) {
        if number > 0 { threads[number - 1].noteUpcallsFetched() }
    }

    // MARK: Costs

    /// What a worker has to tell of itself.
    struct Report {
        var costs: WorkerCosts
        var processor: Int
        var counts: LookupCounts
    }

    func report(_ number: Int) -> Report {
        let counts = with(number) { $0.lookupCounts }
        return number == 0
            ? Report(
                costs: costs, processor: KernelTask.processor(of: taskNumber),
                counts: counts)
            : Report(
                costs: threads[number - 1].costs, processor: threads[number - 1].processor,
                counts: counts)
    }

    /// Begins to measure anew.
    func clearCosts() {
        for number in all {
            let counts = with(number) { $0.lookupCounts }
            let new = WorkerCosts(now: MonotonicClock.now(), counts: counts)
            if number == 0 { costs = new } else { threads[number - 1].costs = new }
        }
    }
}
