import Testing
import Timekeeping

@testable import Streams

/// When looking before sleeping is earned, and when it is lost.
@Suite struct AdaptivePollingTests {
    private static let turns = AdaptivePolling.turnsToEarn

    private func earned(processorCount: Int = 2) -> AdaptivePolling {
        var polling = AdaptivePolling(processorCount: processorCount)
        for _ in 0..<Self.turns { polling.turnEnded(messages: 1, lookedInVain: false) }
        return polling
    }

    @Test func isEarnedByTurnsOfOneMessage() {
        var polling = AdaptivePolling(processorCount: 2)
        for _ in 1..<Self.turns { polling.turnEnded(messages: 1, lookedInVain: false) }
        #expect(polling.window == .zero)
        polling.turnEnded(messages: 1, lookedInVain: false)
        #expect(polling.window == AdaptivePolling.windowMax)
    }

    @Test func isNeverEarnedOnOneProcessor() {
        #expect(earned(processorCount: 1).window == .zero)
    }

    @Test func aTurnWithoutMessagesChangesNothing() {
        var polling = earned()
        polling.turnEnded(messages: 0, lookedInVain: false)
        #expect(polling.window == AdaptivePolling.windowMax)
    }

    @Test(arguments: [(messages: 2, lookedInVain: false), (messages: 1, lookedInVain: true)])
    func isLost(messages: Int, lookedInVain: Bool) {
        var polling = earned()
        polling.turnEnded(messages: messages, lookedInVain: lookedInVain)
        #expect(polling.window == .zero)
        for _ in 1..<Self.turns { polling.turnEnded(messages: 1, lookedInVain: false) }
        #expect(polling.window == .zero)
    }
}
