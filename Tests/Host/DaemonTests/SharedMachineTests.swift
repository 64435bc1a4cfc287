import Foundation
import Synchronization
import Testing
import Timekeeping

@testable import Daemon

/// Whoever runs the machine: every message is handled once, and in the order of their coming. What
/// does not happen is a test that does not end, which the time limit turns into a failure.
@Suite(.timeLimit(.minutes(1))) struct SharedMachineTests {
    /// What a machine has done, for the test to see.
    final class Record: Sendable {
        struct Content {
            var messages: [Int] = []
            var atOnceCount = 0
            var emptyTurnCount = 0
        }
        let content = Mutex(Content())
        let deadline = Mutex<Instant?>(nil)
        var now: Content { content.withLock { $0 } }
    }

    /// Ends at 0; wants to be looked after at negative numbers.
    final class Machine: TurnTaking {
        private let record: Record

        init(_ record: Record) { self.record = record }

        var deadline: Instant? { record.deadline.withLock { $0 } }

        func handleAtOnce(_ message: Int, now: Instant) -> Bool {
            record.content.withLock {
                $0.messages.append(message)
                $0.atOnceCount += 1
            }
            return message < 0
        }

        func take(_ turn: Turn<Int>) -> Bool {
            record.content.withLock {
                $0.messages += turn.messages
                if turn.messages.isEmpty { $0.emptyTurnCount += 1 }
            }
            return !turn.messages.contains(0)
        }
    }

    private let record = Record()
    private let shared = SharedMachine<Machine>()

    /// Runs the machine on a thread of its own while `body` goes on; then ends it.
    private func whileRunning(_ body: () -> Void) {
        let ended = DispatchSemaphore(value: 0)
        let (record, shared) = (record, shared)
        Thread.detachNewThread {
            do {
                // No descriptor for signals: none comes here.
                try shared.run(Machine(record), MachineLoop(shared.mailbox, -1) { false })
            } catch {
                Issue.record(error)
            }
            ended.signal()
        }
        body()
        while !shared.mailbox.post(0) { usleep(100) }
        ended.wait()
    }

    @Test func handlesEachOnceAndInOrder() {
        #expect(shared.deliver(1))
        whileRunning {
            for message in 2...20_000 {
                while !(message % 7 == 0 ? shared.mailbox.post(message) : shared.deliver(message)) {
                    usleep(100)
                }
            }
        }
        #expect(record.now.messages == Array(1...20_000) + [0])
    }

    @Test func handlesAtOnceWhenNothingIsBefore() {
        whileRunning {
            while record.now.atOnceCount == 0 { if !shared.deliver(1) { usleep(100) } }
        }
    }

    @Test func wakesItsOwnThreadOnDemand() {
        whileRunning {
            while record.now.atOnceCount == 0 { if !shared.deliver(-1) { usleep(100) } }
            while record.now.emptyTurnCount == 0 { usleep(100) }
        }
    }

    /// Whoever brings one message right after the other must not keep the machine's own thread out.
    @Test func takesATurnAmidAFlood() {
        record.deadline.withLock { $0 = MonotonicClock.now() + .milliseconds(5) }
        whileRunning {
            while record.now.emptyTurnCount == 0 { _ = shared.deliver(1) }
            record.deadline.withLock { $0 = nil }
        }
    }

    @Test func takesATurnAtItsDeadline() {
        record.deadline.withLock { $0 = MonotonicClock.now() + .milliseconds(1) }
        whileRunning {
            while record.now.emptyTurnCount == 0 { usleep(100) }
            record.deadline.withLock { $0 = nil }
        }
    }
}
