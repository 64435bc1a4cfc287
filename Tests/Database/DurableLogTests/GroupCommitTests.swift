import Testing

@testable import DurableLog

/// When a synchronisation waits for others, and where it is carried out.
@Suite struct GroupCommitTests {
    static let start = ContinuousClock.now

    /// A commit after a synchronisation of `group` writes on a disk that always takes `duration`.
    static func after(group: Int, lasting duration: Duration) -> GroupCommit {
        var commit = GroupCommit()
        for _ in 0..<group { commit.wrote() }
        commit.begin()
        for _ in 0..<64 { commit.ended(after: duration) }
        return commit
    }

    @Test(arguments: [
        // (last time, now, waits)
        (0, 1, false), (1, 1, false), (2, 1, true), (16, 15, true), (16, 16, false),
        (16, 17, false), (16, 0, false),
    ])
    func waitsForAsManyAsLastTime(_ last: Int, _ now: Int, _ waits: Bool) {
        var commit = Self.after(group: last, lasting: .microseconds(100))
        for _ in 0..<now { commit.wrote() }
        #expect((commit.pause(now: Self.start) != nil) == waits)
    }

    @Test(arguments: [
        (Duration.microseconds(100), Duration.microseconds(90)...Duration.microseconds(100)),
        (.seconds(1), LogLimits.groupPauseMax...LogLimits.groupPauseMax),
    ])
    func waitsNoLongerThanTheDiskOrTheBound(_ disk: Duration, _ pause: ClosedRange<Duration>) {
        var commit = Self.after(group: 4, lasting: disk)
        commit.wrote()
        let first = commit.pause(now: Self.start)
        #expect(first.map { pause.contains($0) } == true)
        // Another write does not begin the wait anew.
        commit.wrote()
        #expect(commit.pause(now: Self.start + pause.upperBound) == nil)
        commit.begin()
        #expect(commit.group == 0)
    }

    @Test func oneThatWaitedInVainIsNotWaitedForAgain() {
        var commit = Self.after(group: 16, lasting: .microseconds(100))
        commit.wrote()
        commit.begin()
        commit.wrote()
        #expect(commit.pause(now: Self.start) == nil)
    }

    @Test func aSlowDiskGetsAThreadAndAQuickOneDoesNot() {
        #expect(GroupCommit().isQuick)
        #expect(!Self.after(group: 1, lasting: .milliseconds(3)).isQuick)
        var commit = Self.after(group: 1, lasting: .microseconds(100))
        #expect(commit.isQuick)
        commit.ended(after: .milliseconds(5))
        #expect(commit.isQuick, "one slow one of four does not make it slow")
        commit.ended(after: .milliseconds(20))
        #expect(!commit.isQuick)
        for _ in 0..<16 { commit.ended(after: .microseconds(100)) }
        #expect(commit.isQuick)
    }
}
