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
}

extension Action {
    /// What `setField` and `load` write, in one form: field, value and mask, in the field's place.
    /// nil for all other actions.
    public var fieldWrite: (field: FlowField, value: FieldValue, mask: FieldValue)? {
        switch self {
        case .setField(let field, let value, let mask):
            return (field, value, mask)
        case .load(let range, let value):
            let ones = FieldValue.ones(range.width).bits
            let shift = UInt128(clamping: range.offset)
            return (
                range.field, FieldValue(bits: (value.bits & ones) << shift),
                FieldValue(bits: ones << shift)
            )
        default:
            return nil
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
    public init(
        maxLength: UInt16 = 0xffff, controllerID: UInt16 = 0, reason: PacketIn.Reason = .action
    ) {
        self.maxLength = maxLength
        self.controllerID = controllerID
        self.reason = reason
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
    public var apply: [Action]
    public var clearsActionSet: Bool
    public var write: [Action]
    public var metadata: Masked<UInt64>?
    public var gotoTable: UInt8?

    public init(
        apply: [Action] = [], clearsActionSet: Bool = false, write: [Action] = [],
        metadata: Masked<UInt64>? = nil, gotoTable: UInt8? = nil
    ) {
        self.apply = apply
        self.clearsActionSet = clearsActionSet
        self.write = write
        self.metadata = metadata
        self.gotoTable = gotoTable
    }
}
