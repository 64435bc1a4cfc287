import Flows
import OpenFlow
import Pipeline
import Testing

@testable import PipelineTwin

@Suite struct SlowTwinTests {
    /// A translation holds both outcomes of a comparison, so that the twin must know of the other.
    @Test func theOtherOutcomeOfAComparisonMayFail() throws {
        var model = makeModel()
        let push = Action.pushMPLS(ethType: 0x8847)
        let bit = FieldRange(.reg(0), offset: 0, width: 1)
        try model.add(.checkPacketLarger(byteCount: 100, bit), .resubmit(1))
        try model.add(on: Match([.reg(0): 0]), table: 1, .output(3))
        try model.add(on: Match([.reg(0): 1]), table: 1, push, push, push, .output(4))
        #expect(!SlowTwin.mayFail(model, makePacket()))
        try model.add(on: Match([.reg(0): 1]), table: 1, push, push, push, push, .output(4))
        #expect(SlowTwin.mayFail(model, makePacket()))
        #expect(SlowTwin.run(model, makePacket(), isLong: true) == nil)
        #expect(SlowTwin.run(model, makePacket(), isLong: false)?.count == 1)
    }

    @Test func everyOutcomeOfSeveralComparisonsIsTried() throws {
        var model = makeModel()
        let push = Action.pushMPLS(ethType: 0x8847)
        let bits = (0..<2).map { FieldRange(.reg(0), offset: $0, width: 1) }
        try model.add(
            .checkPacketLarger(byteCount: 100, bits[0]), .checkPacketLarger(byteCount: 50, bits[1]),
            .resubmit(1))
        try model.add(on: Match([.reg(0): 2]), table: 1, push, push, push, push, .output(4))
        #expect(SlowTwin.mayFail(model, makePacket()))
        for isLong in [true, false] {
            #expect(SlowTwin.run(model, makePacket(), isLong: isLong) == [])
        }
    }
}
