import Flows
import Packets

@testable import OpenFlow

/// One of each message that is not OpenFlow 1.0's own, for the versions that have it.
enum LaterMessages {
    static func bodies(_ version: OpenFlowVersion) -> [OpenFlowMessage.Body] {
        var bodies = groups(version) + connection(version) + statistics(version)
        if version >= .v13 { bodies += meters }
        if version >= .v11, version < .v13 {
            bodies.append(.tableMod(TableMod(table: 3, miss: .drop)))
        }
        if version >= .v14 {
            bodies += [
                .tableMod(
                    TableMod(
                        table: nil, evicts: true,
                        vacancy: .init(isOn: true, downPercent: 10, upPercent: 20))),
                .tableStatus(TableStatus(reason: .vacancyUp, table: tables[1])),
            ]
        } else {
            bodies += [
                .queueConfigRequest(PortNumber(3)), .queueConfigReply(PortNumber(3), queues),
                .flowMonitorCancel(7), .flowMonitorPaused, .flowMonitorResumed,
            ]
        }
        return bodies
    }

    static let queues = [
        QueueDescription(port: PortNumber(3), queue: 1, minRate: 100),
        QueueDescription(port: PortNumber(3), queue: 2, minRate: 5, maxRate: 1000),
    ]
    static let tables = [
        TableDescription(table: 0),
        TableDescription(
            table: 3, evicts: true, evictionFlags: [.importance],
            vacancy: .init(isOn: true, downPercent: 1, upPercent: 2), vacancyPercent: 50),
    ]
    static let meter = MeterDescription(
        meter: 5, flags: [.kilobits, .burst],
        bands: [.init(.drop, rate: 7, burst: 9), .init(.remarkDSCP(precedenceLevel: 1), rate: 5)])
    static let meters: [OpenFlowMessage.Body] = [
        .meterMod(MeterMod(.add, meter)),
        .meterMod(MeterMod(.delete, MeterDescription(meter: MeterNumber.all))),
        .statisticsRequest(.meter(4)), .statisticsRequest(.meterConfig(MeterNumber.all)),
        .statisticsRequest(.meterFeatures), .statisticsReply(.meterConfig([meter]), more: false),
        .statisticsReply(
            .meter([
                MeterStatistics(
                    meter: 5, flowCount: 1, input: .init(packets: 2, bytes: 3),
                    durationNanoseconds: 1_000_000_001, bands: [.init(packets: 4, bytes: 5)])
            ]), more: false),
        .statisticsReply(
            .meterFeatures(
                MeterFeatures(maxMeters: 9, bandTypes: 2, capabilities: .packets, maxBands: 8)),
            more: false),
    ]

    static func buckets(_ version: OpenFlowVersion) -> [Bucket] {
        let hasIDs = version == .v10 || version >= .v15
        return [
            Bucket(
                id: hasIDs ? 0 : nil, weight: 5, watchPort: PortNumber(1),
                actions: [.output(port: PortNumber(1), maxLength: 0)]),
            Bucket(id: hasIDs ? 9 : nil, weight: 1, watchGroup: 3, actions: []),
        ]
    }

    static func groups(_ version: OpenFlowVersion) -> [OpenFlowMessage.Body] {
        let buckets = buckets(version)
        var selection = GroupSelection()
        var mods: [GroupMod] = []
        if version == .v10 || version >= .v15 {
            selection = GroupSelection(
                method: "hash", parameter: 5,
                fields: [SelectedField(.ipv4Src), SelectedField(.ethDst, mask: FieldValue(low: 3))])
            mods.append(
                GroupMod(
                    command: .insertBucket, group: 4, buckets: [Bucket(id: 3, actions: [])],
                    commandBucket: .last))
            mods.append(GroupMod(command: .removeBucket, group: 4, commandBucket: .id(3)))
        }
        mods += [
            GroupMod(
                command: .add, type: .select, group: 7, buckets: buckets, selection: selection),
            GroupMod(command: .delete, group: GroupNumber.all),
        ]
        let hasDuration = version == .v10 || version >= .v13
        return mods.map { .groupMod($0) } + [
            .statisticsRequest(.group(5)), .statisticsRequest(.groupFeatures),
            .statisticsRequest(.groupDescription(GroupNumber.all)),
            .statisticsReply(
                .groupDescription([
                    GroupDescription(
                        group: 3, type: .select, buckets: buckets, selection: selection)
                ]), more: false),
            .statisticsReply(
                .group([
                    GroupStatistics(
                        group: 3, referenceCount: 1, total: .init(packets: 1, bytes: 2),
                        buckets: [.init(packets: 3, bytes: 4), .init()],
                        durationNanoseconds: hasDuration ? 2_000_000_003 : 0)
                ]), more: true),
            .statisticsReply(
                .groupFeatures(
                    GroupFeatures(
                        types: 15, capabilities: 1, maxGroups: [1, 2, 3, 4],
                        actions: [5, 6, 7, 8])),
                more: false),
        ]
    }

    static func connection(_ version: OpenFlowVersion) -> [OpenFlowMessage.Body] {
        let mapping = TLVMapping(optionClass: 0xffff, type: 1, byteCount: 4, index: 5)
        var packet = MessageTests.packetIn
        packet.continuation = [1, 2, 3]
        var bodies: [OpenFlowMessage.Body] = [
            .flowAge, .tlvTableMod(TLVTableMod(.add, [mapping])), .tlvTableRequest,
            .tlvTableReply(TLVTable(maxByteCount: 256, maxFields: 64, mappings: [mapping])),
            .resume(packet), .flushConntrack(zone: 9), .flushConntrack(zone: nil),
        ]
        guard version >= .v13 else { return bodies }
        let flow = FlowMod(command: .deleteStrict, table: 4, priority: 3)
        bodies += [
            .roleStatus(RoleStatus(role: .secondary, reason: .primaryRequest, generation: 5)),
            .bundleControl(
                BundleControl(bundle: 4, kind: .commitRequest, flags: [.atomic, .ordered])),
            .bundleAdd(
                BundleAddition(
                    bundle: 4, flags: .atomic,
                    message: OpenFlowMessage(xid: 0x0102_0304, .flowMod(flow)))),
            .requestForward(OpenFlowMessage(xid: 77, meters[0])),
        ]
        guard version >= .v14 else { return bodies }
        let async = AsyncConfig(
            packetIn: [1, 2], portStatus: [3, 4], flowRemoved: [5, 6], roleStatus: [1, 0],
            tableStatus: [8, 0], requestForward: [1, 2])
        return bodies + [.getAsyncRequest, .getAsyncReply(async), .setAsync(async)]
    }

    static func statistics(_ version: OpenFlowVersion) -> [OpenFlowMessage.Body] {
        var filter = FlowFilter(match: MessageTests.match("ip"), table: 2, outPort: PortNumber(4))
        if version >= .v14 { filter.outGroup = 5 }
        var flow = MessageTests.flow(version)
        flow.hardTimeout = 20
        (flow.durationNanoseconds, flow.packets, flow.bytes) = (0, 0, 0)
        var bodies: [OpenFlowMessage.Body] = [
            .statisticsRequest(
                .flowMonitor([
                    FlowMonitorRequest(
                        id: 3, flags: [.initial, .add, .actions], filter: filter)
                ])),
            .statisticsReply(
                .flowMonitor([
                    .full(.added, flow, reason: nil), .full(.removed, flow, reason: .hardTimeout),
                    .abbreviated(xid: 9),
                ]), more: false),
            .statisticsRequest(.exporter(byFlow: true)),
        ]
        if version >= .v14 {
            bodies += [
                .statisticsRequest(.tableDescription),
                .statisticsReply(.tableDescription(tables), more: false),
                .statisticsRequest(.queueDescription(PortNumber(1), queue: nil)),
                .statisticsReply(.queueDescription(queues), more: false),
                .statisticsReply(.flowMonitor([.paused, .resumed]), more: false),
            ]
        }
        return bodies
    }

    /// Rules with each action, in flow syntax: what all versions can say.
    static let actions = """
        output:1|CONTROLLER:128|controller(max_len=5,id=7,reason=invalid_ttl)
        controller(userdata=01.02.03,id=2)|controller(pause)|controller(meter_id=4)
        output:NXM_NX_REG0[0..15]|output(port=1,max_len=100)|enqueue:1:5|set_queue:5,pop_queue
        mod_dl_src:00:01:02:03:04:05|strip_vlan|move:NXM_NX_REG0[0..3]->NXM_NX_REG1[4..7]
        set_field:5->reg0|push:NXM_NX_REG0[]|pop:NXM_NX_REG1[3..8]|push_mpls:0x8847
        pop_mpls:0x0800|dec_mpls_ttl|dec_ttl|dec_ttl(1,2)|resubmit(2,3)|resubmit(2,3,ct)|exit
        note:01.02.03.00.00.00|clone(output:1,clone(output:2))|group:5
        multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])|conjunction(7,2/3)
        bundle(symmetric_l4,60,hrw,ofport,members:2,3)
        bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[],members:1,2)
        sample(probability=5,collector_set_id=2,sampling_port=1,egress)
        fin_timeout(idle_timeout=10,hard_timeout=3)|check_pkt_larger(1500)->NXM_NX_REG0[2]
        learn(table=4,limit=4,result_dst=NXM_NX_REG0[0],NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])
        ct_clear|ct(commit,force,table=5,zone=9,alg=ftp)
        ct(commit,nat(src=1.2.3.4-1.2.3.9:10-20,persistent,hash))
        ct(zone=NXM_NX_REG0[0..15],nat(dst=[fe80::1]:80))|ct(nat)|set_tunnel:5|set_field:7->tun_id
        """.split { $0 == "|" || $0.isNewline }.map(String.init)
}
