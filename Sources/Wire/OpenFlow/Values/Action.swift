public import Flows

// What a rule does, free of any version's way of writing it.

/// One OpenFlow or Nicira action.
public enum Action: Hashable, Sendable {
    /// `maxLength` counts only for the controller port, and decoders say `controller` for that.
    case output(port: PortNumber, maxLength: UInt16)
    /// Sends to the port whose number the field holds (`output:NXM_NX_REG0[0..15]`).
    case outputField(FieldRange, maxLength: UInt16)
    case controller(ControllerAction)
    /// Writes the bits `mask` of `field`: `set_field`, `mod_dl_src`, `mod_nw_dst`, …
    case setField(FlowField, FieldValue, mask: FieldValue)
    /// Writes the low bits of the value into the range: `load`. It does what a `setField` with a
    /// mask does (see `fieldWrite`), but who reads a rule back wants to see what he wrote.
    case load(FieldRange, FieldValue)
    /// Writes a whole field by an action of its own: `mod_nw_ttl`, `set_mpls_label`, `set_mpls_tc`,
    /// `set_mpls_ttl`, `set_tunnel64`. It does what a `setField` does (see `fieldWrite`). For
    /// `tcpSrc` and `tcpDst` it is 1.0's `mod_tp_src` and `mod_tp_dst` in a rule that does not say
    /// of which transport: the port of whatever transport the packet has.
    case setOwn(FlowField, FieldValue)
    /// Copies bits between fields.
    case move(source: FieldRange, destination: FieldRange)
    /// OpenFlow 1.0's `mod_vlan_vid`: changes the VLAN id, or adds a tag if there is none.
    case setVLANID(UInt16)
    /// OpenFlow 1.0's `mod_vlan_pcp`, 0 to 7; adds a tag if there is none.
    case setVLANPriority(UInt8)
    case stripVLAN
    case pushVLAN(tpid: UInt16)
    case decrementTTL
    /// Searches `table` (nil: this rule's own) again, with `inPort` in place of the packet's.
    case resubmit(inPort: PortNumber?, table: UInt8?)
    case learn(LearnAction)
    /// Ends this table's actions and those of whoever resubmitted here.
    case exit
    case note([UInt8])
    case enqueue(port: PortNumber, queue: UInt32)
    case setQueue(UInt32)
    case popQueue
    /// Through the group with this number.
    case group(UInt32)
    /// Through the meter with this number. 1.5; earlier versions have `Instructions.meter`.
    case meter(UInt32)
    /// Sends the first `byteCount` bytes: `output(port=…,max_len=…)`.
    case outputTruncated(port: PortNumber, byteCount: UInt32)
    indirect case multipath(MultipathAction)
    indirect case bundle(BundleAction)
    /// This rule is clause `clause` (from 0) of `count` of the conjunction `id`. Stands alone, or
    /// with others of its kind and `note`s.
    case conjunction(id: UInt32, clause: UInt8, count: UInt8)
    case push(FieldRange)
    case pop(FieldRange)
    case pushMPLS(ethType: UInt16)
    case popMPLS(ethType: UInt16)
    case decrementMPLSTTL
    /// `dec_ttl(id,…)`: as `decrementTTL`, telling these controllers if it runs out.
    case decrementTTLTelling([UInt16])
    /// Seconds that the rule's timeouts shrink to when a TCP connection ends; 0 = as they are.
    case finTimeout(idle: UInt16, hard: UInt16)
    /// `resubmit(port,table,ct)`: the connection's original addresses are looked up.
    case resubmitTracked(inPort: PortNumber?, table: UInt8?)
    case sample(SampleAction)
    /// Writes to one bit whether the packet is longer than `byteCount`.
    case checkPacketLarger(byteCount: UInt16, FieldRange)
    /// Carries out the list and then goes on as if nothing of it had happened.
    indirect case clone([Action])
    indirect case conntrack(ConntrackAction)
    case conntrackClear
    /// Only within `conntrack`.
    case nat(NATAction)
    case encap(EncapAction)
    /// To the packet type named; nil: not said.
    case decap(PacketType?)
    case decrementNSHTTL
    /// Takes away a tunnel option.
    case deleteField(FlowField)
}

extension Action {
    /// What `setField`, `setOwn` and `load` write, in one form: field, value and mask, in the
    /// field's place. nil for all other actions.
    public var fieldWrite: (field: FlowField, value: FieldValue, mask: FieldValue)? {
        switch self {
        case .setField(let field, let value, let mask):
            return (field, value, mask)
        case .setOwn(let field, let value):
            return (field, value, field.exactMask)
        case .load(let range, let value):
            let shift = UInt128(clamping: range.offset)
            // `load:70->NXM_OF_IP_TOS[]` names bits that the field leaves alone.
            let bits = FieldValue.ones(range.width).bits << shift & range.field.exactMask.bits
            return (
                range.field, FieldValue(bits: value.bits << shift & bits), FieldValue(bits: bits)
            )
        default:
            return nil
        }
    }

    /// Whether it may stand in `ct(exec(…))`: what writes a field.
    var mayBeTracked: Bool {
        switch self {
        case .setField, .load, .move: true
        default: false
        }
    }

    /// A `setField` of the bits that an exact match of `field` looks at.
    public static func setField(_ field: FlowField, _ value: FieldValue) -> Action {
        .setField(field, value, mask: field.exactMask)
    }
}

/// `width` bits of `field` from bit `offset` (0 = least significant).
public struct FieldRange: Hashable, Sendable {
    public var field: FlowField
    public var offset: Int
    public var width: Int
    public init(_ field: FlowField, offset: Int = 0, width: Int? = nil) {
        self.field = field
        self.offset = offset
        self.width = width ?? field.width - offset
    }
}

/// Sends the packet to controllers (`NXAST_CONTROLLER`, `OFPP_CONTROLLER`).
public struct ControllerAction: Hashable, Sendable {
    public var maxLength: UInt16
    public var controllerID: UInt16
    public var reason: PacketIn.Reason
    /// Comes back with the packet-in (`NXAST_CONTROLLER2`, as the next two).
    public var userdata: [UInt8]
    /// Waits for the controller to send the packet on (NXT_RESUME).
    public var pauses: Bool
    /// The meter that it passes; nil: that of the bridge, if there is one.
    public var meter: UInt32?
    public init(
        maxLength: UInt16 = 0xffff, controllerID: UInt16 = 0, reason: PacketIn.Reason = .action,
        userdata: [UInt8] = [], pauses: Bool = false, meter: UInt32? = nil
    ) {
        self.maxLength = maxLength
        self.controllerID = controllerID
        self.reason = reason
        self.userdata = userdata
        self.pauses = pauses
        self.meter = meter
    }
}

/// `NXAST_LEARN`: makes a rule out of the packet.
public struct LearnAction: Hashable, Sendable {
    public var table: UInt8
    public var priority: UInt16
    /// Seconds, 0 = never.
    public var idleTimeout: UInt16
    public var hardTimeout: UInt16
    public var finIdleTimeout: UInt16
    public var finHardTimeout: UInt16
    public var cookie: UInt64
    /// `NX_LEARN_F_*`: 1 = send flow removed, 2 = delete learned rules together with this one.
    public var flags: UInt16
    public var specs: [Spec]
    /// How many rules this action may have learned at once, 0 = any number (`NXAST_LEARN2`).
    public var limit: UInt32 = 0
    /// One bit that tells whether the rule stands: 0 if the limit forbade it.
    public var resultBit: FieldRange?

    public init(
        table: UInt8, priority: UInt16 = 0x8000, idleTimeout: UInt16 = 0, hardTimeout: UInt16 = 0,
        finIdleTimeout: UInt16 = 0, finHardTimeout: UInt16 = 0, cookie: UInt64 = 0,
        flags: UInt16 = 0, specs: [Spec] = []
    ) {
        self.table = table
        self.priority = priority
        self.idleTimeout = idleTimeout
        self.hardTimeout = hardTimeout
        self.finIdleTimeout = finIdleTimeout
        self.finHardTimeout = finHardTimeout
        self.cookie = cookie
        self.flags = flags
        self.specs = specs
    }

    /// Where the bits of a learned rule come from, and where in it they go.
    public struct Spec: Hashable, Sendable {
        public enum Source: Hashable, Sendable {
            case field(FieldRange)
            /// `width` bits, in the low bits of `value`.
            case immediate(FieldValue, width: Int)
        }
        public enum Destination: Hashable, Sendable {
            /// A condition of the learned rule.
            case match(FieldRange)
            /// An action of it that writes a field.
            case load(FieldRange)
            /// An action of it that sends to the port that the source names.
            case output
        }
        public var source: Source
        public var destination: Destination
        public init(source: Source, destination: Destination) {
            self.source = source
            self.destination = destination
        }
    }
}

/// Everything a rule does: OpenFlow 1.1's instructions, of which 1.0's actions are `apply`.
public struct Instructions: Hashable, Sendable {
    /// The meter that the packet passes first (1.3 and 1.4; 1.5 as the first action).
    public var meter: UInt32?
    public var apply: [Action]
    public var clearsActionSet: Bool
    public var write: [Action]
    public var metadata: Masked<UInt64>?
    public var gotoTable: UInt8?

    public init(
        apply: [Action] = [], clearsActionSet: Bool = false, write: [Action] = [],
        metadata: Masked<UInt64>? = nil, gotoTable: UInt8? = nil, meter: UInt32? = nil
    ) {
        self.meter = meter
        self.apply = apply
        self.clearsActionSet = clearsActionSet
        self.write = write
        self.metadata = metadata
        self.gotoTable = gotoTable
    }
}
