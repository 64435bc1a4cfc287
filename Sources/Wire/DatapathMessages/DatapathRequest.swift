public import Flows

// What the two halves of the switch say to each other, as values.
//
// The words are those of the generic-netlink families that `linux/openvswitch.h` defines
// (`ovs_datapath`, `ovs_vport`, `ovs_flow`, `ovs_packet`, `ovs_meter`), because the other end of
// the channel may one day be the kernel module itself. The bytes are made in `RequestCodec` and
// `ReplyCodec`.

/// Numbers of messages that have a meaning of their own; all others number requests.
public enum DatapathSequence {
    /// What the datapath says by itself, and what is said of answers to upcalls.
    public static let none: UInt32 = 0
    /// A packet to be executed, sent without NLM_F_ACK: nobody waits for word of it.
    public static let untold = UInt32.max
}

/// What vswitchd, or a tool, asks of the datapath. Large cases are indirect: a request is handed on
/// several times, and moving half a kilobyte each time was a fifth of a flow set-up.
public enum DatapathRequest: Hashable, Sendable {
    /// OVS_DP_CMD_GET: the one datapath, as a dump.
    case describeDatapath
    /// This connection answers upcalls from now on. The newest one that asks is the one that is
    /// asked; when its socket closes, misses are dropped as `noVswitchd` until the next comes.
    /// OVS_DP_CMD_SET with OVS_DP_ATTR_UPCALL_PID.
    case takeUpcalls
    indirect case addPort(Vport)
    case deletePort(number: UInt32)
    /// OVS_VPORT_CMD_SET with an attribute of our own: what the port takes in, and how it shares
    /// out what leaves. Replaces what was said of it before.
    case setTraffic(port: UInt32, PortTraffic)
    /// OVS_DP_CMD_SET with an attribute of our own: how many workers there are, and where.
    case setWorkers(WorkerPlan)
    /// OVS_VPORT_CMD_SET with an attribute of our own: which workers receive by the port.
    case setReceiving(port: UInt32, PortReceiving)
    /// OVS_VPORT_CMD_GET as a dump.
    case listPorts
    /// OVS_FLOW_CMD_NEW without NLM_F_EXCL: an existing flow with the same key and mask gets the
    /// new actions and keeps its counters.
    indirect case putFlow(CachedFlow)
    /// OVS_FLOW_CMD_NEW with OVS_FLOW_ATTR_PROBE: whether such a flow would be taken. Afterwards it
    /// is not there, and nothing is logged if it is refused.
    indirect case probeFlow(CachedFlow)
    /// OVS_FLOW_CMD_DEL of one flow; the reply carries its last counters.
    indirect case deleteFlow(key: FlowKey, mask: FlowMask)
    /// OVS_FLOW_CMD_DEL without a key: all flows.
    case flushFlows
    /// OVS_FLOW_CMD_GET as a dump.
    case listFlows
    /// As `listFlows`, with an attribute of our own: only flows that packets used, or that were put
    /// by an order, since they were last told of in this way. For one client, the one that answers
    /// upcalls: what it had installed by an answer is no news either.
    case listFlowNews
    /// OVS_METER_CMD_SET: add a meter, or change one.
    indirect case putMeter(DatapathMeter)
    /// OVS_METER_CMD_DEL; the reply carries its last counters.
    case deleteMeter(id: UInt32)
    /// OVS_METER_CMD_GET of one meter.
    case describeMeter(id: UInt32)
    /// OVS_METER_CMD_FEATURES.
    case describeMeters
    /// OVS_PACKET_CMD_EXECUTE: run `actions` on `packet` as if it had come in as `key` says. With
    /// `DatapathSequence.untold` only a refusal is answered.
    indirect case execute(ExecutedPacket)
    /// OVS_PACKET_CMD_EXECUTE with attributes of our own, without NLM_F_ACK: only a refusal is
    /// answered.
    case answerUpcall(UpcallAnswer)
}
