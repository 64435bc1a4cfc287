import Glibc
import Testing
import Timekeeping

@testable import Daemon

/// When a thread comes before others, and when it lets them go first.
@Suite struct AdaptiveSchedulingTests {
    /// A thread whose runs all wait equally long.
    private final class Simulation {
        var now = Instant.start + .seconds(1)
        var waits = ProcessorWaits(nanoseconds: 77, runs: 5)
        var rule: AdaptiveScheduling

        init() { rule = AdaptiveScheduling(waits) }

        /// Goes on until the next look, with so many runs since the last.
        ///
        /// - Returns: Whether the policy changed.
        func look(
            after duration: Duration = AdaptiveScheduling.lookPause, runs: UInt64 = 10,
            waiting: Duration
        ) -> Bool {
            now = now + duration
            waits.runs += runs
            waits.nanoseconds += runs * UInt64(waiting.nanosecondsClamped)
            return rule.isLookDue(now) && rule.look(waits, now: now)
        }
    }

    @Test func staysABatchJobWhileWaitsAreShort() {
        let simulation = Simulation()
        for _ in 0..<100 { #expect(!simulation.look(waiting: .milliseconds(1))) }
        #expect(simulation.rule.policy == .batch)
    }

    @Test func comesBeforeOthersForAWhileEachTimeThatItWaitsLong() {
        let simulation = Simulation()
        for _ in 0..<3 {
            #expect(simulation.look(waiting: .milliseconds(4)))
            #expect(simulation.rule.policy == .ordinary)
            #expect(!simulation.look(after: .milliseconds(999), waiting: .milliseconds(4)))
            #expect(simulation.look(after: .milliseconds(1), waiting: .milliseconds(4)))
            #expect(simulation.rule.policy == .batch)
            // What it waited before that does not count.
            #expect(!simulation.look(waiting: .zero))
        }
    }

    @Test func fewRunsAreLookedAtTogether() {
        let simulation = Simulation()
        for _ in 1..<AdaptiveScheduling.runsPerLook {
            #expect(!simulation.look(runs: 1, waiting: .milliseconds(4)))
        }
        #expect(simulation.look(runs: 1, waiting: .milliseconds(4)))
    }

    /// A thread's policy is its own. Where the kernel counts no waits it stays ordinary.
    @Test(.timeLimit(.minutes(1))) func makesTheCallingThreadABatchJob() async {
        let crew = Crew<[Int32]>(threadCount: 1, capacity: 1)
        crew.post(key: "") {
            let before = sched_getscheduler(0)
            let scheduling = ThreadScheduling()
            scheduling.turn(now: MonotonicClock.now())
            return [before, sched_getscheduler(0)]
        }
        var waited = pollfd(fd: crew.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waited, 1, 30_000) == 1)
        let isCounted = access("/proc/thread-self/schedstat", R_OK) == 0
        let after = isCounted ? SchedulingPolicy.batch : .ordinary
        #expect(crew.take() == [[SchedulingPolicy.ordinary.rawValue, after.rawValue]])
        #expect(sched_getscheduler(0) == SchedulingPolicy.ordinary.rawValue)
    }
}
