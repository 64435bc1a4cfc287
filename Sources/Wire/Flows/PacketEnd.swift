// Every way in which a packet's journey can end.
//
// A switch is trusted when it can say where a packet went. So there is one list of endings, each
// port counts each of them from the first day, and nothing is dropped without naming a case. For
// every port: packets received = the sum over all cases.

/// How a packet ended. The raw value is the index of its counter, and travels in
/// `OVS_ACTION_ATTR_DROP`; values are never reused.
public enum PacketEnd: UInt8, CaseIterable, Hashable, Sendable {
    // It arrived somewhere.
    /// Left by at least one port.
    case forwarded = 0
    /// Handed to vswitchd because no cached flow knew it; vswitchd sends it on.
    case missUpcall = 1
    /// Handed to vswitchd because its actions said so, and went nowhere else.
    case actionUpcall = 2

    // The tables decided against it.
    /// A rule without actions, or with an explicit drop.
    case droppedByRule = 16
    /// No rule of the table matched and the table's default is to drop.
    case noMatchingRule = 17
    /// NORMAL: the port does not take part in the frame's VLAN.
    case vlanNotAllowed = 18
    /// NORMAL: an access port received a tagged frame.
    case taggedOnAccessPort = 19
    /// NORMAL: the frame's VLAN tag is only half there, or of a kind the port refuses.
    case malformedVLAN = 20
    /// NORMAL: addressed to 01:80:c2:00:00:0x, which a bridge must keep to itself.
    case reservedMulticast = 21
    /// NORMAL: its destination was learned on the port that it came from.
    case destinationOnIngressPort = 22
    /// Nobody else takes part in its VLAN, so that a flood reaches no one.
    case noOutputPort = 23
    /// The port is known to the datapath but belongs to no bridge.
    case portWithoutBridge = 24
    /// `resubmit` or patch ports went deeper than the limit.
    case resubmitTooDeep = 25
    /// The port is switched off for receiving (`OFPPC_NO_RECV`, `OFPPC_PORT_DOWN`).
    case portDisabled = 26
    /// The port only mirrors others.
    case mirrorOutputPort = 27
    /// An action named something that is not there, or cannot be applied to this packet.
    case invalidAction = 28
    /// The bridge waits for its controller (`fail_mode=secure`), or is being removed.
    case bridgeNotReady = 29
    /// Only actions without an output: counted, learned, but sent nowhere.
    case actionsWithoutOutput = 30
    /// NORMAL on a bond refused it (not the active member, or LACP not negotiated).
    case bondRefused = 31
    /// The spanning tree does not let the port forward.
    case spanningTree = 36
    /// A meter's rate was exceeded.
    case droppedByMeter = 40
    /// Its time to live came to an end, and no action says what then.
    case ttlExpired = 41
    /// More than `ingress_policing_rate` or `ingress_policing_kpkts_rate` of its port allow.
    case policed = 42

    // It could not be read.
    /// Shorter than an Ethernet header.
    case truncatedEthernet = 64
    /// Cut off by the ring: its frame was larger than what the ring holds.
    case truncatedByRing = 65
    /// Its offload header contradicts its bytes.
    case invalidOffload = 66

    // The machine could not keep up, or the world refused.
    /// The kernel's ring was full (counted by the kernel).
    case ringFull = 96
    /// Its port's upcall queue was full.
    case upcallQueueFull = 97
    /// vswitchd is not there to be asked.
    case noVswitchd = 98
    /// The output port does not exist any more.
    case outputPortGone = 99
    /// Larger than the output port's MTU, and not to be segmented.
    case exceedsMTU = 100
    /// The kernel refused to send it (queue full, interface down).
    case sendFailed = 101
    /// An action list went deeper or wider than the datapath allows.
    case actionLimit = 102
    /// It was looked up again more often than the datapath allows.
    case recirculationLimit = 103
}

extension PacketEnd {
    /// Whether the packet got to where it should; everything else is a drop.
    @inlinable public var isDelivery: Bool { rawValue < 16 }

    /// The name in statistics and traces: lower case, words joined by `_`.
    public var name: String {
        var text = ""
        for character in "\(self)" {
            if character.isUppercase, text.last?.isUppercase == false, text.last != "_" {
                text.append("_")
            }
            text.append(character)
        }
        return text.lowercased()
    }
}
