import Flows
import OpenFlow

// Messages that ovs-ofctl does not send: one of each kind that the recorded ones lack.

enum MessageSeeds {
    static var bodies: [OpenFlowMessage.Body] {
        let meter = MeterDescription(
            meter: 5, flags: [.kilobits, .burst],
            bands: [
                .init(.drop, rate: 7, burst: 9), .init(.remarkDSCP(precedenceLevel: 1), rate: 5),
            ])
        let flow = FlowMod(command: .deleteStrict, table: 4, priority: 3)
        let queues = [
            QueueDescription(port: PortNumber(3), queue: 2, minRate: 5, maxRate: 1000)
        ]
        let table = TableDescription(
            table: 3, evicts: true, evictionFlags: [.importance],
            vacancy: .init(isOn: true, downPercent: 1, upPercent: 2), vacancyPercent: 50)
        let mapping = TLVMapping(optionClass: 0xffff, type: 1, byteCount: 4, index: 5)
        let packet = PacketIn(
            bytes: [UInt8](repeating: 5, count: 60), totalByteCount: 60, reason: .action, table: 3,
            cookie: 7, match: Match(), inPort: PortNumber(3))
        var settings: [OpenFlowMessage.Body] = [
            .hello(.spoken), .echoRequest([1, 2, 3]), .getAsyncRequest, .flowAge,
            .roleRequest(RoleRequest(role: .primary, generation: 9)),
            .roleStatus(RoleStatus(role: .secondary, reason: .primaryRequest, generation: 5)),
            .setAsync(
                AsyncConfig(
                    packetIn: [1, 2], portStatus: [3, 4], flowRemoved: [5, 6], roleStatus: [1, 0],
                    tableStatus: [8, 0], requestForward: [1, 2])),
            .bundleControl(
                BundleControl(bundle: 4, kind: .commitRequest, flags: [.atomic, .ordered])),
            .bundleAdd(
                BundleAddition(
                    bundle: 4, flags: .atomic, message: OpenFlowMessage(xid: 5, .flowMod(flow)))),
            .requestForward(OpenFlowMessage(xid: 77, .meterMod(MeterMod(.add, meter)))),
            .tableMod(TableMod(table: nil, evicts: true)),
            .tableStatus(TableStatus(reason: .vacancyUp, table: table)),
            .queueConfigRequest(PortNumber(3)), .queueConfigReply(PortNumber(3), queues),
            .flowMonitorCancel(7), .flowMonitorPaused, .tlvTableMod(TLVTableMod(.add, [mapping])),
            .tlvTableReply(TLVTable(maxByteCount: 256, maxFields: 64, mappings: [mapping])),
            .packetIn(packet), .resume(packet), .flushConntrack(zone: 9), .setFlowFormat(2),
            .setControllerID(4), .setPacketInFormat(.nicira2), .flowModTableID(true),
        ]
        settings += [
            .statisticsRequest(.meter(4)), .statisticsRequest(.tableDescription),
            .statisticsRequest(.queueDescription(PortNumber(1), queue: nil)),
            .statisticsReply(.meterConfig([meter]), more: false),
            .statisticsReply(.tableDescription([table]), more: false),
            .statisticsReply(.queueDescription(queues), more: true),
            .statisticsReply(.flowMonitor([.abbreviated(xid: 9)]), more: false),
            .statisticsRequest(.flowMonitor([
                FlowMonitorRequest(id: 3, flags: [.initial, .add, .actions], filter: FlowFilter())
            ])),
        ]
        return settings
    }
}
