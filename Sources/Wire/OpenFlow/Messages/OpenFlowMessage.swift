// Every message, one case each, whatever version it came in.
//
// What differs between versions is how a message is written, so that is all that the files of
// `Codec` hold. Nicira's extensions that say the same as a later standard message are the same case
// here: a rule added by NXT_FLOW_MOD is a `flowMod`.

/// One OpenFlow message.
public struct OpenFlowMessage: Hashable, Sendable {
    /// Chosen by who asks; the answer carries the same.
    public var xid: UInt32
    public var body: Body

    public init(xid: UInt32, _ body: Body) {
        self.xid = xid
        self.body = body
    }

    public enum Body: Hashable, Sendable {
        case hello(OpenFlowVersions)
        case error(OpenFlowErrorReport)
        case echoRequest([UInt8])
        case echoReply([UInt8])
        case featuresRequest
        case featuresReply(SwitchFeatures)
        case getConfigRequest
        case getConfigReply(SwitchConfig)
        case setConfig(SwitchConfig)
        case packetIn(PacketIn)
        case packetOut(PacketOut)
        case flowMod(FlowMod)
        case flowRemoved(FlowRemoved)
        case portStatus(PortStatus)
        case portMod(PortMod)
        case barrierRequest
        case barrierReply
        case statisticsRequest(StatisticsRequest)
        /// `more`: further replies with the same xid follow.
        case statisticsReply(StatisticsReply, more: Bool)
        case roleRequest(RoleRequest)
        case roleReply(RoleRequest)
        case getAsyncRequest
        case getAsyncReply(AsyncConfig)
        case setAsync(AsyncConfig)
        case groupMod(GroupMod)
        case meterMod(MeterMod)
        case tableMod(TableMod)
        /// 1.0 to 1.3; later ones ask `StatisticsRequest.queueDescription`. nil: all ports.
        case queueConfigRequest(PortNumber?)
        case queueConfigReply(PortNumber?, [QueueDescription])
        case roleStatus(RoleStatus)
        case tableStatus(TableStatus)
        /// A group or meter mod of another controller.
        indirect case requestForward(OpenFlowMessage)
        case bundleControl(BundleControl)
        indirect case bundleAdd(BundleAddition)
        /// Before 1.4; 1.4 has these as statistics.
        case flowMonitorCancel(UInt32)
        case flowMonitorPaused
        case flowMonitorResumed

        // Nicira's: settings of the connection.

        /// NXT_SET_FLOW_FORMAT: 0 = OpenFlow 1.0's matches, 2 = NXM. Both are always understood.
        case setFlowFormat(UInt32)
        /// NXT_FLOW_MOD_TABLE_ID: whether flow mods of 1.0 name a table.
        case flowModTableID(Bool)
        case setPacketInFormat(PacketInFormat)
        case setControllerID(UInt16)
        /// NXT_FLOW_AGE: whether ages of flows are told, which they always are.
        case flowAge
        case tlvTableMod(TLVTableMod)
        case tlvTableRequest
        case tlvTableReply(TLVTable)
        /// NXT_RESUME: lets a packet go on that an action with `pause` holds.
        case resume(PacketIn)
        /// NXT_CT_FLUSH_ZONE, and NXT_CT_FLUSH for all zones.
        case flushConntrack(zone: UInt16?)
    }
}

/// What a statistics (1.0) or multipart (1.3) request asks.
public enum StatisticsRequest: Hashable, Sendable {
    case description
    case flow(FlowFilter, FlowForm)
    case aggregate(FlowFilter, FlowForm)
    case table
    /// nil: all ports.
    case port(PortNumber?)
    /// nil: all ports, all queues.
    case queue(PortNumber?, queue: UInt32?)
    /// nil: all ports; only 1.5 can ask for one.
    case portDescription(PortNumber?)
    case tableFeatures
    /// `GroupNumber.all`: all groups.
    case group(UInt32)
    case groupDescription(UInt32)
    case groupFeatures
    /// `MeterNumber.all`: all meters.
    case meter(UInt32)
    case meterConfig(UInt32)
    case meterFeatures
    /// 1.4.
    case tableDescription
    /// 1.4. nil: all.
    case queueDescription(PortNumber?, queue: UInt32?)
    case flowMonitor([FlowMonitorRequest])
    /// Counters of IPFIX, by bridge or by flow (NXST_IPFIX_*).
    case exporter(byFlow: Bool)
}

/// How flows are told. The answer must have the form of the question.
public enum FlowForm: Hashable, Sendable {
    /// As the version itself does; in 1.5 that is OFPMP_FLOW_DESC.
    case standard
    /// Nicira's NXST_FLOW and NXST_AGGREGATE, in 1.0.
    case nicira
    /// OFPMP_FLOW_STATS of 1.5: which rule, and what it counted, but not what it does. Open vSwitch
    /// refuses it.
    case counters
}

public enum StatisticsReply: Hashable, Sendable {
    case description(SwitchDescription)
    case flow([FlowDescription], FlowForm)
    case aggregate(AggregateStatistics, FlowForm)
    case table([TableStatistics])
    case port([PortStatistics])
    case queue([QueueStatistics])
    case portDescription([PortDescription])
    case tableFeatures([TableFeatures])
    case group([GroupStatistics])
    case groupDescription([GroupDescription])
    case groupFeatures(GroupFeatures)
    case meter([MeterStatistics])
    case meterConfig([MeterDescription])
    case meterFeatures(MeterFeatures)
    case tableDescription([TableDescription])
    case queueDescription([QueueDescription])
    case flowMonitor([FlowUpdate])
}
