// All workers, seen by the thread that carries out orders.
//
// The first worker is that thread itself: with one worker there is no other thread, and nothing to
// wait for. Of the others it takes the state when it first touches one in a batch of orders, and
// gives it back at the end of the batch, when what it sent through that worker's ports has left.

import Daemon
import Forwarding
import Logging
import PacketPorts
import Timekeeping

final class WorkerGroup {
    let first: Worker
    private let threads: [WorkerThread]
    let express: SharedExpress?
    /// Of the first worker; those of the others are their threads' own.
    var costs: WorkerCosts
    private let taskNumber: Int32
    /// Workers that were touched in this batch.
    private var touched: [Bool]

    /// - Parameters:
    ///   - count: 1 to `ForwardingLimits.workers`.
    ///   - bell: Is called on a worker's thread when upcalls wait.
    init(
        count: Int, hashSeed: UInt64, express: SharedExpress?, crew: PortCrew, logger: Logger,
        bell: @escaping @Sendable () -> Void
    ) throws(PortError) {
        let gate = count > 1 ? MeterLock.make() : nil
        func settings(_ worker: Int) -> ForwarderSettings {
            var settings = ForwarderSettings(hashSeed: hashSeed, worker: worker, of: count)
            settings.meterGate = gate
            return settings
        }
        let first = try Worker(
            Forwarder(settings(0)), express: express, crew: crew, logger: logger)
        var threads: [WorkerThread] = []
        for number in 1..<max(count, 1) {
            // Safe: nobody else uses the first yet.
            let forwarder = unsafe Forwarder(settings(number), beside: first.forwarder.pointee)
            let worker = try Worker(forwarder, express: express, crew: crew, logger: logger)
            threads.append(try WorkerThread(worker, bell: bell))
        }
        costs = WorkerCosts(now: MonotonicClock.now(), counts: first.lookupCounts)
        self.first = first
        self.threads = threads
        self.express = express
        touched = Array(repeating: false, count: count)
        taskNumber = SchedulingPolicy.taskOfThisThread
    }

    /// Lets the others begin.
    func start() throws(DaemonError) { for thread in threads { try thread.start() } }

    /// Ends the others. What they have is this thread's from here on.
    func stop() {
        letGo()
        for thread in threads { thread.stop() }
    }

    var count: Int { touched.count }
    var all: Range<Int> { touched.indices }

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
                costs: costs, processor: SchedulingPolicy.processor(ofTask: taskNumber),
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
