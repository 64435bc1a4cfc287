import Flows
public import OpenFlow
public import Timekeeping

// Meters of all bridges, and their numbers in the one datapath.

extension ForwardingModel {
    /// Carries out a meter mod of a bridge, or refuses it. What the datapath is to do about it
    /// comes with `takeMeterOrders`; rules that pass a meter that goes, go too (1.3.5 §6.6).
    public mutating func apply(
        _ mod: MeterMod, bridge index: Int, now: Instant
    ) throws(MeterModError) -> FlowModOutcome {
        let number = mod.meter.meter
        guard MeterSet.isNumber(number) || mod.command == .delete && number == MeterNumber.all
        else { throw .invalidMeter(number) }
        let present = self[bridge: index].tables.meters[number]
        switch mod.command {
        case .add:
            try MeterSet.check(mod.meter)
            guard present == nil else { throw .meterExists(number) }
            guard let id = meterNumbers.take() else { throw .outOfMeters(limit: Limits.meters) }
            put(Meter(description: mod.meter, datapathID: id, createdAt: now), bridge: index)
        case .modify:
            try MeterSet.check(mod.meter)
            guard let present else { throw .unknownMeter(number) }
            put(
                Meter(
                    description: mod.meter, datapathID: present.datapathID,
                    createdAt: present.createdAt), bridge: index)
        case .delete:
            let gone = self[bridge: index].tables.meters.chosen(number)
            for meter in gone { delete(meter, bridge: index) }
            let numbers = Set(gone.map(\.description.meter))
            guard !numbers.isEmpty else { return FlowModOutcome() }
            return self[bridge: index].tables.remove(
                where: { rule in numbers.contains { rule.passes(meter: $0) } }, .meterDelete,
                now: now)
        }
        return FlowModOutcome()
    }

    private mutating func put(_ meter: Meter, bridge index: Int) {
        self[bridge: index].tables.meters.put(meter)
        // A meter without bands drops nothing, and the datapath has none such.
        if meter.description.bands.isEmpty {
            meterOrders.append(.delete(datapathID: meter.datapathID))
        } else {
            meterOrders.append(.put(meter.inDatapath))
        }
    }

    private mutating func delete(_ meter: Meter, bridge index: Int) {
        _ = self[bridge: index].tables.meters.remove(meter.description.meter)
        meterNumbers.release(meter.datapathID)
        meterOrders.append(.delete(datapathID: meter.datapathID))
    }

    /// What is to be done to the datapath's meters since the last time, in order.
    public mutating func takeMeterOrders() -> [MeterOrder] {
        defer { meterOrders = [] }
        return meterOrders
    }

    /// What a datapath needs that has no meters yet. Forgets orders before.
    public mutating func allMeterOrders() -> [MeterOrder] {
        meterOrders = []
        return bridgeIndices.flatMap { self[bridge: $0].tables.meters.chosen(nil) }
            .filter { !$0.description.bands.isEmpty }.map { .put($0.inDatapath) }
    }

    /// Gives back all meters of a bridge that goes.
    mutating func releaseMeters(bridge index: Int) {
        for meter in self[bridge: index].tables.meters.chosen(nil) { delete(meter, bridge: index) }
    }
}

/// Numbers of the datapath's meters that are free.
struct MeterNumbers: Sendable {
    private var next: UInt32 = 0
    private var free: [UInt32] = []

    mutating func take() -> UInt32? {
        if let number = free.popLast() { return number }
        guard next < Limits.meters else { return nil }
        defer { next += 1 }
        return next
    }

    mutating func release(_ number: UInt32) { free.append(number) }
}
