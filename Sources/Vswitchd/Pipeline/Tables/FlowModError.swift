public import OpenFlow

// What comes of a flow mod.

/// Why a flow mod was refused; nothing was changed then. Each case names the OpenFlow error that
/// tells the controller.
public enum FlowModError: Error, Hashable, Sendable {
    /// OFPFMFC_TABLE_FULL (1.0: ALL_TABLES_FULL): the bridge has as many rules as it may.
    case tableFull(limit: Int)
    /// OFPFMFC_OVERLAP: a rule of the same priority could match the same packet.
    case overlap
    /// OFPFMFC_BAD_TABLE_ID: 255 names no table to add to.
    case badTable(UInt8)
    /// OFPBIC_BAD_TABLE_ID: `goto_table` leads to its own table, back, or nowhere.
    case badGotoTable(UInt8)
    /// OFPBAC_BAD_SET_TYPE: a field that cannot be written, by name.
    case fieldNotWritable(String)
    /// OFPBAC_BAD_SET_ARGUMENT: a value, or a range of bits, that the field does not have.
    case badFieldRange(String)
    /// OFPBAC_BAD_OUT_PORT.
    case badOutputPort(PortNumber)
    /// OFPBAC_BAD_OUT_GROUP.
    case noSuchGroup(UInt32)
    /// OFPMMFC_INVALID_METER.
    case noSuchMeter(UInt32)
    /// NXBAC_BAD_CONJUNCTION: a conjunction beside other actions, or a clause it does not have.
    case badConjunction
    /// OFPBAC_BAD_ARGUMENT: `what` says in words what does not fit.
    case badArgument(what: String)
    /// NXBAC_CT_DATAPATH_SUPPORT: no datapath of ours tracks connections.
    case noConnectionTracking
    /// OFPBAC_BAD_TYPE: an action that the pipeline does not carry out, by name.
    case unsupportedAction(String)
}

extension FlowModError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tableFull(let limit): "the bridge has \(limit) rules, which is all it may have"
        case .overlap: "a rule of the same priority could match the same packet"
        case .badTable(let table): "there is no single table \(table)"
        case .badGotoTable(let table): "goto_table:\(table) does not lead to a later table"
        case .fieldNotWritable(let name): "field \(name) cannot be written"
        case .badFieldRange(let name): "field \(name) does not have these bits"
        case .badOutputPort(let port): "port \(port.rawValue) cannot be sent to"
        case .noSuchGroup(let group): "there is no group \(group)"
        case .noSuchMeter(let meter): "there is no meter \(meter)"
        case .badConjunction: "a conjunction has 2 to 64 clauses and stands alone"
        case .badArgument(let what): what
        case .noConnectionTracking: "connections are not tracked"
        case .unsupportedAction(let name): "\(name) is not carried out"
        }
    }
}

/// What a flow mod did.
public struct FlowModOutcome: Hashable, Sendable {
    /// Rules that went and had asked that it be told, in the order of a dump.
    public var removed: [FlowRemoved] = []
    public var addedCount = 0
    public var modifiedCount = 0
    public var removedCount = 0
    public init() {}
}
