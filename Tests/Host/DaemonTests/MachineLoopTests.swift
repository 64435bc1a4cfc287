import Glibc
import Testing
import Timekeeping

@testable import Daemon

/// What ends a wait. The signal's descriptor is a pipe here. Waits that nothing would end have no
/// deadline, so a failure is a test that does not end.
@Suite(.timeLimit(.minutes(1))) struct MachineLoopTests {
    private struct Pipe {
        let reading: Int32
        let writing: Int32

        init() {
            var ends: [Int32] = [-1, -1]
            #expect(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        func put() { #expect(write(writing, "x", 1) == 1) }
    }

    private let signals = Pipe()
    private let mailbox = Mailbox<Int>()

    private func loop() -> MachineLoop<Int> {
        MachineLoop(mailbox, signals.reading) { [signals] in
            var waited = pollfd(fd: signals.reading, events: Int16(POLLIN), revents: 0)
            return poll(&waited, 1, 0) == 1
        }
    }

    @Test func aDeadlineEndsIt() {
        let deadline = MonotonicClock.now() + .milliseconds(5)
        let turn = loop().wait(until: deadline)
        #expect(turn.now >= deadline)
        #expect(turn.messages.isEmpty && turn.readable.isEmpty && !turn.isStopRequested)
    }

    @Test func aDeadlineThatHasPassedDoesNotWait() {
        #expect(loop().wait(until: .start).messages.isEmpty)
    }

    @Test func aMessageEndsIt() {
        mailbox.post(7)
        #expect(loop().wait(until: nil).messages == [7])
    }

    @Test func aSignalEndsIt() {
        signals.put()
        #expect(loop().wait(until: nil).isStopRequested)
    }

    @Test func aReadableDescriptorEndsIt() {
        let (quiet, ready) = (Pipe(), Pipe())
        ready.put()
        let turn = loop().wait(until: nil, watching: [Watch(quiet.reading), Watch(ready.reading)])
        #expect(turn.readable == [ready.reading])
        #expect(turn.writable == [])
    }

    @Test func aWritableDescriptorEndsIt() {
        let pipe = Pipe()
        let watch = Watch(pipe.writing, forReading: false, forWriting: true)
        #expect(loop().wait(until: nil, watching: [watch]).writable == [pipe.writing])
    }

    @Test func aDescriptorWhoseOtherEndIsClosedEndsIt() {
        let pipe = Pipe()
        close(pipe.writing)
        #expect(loop().wait(until: nil, watching: [Watch(pipe.reading)]).readable == [pipe.reading])
    }

    @Test func whatIsThereIsFoundByLooking() {
        mailbox.post(7)
        let turn = loop().wait(until: nil, looking: .seconds(30))
        #expect(turn.messages == [7])
        #expect(!turn.hasLookedInVain)
    }

    @Test func whoHasLookedInVainSleeps() {
        let begin = MonotonicClock.now()
        let turn = loop().wait(until: begin + .milliseconds(20), looking: .milliseconds(1))
        #expect(turn.now >= begin + .milliseconds(20))
        #expect(turn.hasLookedInVain)
        #expect(!loop().wait(until: .start).hasLookedInVain)
    }
}
