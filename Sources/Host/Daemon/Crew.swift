// Threads for what takes long, so that the thread that owns the machine never waits for it.
//
//     post(key, job) ──> jobs, by key ──> threads ──> outcomes ──> take()
//
// Some calls of the kernel wait until every processor has passed a quiet moment: tens of
// milliseconds each, in which nothing is computed. Many of them at once take hardly longer than
// one. Jobs of one key are done one after the other, in their order; those of different keys may
// overlap.

import CProcess
import Glibc
import Synchronization

/// Does jobs on threads of its own, and keeps what came of them until it is taken. Jobs that are
/// under way when it ends are finished; those that wait are not begun.
public final class Crew<Outcome: Sendable>: Sendable {
    public typealias Job = @Sendable () -> Outcome

    private let core: Core

    /// - Parameters:
    ///   - threadCount: Jobs that may be under way at once, 1 to 64. Traps otherwise, and if the
    ///     process can have no more threads or descriptors, for then it cannot run at all.
    ///   - capacity: Outcomes that may wait to be taken. Whoever posts no more jobs than that
    ///     before it takes loses none.
    public init(threadCount: Int, capacity: Int) {
        precondition((1...64).contains(threadCount), "a crew of one to 64 threads")
        core = Core(capacity: capacity, threadCount: threadCount)
        for _ in 0..<threadCount {
            var thread = pthread_t()
            // Safe: the thread takes over the reference that is passed.
            let context = unsafe Unmanaged<AnyCore>.passRetained(core).toOpaque()
            let result = unsafe pthread_create(&thread, nil, workInCrew, context)
            guard result == 0 else { fatalError("no thread for a crew: errno \(result)") }
            pthread_detach(thread)
        }
    }

    deinit { core.stop() }

    /// For `poll`: readable while outcomes wait to be taken.
    public var descriptor: Int32 { core.outcomes.descriptor }

    /// Has `job` done, after all earlier ones of the same key.
    public func post(key: String, _ job: @escaping Job) { core.post(key, job) }

    /// What came of jobs that are finished, in the order in which they were.
    public func take() -> [Outcome] { core.outcomes.drain() }

    private final class Core: AnyCore, @unchecked Sendable {
        let outcomes: Mailbox<Outcome>
        private let jobs = Mutex(Jobs())

        private struct Jobs {
            /// By key, oldest first; a key stands here while one of its jobs waits or is under way.
            var waiting: [String: [Job]] = [:]
            /// Keys whose next job may begin, in their order from `head` on.
            var ready: [String] = []
            var head = 0
            var isStopped = false
        }

        private let threadCount: Int

        init(capacity: Int, threadCount: Int) {
            outcomes = Mailbox(capacity: capacity)
            self.threadCount = threadCount
        }

        func post(_ key: String, _ job: @escaping Job) {
            jobs.withLock { jobs in
                if jobs.waiting[key] == nil {
                    jobs.waiting[key] = [job]
                    jobs.ready.append(key)
                    ring()
                } else {
                    jobs.waiting[key]?.append(job)
                }
            }
        }

        func stop() {
            jobs.withLock { jobs in
                jobs.isStopped = true
                for _ in 0..<threadCount { ring() }
            }
        }

        override func work() {
            while true {
                waitForRing()
                guard !jobs.withLock({ $0.isStopped }) else { return }
                guard let (key, job) = next() else { continue }
                outcomes.post(job())
                finished(key)
            }
        }

        /// The job that a ring has told of.
        private func next() -> (String, Job)? {
            jobs.withLock { jobs in
                guard jobs.head < jobs.ready.count else { return nil }
                let key = jobs.ready[jobs.head]
                jobs.head += 1
                if jobs.head == jobs.ready.count { (jobs.ready, jobs.head) = ([], 0) }
                guard let job = jobs.waiting[key]?.first else { return nil }
                return (key, job)
            }
        }

        private func finished(_ key: String) {
            jobs.withLock { jobs in
                jobs.waiting[key]?.removeFirst()
                guard jobs.waiting[key]?.isEmpty == false else {
                    jobs.waiting[key] = nil
                    return
                }
                jobs.ready.append(key)
                ring()
            }
        }
    }
}

/// What a thread knows of its crew: a C function has no generic parameters.
private class AnyCore {
    /// Counts keys that are ready: a read takes one, and waits while there is none.
    private let bell: Int32

    init() {
        bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
        guard bell >= 0 else { fatalError("no eventfd for a crew: errno \(errno)") }
    }

    deinit { close(bell) }

    func ring() {
        // Counts to 2^64 - 2, so that it neither blocks nor fails.
        eventfd_write(bell, 1)
    }

    func waitForRing() {
        var count: eventfd_t = 0
        // Safe: `count` lives during the call. An interruption is no ring.
        while unsafe eventfd_read(bell, &count) != 0 {}
    }

    func work() {}
}

private func workInCrew(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    // Safe: the reference that `Crew.init` passed, taken over once.
    unsafe Unmanaged<AnyCore>.fromOpaque(context).takeRetainedValue().work()
    return nil
}
