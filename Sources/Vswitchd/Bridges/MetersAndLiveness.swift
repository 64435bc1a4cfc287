internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// What the datapath and the host's links know, and groups and meters ask: counters, liveness.

extension Vswitch {
    /// Asks the datapath what the meters of a bridge have seen. Returns the sequence number whose
    /// answer means that all are there (`DatapathSide.hasAnswered`).
    mutating func requestMeterCounters(bridge index: Int) -> UInt32 {
        for meter in model[bridge: index].tables.meters.chosen(nil) {
            order(.describeMeter(id: meter.datapathID), .describeMeter)
        }
        return datapath.lastSequence
    }

    /// OFPMP_METER, of what was last heard; `meter` nil: all.
    func meterStatistics(
        bridge index: Int, meter: UInt32?, now: Instant
    ) -> [OpenFlow.MeterStatistics] {
        let tables = model[bridge: index].tables
        let references = tables.meterReferences()
        return tables.meters.chosen(meter).map { meter in
            let number = meter.description.meter
            let seen =
                meterCounters[meter.datapathID]
                ?? Flows.MeterStatistics(bandCount: meter.description.bands.count)
            return OpenFlow.MeterStatistics(
                meter: number, flowCount: references[number] ?? 0,
                input: .init(packets: seen.total.packets, bytes: seen.total.bytes),
                durationNanoseconds: now > meter.createdAt
                    ? 1_000_000
                        * (now.millisecondsSinceStart - meter.createdAt.millisecondsSinceStart)
                    : 0,
                bands: seen.bands.map { .init(packets: $0.packets, bytes: $0.bytes) })
        }
    }

    // MARK: The datapath's side

    /// Tells the datapath of meters that came, changed or went.
    mutating func giveMeterOrders() {
        for order in model.takeMeterOrders() { give(order) }
    }

    mutating func give(_ meterOrder: MeterOrder) {
        switch meterOrder {
        case .put(let meter): order(.putMeter(meter), .changeMeter)
        case .delete(let id):
            meterCounters[id] = nil
            order(.deleteMeter(id: id), .describeMeter)
        }
    }

    /// Forgets what is left to do for packets that cannot come back any more.
    mutating func forgetContinuations(now: Instant) {
        guard model.hasContinuations else { return }
        model.keepContinuations(ledger.recirculationIDs, now: now)
    }

    // MARK: Liveness

    func isLive(_ interface: String) -> Bool {
        links[interface].map { $0.isUp && $0.hasCarrier } ?? true
    }

    /// Tells the model which ports live: groups choose by it.
    mutating func updateLiveness() {
        for name in bridges.keys.sorted() {
            guard let bridge = bridges[name] else { continue }
            for (interfaceName, interface) in bridge.interfacesByName {
                guard var port = model[bridge: bridge.index].port(interface.number),
                    port.isLive != isLive(interfaceName)
                else { continue }
                port.isLive.toggle()
                model.setPort(port, bridge: bridge.index)
            }
        }
    }
}
