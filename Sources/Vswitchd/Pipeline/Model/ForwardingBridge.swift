import Classifier
import Flows
public import OpenFlow
public import Switching
public import Timekeeping

// A bridge as translation sees it.

/// What tables do with IP fragments. OpenFlow 1.3.5 §7.3.2 (`OFPC_FRAG_*`), and Nicira's mode; to
/// reassemble them is not offered.
public enum FragmentHandling: UInt16, Sendable {
    /// Ports of the transport protocol are 0 in every fragment.
    case normal = 0
    /// They are dropped.
    case drop = 1
    /// The first one has its ports, the later ones have 0.
    case asTheyAre = 3
}

/// Tables, learned addresses, NORMAL's configuration and ports of one bridge.
///
/// A value like any other, but what it holds lies in one place that copies share until one of them
/// changes: translation hands bridges around, and to count the references of some thirty fields
/// each time would cost it a third of its time.
public struct ForwardingBridge: Sendable {
    private struct Fields: Sendable {
        var name: String
        var tables: FlowTables
        var macTable: MACTable
        var normal = NormalSwitch() { didSet { changes += 1 } }
        var sendsMissesToController = false { didSet { changes += 1 } }
        var fragments = FragmentHandling.normal { didSet { changes += 1 } }
        var hasSpanningTree = false { didSet { changes += 1 } }
        var isReady = true { didSet { changes += 1 } }
        var ports: [BridgePort] = [] { didSet { changes += 1 } }
        var bonds: [SwitchPort.ID: Bond] = [:]
        var groups: MulticastTable?
        var mirrorCounters: [Mirror.ID: Mirror.Counters] = [:]
        var changes: UInt64 = 0
    }

    /// Sendable because whoever changes it is its only owner (`fields`). For the same reason its
    /// accesses need not be watched at run time: two at once would be two of one `ForwardingBridge`
    /// variable, which is watched itself.
    private final class Storage: @unchecked Sendable {
        @exclusivity(unchecked) var fields: Fields
        init(_ fields: Fields) { unsafe self.fields = fields }
    }

    private var storage: Storage

    private var fields: Fields {
        // Safe: see `Storage`.
        _read { yield unsafe storage.fields }
        _modify {
            if !isKnownUniquelyReferenced(&storage) { unsafe storage = Storage(storage.fields) }
            yield unsafe &storage.fields
        }
    }

    public var name: String {
        _read { yield fields.name }
        _modify { yield &fields.name }
    }
    /// Change it in place (`removeAll` rather than a new value): `generation` must only grow.
    public var tables: FlowTables {
        _read { yield fields.tables }
        _modify { yield &fields.tables }
    }
    public var macTable: MACTable {
        _read { yield fields.macTable }
        _modify { yield &fields.macTable }
    }
    public var normal: NormalSwitch {
        _read { yield fields.normal }
        _modify { yield &fields.normal }
    }
    /// A packet that no rule matches goes to the controller, because some controller speaks
    /// OpenFlow 1.0 to 1.2. Later versions drop it.
    public var sendsMissesToController: Bool {
        get { fields.sendsMissesToController }
        set { fields.sendsMissesToController = newValue }
    }
    /// What tables do with fragments.
    public var fragments: FragmentHandling {
        get { fields.fragments }
        set { fields.fragments = newValue }
    }
    /// BPDUs are for the switch itself.
    public var hasSpanningTree: Bool {
        get { fields.hasSpanningTree }
        set { fields.hasSpanningTree = newValue }
    }
    /// False: every packet that enters is dropped as `.bridgeNotReady`.
    public var isReady: Bool {
        get { fields.isReady }
        set { fields.isReady = newValue }
    }
    /// In ascending order of number. Changed with `ForwardingModel.setPort`.
    public internal(set) var ports: [BridgePort] {
        _read { yield fields.ports }
        _modify { yield &fields.ports }
    }
    /// The bonds among NORMAL's ports. What a bond does when it is used (`ForwardingModel.apply`)
    /// changes no decision that was made before.
    public private(set) var bonds: [SwitchPort.ID: Bond] {
        _read { yield fields.bonds }
        _modify { yield &fields.bonds }
    }
    /// Multicast snooping's; nil: it is off.
    public private(set) var groups: MulticastTable? {
        _read { yield fields.groups }
        _modify { yield &fields.groups }
    }
    /// What each mirror has copied.
    public private(set) var mirrorCounters: [Mirror.ID: Mirror.Counters] {
        _read { yield fields.mirrorCounters }
        _modify { yield &fields.mirrorCounters }
    }
    private var changes: UInt64 {
        get { fields.changes }
        set { fields.changes = newValue }
    }

    public init(name: String, tables: FlowTables = .init(), macTable: MACTable = .init()) {
        storage = Storage(Fields(name: name, tables: tables, macTable: macTable))
    }

    /// Grows whenever a translation may come out differently, but for `macTable`.
    public var generation: UInt64 {
        let others = changes &+ tables.generation &+ (groups?.generation ?? 0)
        return bonds.values.reduce(others) { $0 &+ $1.generation }
    }

    /// When something that was learned, or a rule, is over at the earliest; nil: nothing ages.
    public var nextDeadline: Instant? {
        var first = tables.nextDeadline
        func consider(_ other: Instant?) {
            if let other, first.map({ other < $0 }) ?? true { first = other }
        }
        consider(groups?.nextDeadline)
        // Safe: see `Storage`.
        consider(unsafe Self.nextDeadline(of: &storage.fields.macTable))
        return first
    }

    /// Asked in every turn. Who is asked where it lies, and could be changed, is not copied for it.
    private static func nextDeadline(of table: inout MACTable) -> Instant? { table.nextDeadline }

    /// Whether tables or learned addresses have changes to tell.
    var hasChanges: Bool {
        // Safe: see `Storage`.
        unsafe !storage.fields.tables.changes.isEmpty || storage.fields.macTable.hasChanges
    }

    /// What NORMAL does with `frame`.
    func decide(_ frame: NormalFrame) -> NormalDecision {
        fields.normal.decide(
            frame, lookUp: { fields.macTable.lookup($0) },
            isHeld: { fields.macTable.isHeld($0) }, bonds: fields.bonds,
            groups: fields.groups)
    }

    /// The best rule of a table: `FlowTables.lookup`, which itself is asked only where a table
    /// needs more than its classifier. To name the classifier here spares a copy of all tables.
    /// - Parameter isMaskRead: False: `mask` need not say what the answer depends on.
    func lookUp(
        table: UInt8, key: PipelineKey, mask: inout PipelineMask, isMaskRead: Bool
    ) -> RuleID? {
        // Safe: see `Storage`.
        guard table < Limits.tables,
            unsafe storage.fields.tables.clauseCounts[Int(table)] == 0,
            key.packetType == PacketType.ethernet.rawValue
        else { return fields.tables.lookup(table: table, key: key, mask: &mask) }
        // Safe here and below: as before.
        guard isMaskRead else {
            return unsafe storage.fields.tables.classifiers[Int(table)].lookup(key)
        }
        return unsafe storage.fields.tables.classifiers[Int(table)].lookup(key, looking: &mask)
    }

    /// Whether some rule of the table, which must be one, is a clause of a conjunction.
    func hasClauses(table: UInt8) -> Bool {
        // Safe: see `Storage`.
        unsafe storage.fields.tables.clauseCounts[Int(table)] > 0
    }

    /// Turns multicast snooping on or off.
    public mutating func setGroups(_ table: MulticastTable?) {
        // What the sum in `generation` loses, and one more.
        changes += (groups?.generation ?? 0) + 1
        groups = table
    }

    /// Changes the table in place, if there is one.
    public mutating func changeGroups(_ change: (inout MulticastTable) -> Void) {
        guard var table = groups else { return }
        // Else it would be copied.
        groups = nil
        change(&table)
        groups = table
    }

    /// Credits a mirror with what it copied.
    mutating func credit(mirror: Mirror.ID, packets: UInt64, bytes: UInt64) {
        guard normal.mirrors.contains(where: { $0.id == mirror }) else { return }
        mirrorCounters[mirror, default: .init()].packets &+= packets
        mirrorCounters[mirror, default: .init()].bytes &+= bytes
    }

    /// Forgets the counters of mirrors that are gone.
    public mutating func forgetCounters(ofMirrorsExcept ids: Set<Mirror.ID>) {
        mirrorCounters = mirrorCounters.filter { ids.contains($0.key) }
    }

    /// Adds a bond, or takes it away.
    public mutating func setBond(_ bond: Bond?, port: SwitchPort.ID) {
        // What the sum in `generation` loses, and one more.
        changes += (bonds[port]?.generation ?? 0) + 1
        bonds[port] = bond
    }

    /// Changes a bond in place; nil if there is none.
    @discardableResult
    public mutating func changeBond<Result>(
        port: SwitchPort.ID, _ change: (inout Bond) -> Result
    ) -> Result? {
        guard var bond = bonds.removeValue(forKey: port) else { return nil }
        defer { bonds[port] = bond }
        return change(&bond)
    }

    /// O(log n).
    public func port(_ number: PortNumber) -> BridgePort? {
        let index = firstIndex(from: number)
        return index < ports.count && ports[index].number == number ? ports[index] : nil
    }

    /// Adds a port or replaces the one with its number, which it returns.
    mutating func set(_ port: BridgePort) -> BridgePort? {
        let old = removePort(port.number)
        ports.insert(port, at: firstIndex(from: port.number))
        return old
    }

    mutating func removePort(_ number: PortNumber) -> BridgePort? {
        let index = firstIndex(from: number)
        guard index < ports.count, ports[index].number == number else { return nil }
        return ports.remove(at: index)
    }

    private func firstIndex(from number: PortNumber) -> Int {
        var low = 0
        var high = ports.count
        while low < high {
            let middle = (low + high) / 2
            if ports[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
