public import Flows

// What the two halves of the switch say to each other, as values.
//
// The words are those of the generic-netlink families that `linux/openvswitch.h` defines
// (`ovs_datapath`, `ovs_vport`, `ovs_flow`, `ovs_packet`, `ovs_meter`), because the other end of
// the channel may one day be the kernel module itself. The bytes are made in `RequestCodec` and
// `ReplyCodec`.

/// What vswitchd, or a tool, asks of the datapath.
public enum DatapathRequest: Hashable, Sendable {
    /// OVS_DP_CMD_GET: the one datapath, as a dump.
    case describeDatapath
    /// This connection answers upcalls from now on. The newest one that asks is the one that is
    /// asked; when its socket closes, misses are dropped as `noVswitchd` until the next comes.
    /// OVS_DP_CMD_SET with OVS_DP_ATTR_UPCALL_PID.
    case takeUpcalls
    case addPort(Vport)
    case deletePort(number: UInt32)
    /// OVS_VPORT_CMD_GET as a dump.
    case listPorts
    /// OVS_FLOW_CMD_NEW without NLM_F_EXCL: an existing flow with the same key and mask gets the
    /// new actions and keeps its counters.
    case putFlow(CachedFlow)
    /// OVS_FLOW_CMD_NEW with OVS_FLOW_ATTR_PROBE: whether such a flow would be taken. Afterwards it
    /// is not there, and nothing is logged if it is refused.
    case probeFlow(CachedFlow)
    /// OVS_FLOW_CMD_DEL of one flow; the reply carries its last counters.
    case deleteFlow(key: FlowKey, mask: FlowMask)
    /// OVS_FLOW_CMD_DEL without a key: all flows.
    case flushFlows
    /// OVS_FLOW_CMD_GET as a dump.
    case listFlows
    /// OVS_METER_CMD_SET: add a meter, or change one.
    case putMeter(DatapathMeter)
    /// OVS_METER_CMD_DEL; the reply carries its last counters.
    case deleteMeter(id: UInt32)
    /// OVS_METER_CMD_GET of one meter.
    case describeMeter(id: UInt32)
    /// OVS_METER_CMD_FEATURES.
    case describeMeters
    /// OVS_PACKET_CMD_EXECUTE: run `actions` on `packet` as if it had come in as `key` says.
    case execute(ExecutedPacket)
}
