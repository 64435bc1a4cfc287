import Flows
import OpenFlow
import Pipeline
import PipelineTwin
import Testing

// Meters of bridges, and their numbers in the datapath.

private func mod(
    _ command: MeterMod.Command, _ meter: UInt32, rate: UInt32 = 100,
    flags: MeterDescription.Flags = [.kilobits, .burst], bands: Int = 1
) -> MeterMod {
    MeterMod(
        command,
        MeterDescription(
            meter: meter, flags: flags,
            bands: (0..<bands).map { _ in .init(.drop, rate: rate, burst: 10) }))
}

@Suite struct MeterTests {
    @Test func eachMeterHasANumberOfItsOwnInTheDatapath() throws {
        var model = makeModel()
        let other = model.addBridge(ForwardingBridge(name: "br1"))
        _ = try model.apply(mod(.add, 5), bridge: 0, now: .start)
        _ = try model.apply(mod(.add, 5, flags: [.packets]), bridge: other, now: .start)
        let band = DatapathMeter.Band(rate: 100, burst: 10)
        let unburst = DatapathMeter.Band(rate: 100, burst: 0)
        #expect(
            model.takeMeterOrders() == [
                .put(DatapathMeter(id: 0, unit: .kilobits, bands: [band])),
                .put(DatapathMeter(id: 1, unit: .packets, bands: [unburst])),
            ])
        model.removeBridge(other)
        #expect(model.takeMeterOrders() == [.delete(datapathID: 1)])
        #expect(model.allMeterOrders().count == 1)
        _ = try model.apply(mod(.add, 6), bridge: 0, now: .start)
        #expect(model[bridge: 0].tables.meters[6]?.datapathID == 1, "numbers come back")
    }

    @Test func rulesPassMetersAndGoWithThem() throws {
        var model = makeModel()
        #expect(throws: FlowModError.noSuchMeter(5)) {
            try model.add(Instructions(apply: [.output(2)], meter: 5))
        }
        _ = try model.apply(mod(.add, 5), bridge: 0, now: .start)
        try model.add(priority: 1, Instructions(apply: [.output(2)], meter: 5))
        try model.add(priority: 0, Instructions(apply: [.meter(5), .output(3)]))
        #expect(
            model.translate(makePacket()).actions == [.meter(id: 0), .output(port: 12)])
        #expect(model[bridge: 0].tables.meterReferences() == [5: 2])
        let outcome = try model.apply(mod(.delete, MeterNumber.all), bridge: 0, now: .start)
        #expect(outcome.removedCount == 2)
        #expect(model[bridge: 0].tables.meters.count == 0)
    }

    @Test func packetsForControllersPassTheirMeter() throws {
        var model = makeModel()
        _ = try model.apply(mod(.add, MeterNumber.controller), bridge: 0, now: .start)
        try model.add(.controller(ControllerAction()))
        guard case .clone(let list)? = model.translate(makePacket()).actions.first else {
            Issue.record("a packet-in is metered on a copy")
            return
        }
        #expect(list.first == .meter(id: 0) && list.count == 2)
    }

    @Test func refusesWhatTheDatapathCannotDo() throws {
        var model = makeModel()
        _ = try model.apply(mod(.add, 1), bridge: 0, now: .start)
        let rows: [(MeterMod, MeterModError)] = [
            (mod(.add, 1), .meterExists(1)), (mod(.modify, 2), .unknownMeter(2)),
            (mod(.add, 0), .invalidMeter(0)), (mod(.add, MeterNumber.all), .invalidMeter(.max)),
            (mod(.add, 2, rate: 0), .badRate), (mod(.add, 2, bands: 9), .outOfBands(limit: 8)),
            (mod(.add, 2, flags: [.kilobits, .packets]), .badFlags),
        ]
        for (mod, error) in rows {
            #expect(throws: error) { try model.apply(mod, bridge: 0, now: .start) }
        }
        // To delete one that is not there is no error (1.3.5 §6.6).
        _ = try model.apply(mod(.delete, 9), bridge: 0, now: .start)
        #expect(model[bridge: 0].tables.meters.numbers == [1])
    }

    private static func marking(_ meter: UInt32) -> MeterMod {
        MeterMod(
            .add,
            MeterDescription(
                meter: meter, flags: [.kilobits, .burst],
                bands: [
                    .init(.remarkDSCP(precedenceLevel: 2), rate: 9, burst: 3),
                    .init(.drop, rate: 99, burst: 4),
                ]))
    }

    @Test func bandsThatMarkReachTheDatapath() throws {
        var model = makeModel()
        _ = try model.apply(Self.marking(1), bridge: 0, now: .start)
        let bands = [
            DatapathMeter.Band(rate: 9, burst: 3, effect: .remark(precedenceLevel: 2)),
            DatapathMeter.Band(rate: 99, burst: 4),
        ]
        #expect(
            model.takeMeterOrders() == [
                .put(DatapathMeter(id: 0, unit: .kilobits, bands: bands))
            ])
        #expect(MeterSet.features.bandTypes == 6)
    }

    /// Only the datapath knows the DSCP behind such a meter, so that the packet is looked up again,
    /// with all that its rule has left to do; and what was written before is there already.
    @Test func behindAMeterThatMarksThePacketIsLookedUpAgain() throws {
        var model = makeModel()
        _ = try model.apply(Self.marking(1), bridge: 0, now: .start)
        try model.add(
            priority: 1,
            Instructions(
                apply: [.setField(.ipDSCP, FieldValue(low: 10))], gotoTable: 1))
        try model.add(table: 1, Instructions(apply: [.output(2)], gotoTable: 2, meter: 1))
        let marked = Match([.ethType: 0x0800, .ipDSCP: 12])
        try model.add(on: marked, priority: 5, table: 2, .output(3))
        try model.add(priority: 4, table: 2, .output(4))
        let first = model.translate(makePacket())
        guard case .set? = first.actions.first else {
            Issue.record("the meter sees what was written: \(first.actions)")
            return
        }
        #expect(first.actions.dropFirst() == [.meter(id: 0), .recirculate(id: 0x8000_0000)])
        model.apply(first.effects, now: .start)
        var back = makePacket()
        back.recirculationID = 0x8000_0000
        back.nwTOS = 10 << 2
        #expect(model.translate(back).actions == [.output(port: 12), .output(port: 14)])
        back.nwTOS = 12 << 2
        #expect(model.translate(back).actions == [.output(port: 12), .output(port: 13)])
        // What has no DSCP is not looked up again.
        var other = makePacket()
        other.takeNetworkLayer(of: FlowKey())
        other.ethType = 0x88b5
        #expect(!model.translate(other).actions.contains(.recirculate(id: 0x8000_0000)))
    }
}
