// Whether a thread that has nothing to do looks again for a moment before it sleeps.
//
//     one message a turn, 8 turns in a row ──> each wait begins with looking, for at most 100 µs
//     a turn with several messages, or looking in vain ──> sleeps at once again
//
// To fall asleep and be woken costs a processor more than a short turn does. Where one question
// waits for one answer, as between a datapath and a controller that decides about each packet,
// these wakes are most of the trip: with looking in the datapath, one by one, 8 thousand a second
// became 15 (medians of five on two cores; with a batch job at the other end, without which it
// gained nothing), and with looking at both ends 22 thousand; flow mods each of which waits for a
// barrier went from 9 to 17 thousand. But a thread that looks keeps a processor from others, and
// where much is under way somebody else has work for it. So looking has to be earned, and is given
// up as soon as it does not pay: in vain it costs no more than 100 µs in 8 turns.

public struct AdaptivePolling: Sendable {
    /// The longest look.
    static let windowMax = Duration.microseconds(100)
    /// Turns of one message each, in a row, that earn it.
    static let turnsToEarn = 8

    private let isUseful: Bool
    private var singleTurns = 0

    /// - Parameter processorCount: That this process may run on. With one, whoever is waited for
    ///   cannot run while somebody looks.
    public init(processorCount: Int) {
        isUseful = processorCount > 1
    }

    /// How long to look before the next sleep; zero: not at all.
    public var window: Duration {
        isUseful && singleTurns >= Self.turnsToEarn ? Self.windowMax : .zero
    }

    /// A turn is over.
    ///
    /// - Parameters:
    ///   - messages: That were sent or received in it. A turn without any tells nothing.
    ///   - lookedInVain: The wait before it began with looking, and nothing came meanwhile.
    public mutating func turnEnded(messages: Int, lookedInVain: Bool) {
        if lookedInVain || messages > 1 {
            singleTurns = 0
        } else if messages == 1 {
            singleTurns = min(singleTurns + 1, Self.turnsToEarn)
        }
    }
}
