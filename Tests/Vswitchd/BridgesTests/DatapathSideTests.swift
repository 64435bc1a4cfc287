import Flows
import Testing

@testable import Bridges

/// A barrier is answered when every order before it is in force, in whatever order answers come.
@Suite struct DatapathSideTests {
    private func answers(_ side: inout DatapathSide, _ sequence: UInt32) {
        let order = side.answered(sequence)
        #expect(order != nil)
    }

    @Test func waitsForTheOldestOrderAlsoIfLaterOnesAreAnsweredFirst() {
        var side = DatapathSide()
        let put = side.number(.putFlow(FlowLedgerTests.identity(1)))
        let delete = side.number(.deleteFlow(FlowLedgerTests.entry(2, generation: 1)))
        // A kernel answers dumps beside orders, and has often not taken the orders yet.
        let dump = side.number(.listFlows(number: 1))
        answers(&side, dump)
        #expect(!side.hasAnswered(put) && !side.hasAnswered(dump))
        answers(&side, delete)
        #expect(!side.hasAnswered(delete), "the older one is not there yet")
        answers(&side, put)
        #expect(side.hasAnswered(put) && side.hasAnswered(dump))
        let unknown = side.answered(put)
        #expect(unknown == nil)
    }

    @Test func portsAndDumpsHoldNobodyUp() {
        var side = DatapathSide()
        _ = side.number(.addPort(name: "eth0"))
        let dump = side.number(.listFlows(number: 1))
        #expect(side.hasAnswered(dump))
        let execute = side.number(.execute)
        #expect(side.hasAnswered(dump) && !side.hasAnswered(execute))
    }

    @Test func numbersWrapPastZero() {
        var side = DatapathSide()
        side.lastSequence = .max - 2
        let before = side.number(.execute)
        let after = side.number(.execute)
        #expect(before == .max - 1 && after == 1, "neither is of one order (`DatapathSequence`)")
        answers(&side, before)
        #expect(side.hasAnswered(before) && !side.hasAnswered(after))
    }
}
