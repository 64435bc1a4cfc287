// A worker on a thread of its own: every one but the first, which runs in the thread that carries
// out orders.
//
//     wait for ports ──> enter ──> ports that have something, round after round ──> leave
//                                         │ upcalls wait? ──> one word to the thread of orders
//                                         └ wanted? ──> leave, and enter when it has let go

import Daemon
import DatapathMessages
import Forwarding
import Glibc
import PacketPorts
import Synchronization
import Timekeeping

@safe
final class WorkerThread: @unchecked Sendable {
    /// Rounds over busy ports in one turn.
    private static let roundsPerTurn = 16

    /// Who has entered, or has taken, `rendezvous`, has these two to itself.
    let worker: Worker
    var costs: WorkerCosts
    let rendezvous = Rendezvous()
    private let bell: @Sendable () -> Void
    /// Set by the worker when upcalls wait, taken back by whoever has fetched all of them.
    private let upcallsWait = Atomic(false)
    private let taskNumber = Atomic<Int32>(0)
    /// Has a word once `taskNumber` is set.
    private let begun = Mailbox<Bool>(capacity: 1)
    /// Readable when the thread is to look whether it is over.
    private let wakeUp = Mailbox<Bool>(capacity: 1)
    private var thread = pthread_t()

    /// - Parameters:
    ///   - worker: Not used by anybody else from now on, but under `rendezvous`.
    ///   - bell: Is called on this thread when upcalls wait that nobody has been told of.
    /// - Throws: What the kernel said.
    init(_ worker: consuming Worker, bell: @escaping @Sendable () -> Void) throws(PortError) {
        self.bell = bell
        try worker.readySet.add(wakeUp.descriptor, port: .max)
        costs = WorkerCosts(now: MonotonicClock.now(), counts: worker.lookupCounts)
        self.worker = worker
    }

    /// Begins to work, and has its number when this returns. Once.
    ///
    /// - Throws: If the process can have no more threads.
    func start() throws(DaemonError) {
        // Safe: the thread takes over the reference that is passed.
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                // Safe: the reference that was passed, taken over once.
                unsafe Unmanaged<WorkerThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        guard result == 0 else {
            throw DaemonError("no thread for a worker: errno \(result)")
        }
        var waited = pollfd(fd: begun.descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: `waited` lives through the call. The thread says so as the first thing it does.
        while unsafe poll(&waited, 1, -1) < 0 {}
    }

    /// Waits until the turn that is under way is over; no other follows.
    func stop() {
        rendezvous.end()
        wakeUp.post(true)
        // Safe: the thread was started, and nobody else waits for it.
        _ = pthread_join(thread, nil)
    }

    /// Whether upcalls may wait that nobody has fetched.
    var mayHaveUpcalls: Bool { upcallsWait.load(ordering: .relaxed) }

    /// To be said by who has taken the worker and has fetched all upcalls.
    func noteUpcallsFetched() { upcallsWait.store(false, ordering: .relaxed) }

    /// As `gettid` says, in the thread; 0 before it was started.
    var task: Int32 { taskNumber.load(ordering: .relaxed) }

    /// The processor that the thread runs on.
    var processor: Int {
        KernelTask.processor(of: taskNumber.load(ordering: .relaxed))
    }

    // MARK: The thread

    private func run() {
        taskNumber.store(KernelTask.number, ordering: .relaxed)
        begun.post(true)
        _ = SchedulingPolicy.batch.take()
        while true {
            var ready = worker.readySet.ready(waiting: true)
            guard rendezvous.enter() else { return }
            costs.spend(.waiting, until: MonotonicClock.now())
            for _ in 0..<Self.roundsPerTurn {
                let isThrough = worker.serve(ready, until: rendezvous)
                if worker.hasUpcalls { ring() }
                if !isThrough { break }
                ready = worker.readySet.ready()
                if ready.isEmpty { break }
            }
            costs.spend(.packets, until: MonotonicClock.now())
            costs.endTurn(lookups: worker.lookupCounts.lookups)
            rendezvous.leave()
        }
    }

    private func ring() {
        guard !upcallsWait.exchange(true, ordering: .relaxed) else { return }
        bell()
    }
}
