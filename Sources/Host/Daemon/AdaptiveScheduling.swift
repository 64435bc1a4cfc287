// A thread that is a batch job as long as that costs it nothing.
//
//     batch ── runs waited for more than 1 ms each ──> ordinary for a second ──> batch
//
// A controller that has just sent a message has more to do: if whom it woke takes the processor
// from it there and then, all wait, the controller, the packet that it was about to send, and the
// datapath. As a batch job the woken thread lets it finish, and finds more to do at once. With 64
// packet-ins under way their number went from 54 to 74 thousand a second by this (medians of five
// on two cores). But where other programs keep all processors busy a batch job waits until the
// kernel takes one away from them, some milliseconds for each run: then 7,500 round trips a
// second, one by one, became 150. So the thread looks how long it waited for a processor, and if
// that was long it comes before others for a while.

import Glibc
public import Timekeeping

/// How often a thread was given a processor, and how long it had waited for one, since it began.
struct ProcessorWaits: Hashable, Sendable {
    var nanoseconds: UInt64
    var runs: UInt64
}

/// The rule.
struct AdaptiveScheduling: Sendable {
    /// Between two looks at the waits.
    static let lookPause = Duration.milliseconds(5)
    /// Fewer runs say nothing: one may have been bad luck.
    static let runsPerLook: UInt64 = 4
    /// The longest mean wait of a run that a batch job bears.
    static let waitMax = Duration.milliseconds(1)
    /// How long it comes before others. To try again costs a few runs that wait long.
    static let pause = Duration.seconds(1)

    private(set) var policy = SchedulingPolicy.batch
    private var nextLook = Instant.start
    private var before: ProcessorWaits

    /// - Parameter waits: Of the thread as it is now: a batch job.
    init(_ waits: ProcessorWaits) { before = waits }

    func isLookDue(_ now: Instant) -> Bool { now >= nextLook }

    /// - Returns: Whether `policy` has changed.
    mutating func look(_ waits: ProcessorWaits, now: Instant) -> Bool {
        guard policy == .batch else {
            (policy, before, nextLook) = (.batch, waits, now + Self.lookPause)
            return true
        }
        nextLook = now + Self.lookPause
        let runs = waits.runs &- before.runs
        guard runs >= Self.runsPerLook else { return false }
        let mean = (waits.nanoseconds &- before.nanoseconds) / runs
        before = waits
        guard mean > UInt64(Self.waitMax.nanosecondsClamped) else { return false }
        (policy, nextLook) = (.ordinary, now + Self.pause)
        return true
    }
}

/// The rule at work on one thread. Where the kernel does not count waits (`CONFIG_SCHED_INFO`), or
/// refuses the policy, the thread stays what it was.
public final class ThreadScheduling {
    /// Where the kernel says how long this thread waited; -1 if nowhere.
    private let descriptor: Int32
    private var rule: AdaptiveScheduling?

    /// Of the calling thread, which from now on is to call `turn`.
    public init() {
        // The file stays this thread's, whoever reads it.
        descriptor = unsafe open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)
        guard let first = waits, first.runs > 0, SchedulingPolicy.batch.take() else { return }
        rule = AdaptiveScheduling(first)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// A turn begins.
    public func turn(now: Instant) {
        guard rule?.isLookDue(now) ?? false, let waits else { return }
        guard rule?.look(waits, now: now) ?? false, let policy = rule?.policy else { return }
        if !policy.take() { rule = nil }
    }

    /// proc_pid_schedstat(5): nanoseconds on a processor, nanoseconds in wait of one, runs.
    private var waits: ProcessorWaits? {
        guard descriptor >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 96)
        // Safe: at most the array's size is written.
        let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
        let words = bytes.prefix(max(0, count)).split { !(48...57).contains($0) }
        let numbers = words.compactMap { UInt64(String(decoding: $0, as: UTF8.self)) }
        guard numbers.count == 3 else { return nil }
        return ProcessorWaits(nanoseconds: numbers[1], runs: numbers[2])
    }
}
