import Flows
public import OpenFlow
public import Switching
public import Timekeeping

// All bridges of one datapath, as translation sees them.
//
// One datapath holds the ports of all bridges; which bridge a packet is in follows from the port it
// came by. Bridges change this model; translation only reads it. What a packet teaches comes back
// as effects and is applied here, so that translating twice changes nothing.

/// The bond that packets with some recirculation id leave by.
public struct RecirculationTarget: Hashable, Sendable {
    public var bridge: Int
    public var port: SwitchPort.ID
    public init(bridge: Int, port: SwitchPort.ID) {
        self.bridge = bridge
        self.port = port
    }
}

/// All bridges that share one datapath, each under a small index that stays its own.
public struct ForwardingModel: Sendable {
    /// What a translation looks at on its way.
    private(set) var sight = Sight()
    /// Only ever asked by key.
    private var owners: [UInt32: Owner] = [:]
    /// Where packets go on that the datapath looks up again, by their recirculation id.
    private(set) var recirculations: [UInt32: RecirculationTarget] = [:]
    /// Numbers for meters in the datapath, and what it is to do about them.
    var meterNumbers = MeterNumbers()
    var meterOrders: [MeterOrder] = []
    private var changes: UInt64 = 0

    /// Bridges, and where translations go on. Each translation holds one: a copy of the whole model
    /// would count three times as many references.
    struct Sight: Sendable {
        fileprivate(set) var slots: [ForwardingBridge?] = []
        /// Where translations go on that were cut in two, by recirculation id.
        fileprivate(set) var continuations = ContinuationTable()
        fileprivate(set) var vlanLimit = 1
    }

    /// How many of a packet's VLAN tags are looked at, 1 or 2 (`other_config:vlan-limit`); see
    /// `FlowKey.seen`.
    public var vlanLimit: Int {
        get { sight.vlanLimit }
        set {
            guard newValue != sight.vlanLimit else { return }
            sight.vlanLimit = newValue
            changes += 1
        }
    }

    private var slots: [ForwardingBridge?] {
        _read { yield sight.slots }
        _modify { yield &sight.slots }
    }

    private var continuations: ContinuationTable {
        _read { yield sight.continuations }
        _modify { yield &sight.continuations }
    }

    private struct Owner: Sendable {
        var bridge: Int
        var port: PortNumber
    }

    public init() {}

    /// Adds a bridge at the lowest free index, which it returns.
    public mutating func addBridge(_ bridge: ForwardingBridge) -> Int {
        changes += 1
        if let free = slots.firstIndex(where: { $0 == nil }) {
            slots[free] = bridge
            return free
        }
        slots.append(bridge)
        return slots.count - 1
    }

    /// Removes a bridge with its ports. Nothing happens if there is none.
    public mutating func removeBridge(_ index: Int) {
        guard let bridge = bridge(index) else { return }
        releaseMeters(bridge: index)
        for port in bridge.ports { disown(port, bridge: index) }
        slots[index] = nil
        // What the sum in `generation` loses, and one more.
        changes += bridge.generation + 1
    }

    /// Indices in use, ascending.
    public var bridgeIndices: [Int] { slots.indices.filter { slots[$0] != nil } }

    /// The bridge at `index`, or nil.
    public func bridge(_ index: Int) -> ForwardingBridge? { sight.bridge(index) }

    /// As `bridge(_:) != nil`, without a copy of it.
    private func hasBridge(_ index: Int) -> Bool {
        slots.indices.contains(index) && slots[index] != nil
    }

    /// The bridge at `index`. Traps if there is none: indices come from `addBridge`.
    public subscript(bridge index: Int) -> ForwardingBridge {
        get {
            guard let bridge = slots[index] else { preconditionFailure("no bridge \(index)") }
            return bridge
        }
        _modify {
            precondition(slots[index] != nil, "no bridge \(index)")
            yield &slots[index]!
        }
    }

    /// Adds a port, or replaces the one with the same number. A datapath port that another port
    /// had before is this one's now.
    public mutating func setPort(_ port: BridgePort, bridge index: Int) {
        if let old = self[bridge: index].set(port) { disown(old, bridge: index) }
        if case .datapath(let number) = port.attachment {
            owners[number] = Owner(bridge: index, port: port.number)
        }
        changes += 1
    }

    public mutating func removePort(_ number: PortNumber, bridge index: Int) {
        guard let old = self[bridge: index].removePort(number) else { return }
        disown(old, bridge: index)
        changes += 1
    }

    private mutating func disown(_ port: BridgePort, bridge index: Int) {
        guard case .datapath(let number) = port.attachment, let owner = owners[number],
            owner.bridge == index, owner.port == port.number
        else { return }
        owners[number] = nil
    }

    /// Packets that come back with `id` leave by a bond; nil: by none any more.
    ///
    /// - Parameter id: Not 0, which means that a packet is looked up for the first time.
    public mutating func setRecirculation(_ id: UInt32, _ target: RecirculationTarget?) {
        precondition(id != 0, "recirculation id 0 is every new packet's")
        guard recirculations[id] != target else { return }
        recirculations[id] = target
        changes += 1
    }

    /// Forgets continuations that no cached flow leads to: those not named, and older than a while.
    public mutating func keepContinuations(_ ids: Set<UInt32>, now: Instant) {
        continuations.keep(ids, now: now)
    }

    /// Whose port a datapath port is.
    public func owner(ofDatapathPort port: UInt32) -> (bridge: Int, port: PortNumber)? {
        owners[port].map { ($0.bridge, $0.port) }
    }

    /// The datapath's number of an OpenFlow port; nil: it has none there.
    public func datapathPort(of port: PortNumber, bridge index: Int) -> UInt32? {
        guard slots.indices.contains(index),
            case .datapath(let number)? = slots[index]?.port(port)?.attachment
        else { return nil }
        return number
    }

    /// Grows whenever a translation may come out differently, but for MAC tables, which say more
    /// precisely what changed (`MACTable.takeChanges`).
    public var generation: UInt64 {
        slots.reduce(changes) { $0 &+ ($1?.generation ?? 0) }
    }

    /// `generation` without what rules do to it: `FlowTables.takeChanges` says that more precisely.
    public var structureGeneration: UInt64 {
        slots.reduce(changes) { $0 &+ ($1.map { $0.generation &- $0.tables.ruleGeneration } ?? 0) }
    }

    /// The earliest `ForwardingBridge.nextDeadline`.
    public var nextDeadline: Instant? {
        slots.reduce(nil) { first, bridge in
            guard let next = bridge?.nextDeadline else { return first }
            return first.map { min($0, next) } ?? next
        }
    }

    /// Whether a bridge's tables or learned addresses have changes to tell. Asked in every turn.
    public var hasChanges: Bool { slots.contains { $0?.hasChanges == true } }

    /// Whether any packet may come back to a translation that was cut in two.
    public var hasContinuations: Bool { continuations.count > 0 }
}

extension ForwardingModel.Sight {
    /// The bridge at `index`, or nil.
    func bridge(_ index: Int) -> ForwardingBridge? {
        slots.indices.contains(index) ? slots[index] : nil
    }

    /// The best rule for `key`; see `FlowTables.lookup`. Looks where the tables lie: a bridge that
    /// is handed out is copied, with references to count.
    func lookup(
        _ key: PipelineKey, bridge index: Int, table: UInt8, mask: inout PipelineMask,
        isMaskRead: Bool
    ) -> RuleID? {
        guard slots.indices.contains(index) else { return nil }
        return slots[index]?.lookUp(
            table: table, key: key, mask: &mask, isMaskRead: isMaskRead)
    }

    /// Refuses groups and meters that are not there.
    func checkReferences(_ actions: [Action], bridge index: Int) throws(FlowModError) {
        guard slots.indices.contains(index) else { return }
        // Most name none, and to ask tables is to copy them.
        guard actions.contains(where: \.mayReferToOthers) else { return }
        try slots[index]?.tables.checkReferences(actions)
    }

    /// Whether some rule of the table is a clause of a conjunction.
    func hasClauses(bridge index: Int, table: UInt8) -> Bool {
        guard slots.indices.contains(index), table < Limits.tables else { return false }
        return slots[index]?.hasClauses(table: table) ?? false
    }

    func rule(_ id: RuleID, bridge index: Int) -> Rule? {
        guard slots.indices.contains(index) else { return nil }
        return slots[index]?.tables[rule: id]
    }

    /// What that rule has a packet do.
    func directive(of id: RuleID, bridge index: Int) -> Rule.Directive? {
        guard slots.indices.contains(index) else { return nil }
        return slots[index]?.tables.directive(of: id)
    }
}

extension ForwardingModel {
    /// Applies what translations want to have learned; `now` is when their last packet came, and
    /// `packetCount` and `byteCount` how much came since the last time.
    /// Returns how many could not be, because a table was full or a rule invalid.
    @discardableResult
    public mutating func apply(
        _ effects: [TranslationEffect], now: Instant, packetCount: UInt64 = 0,
        byteCount: UInt64 = 0
    ) -> Int {
        var refused = 0
        for effect in effects {
            switch effect {
            case .learnMAC(let index, let key, let port):
                guard hasBridge(index) else { continue }
                self[bridge: index].macTable.learn(key, on: port, now: now)
            case .holdMAC(let index, let key):
                guard hasBridge(index) else { continue }
                self[bridge: index].macTable.hold(key, now: now)
            case .useBond(let index, let port, let hash):
                guard hasBridge(index) else { continue }
                self[bridge: index].changeBond(port: port) {
                    $0.use(hash: hash, byteCount: byteCount)
                }
            case .mirror(let index, let mirror):
                guard bridge(index) != nil else { continue }
                self[bridge: index].credit(mirror: mirror, packets: packetCount, bytes: byteCount)
            case .snoop:
                break  // Needs the packet itself: `snoop`.
            case .useGroup(let index, let group, let bucket):
                guard bridge(index) != nil else { continue }
                self[bridge: index].tables.groups.credit(
                    group, bucket: bucket, packets: packetCount, bytes: byteCount)
            case .continueLater(let id, let continuation):
                continuations.put(continuation, id: id, now: now)
            case .shorten(let index, let rule, let idle, let hard):
                guard bridge(index) != nil else { continue }
                self[bridge: index].tables.shorten(rule, idle: idle, hard: hard, now: now)
            case .learnRule(let index, let mod):
                guard hasBridge(index) else { continue }
                do {
                    try self[bridge: index].tables.learn(mod, now: now)
                } catch {
                    self[bridge: index].tables.refusedLearnCount += 1
                    refused += 1
                }
            }
        }
        return refused
    }

    /// Credits `packets` and `bytes` to every rule that a translation met, and to the lookups of
    /// its tables. `usedAt` is when the last of them came.
    public mutating func credit(
        _ rules: [RuleReference], packets: UInt64, bytes: UInt64, usedAt: Instant
    ) {
        var rest = rules[...]
        while let first = rest.first {
            let count = rest.firstIndex { $0.bridge != first.bridge } ?? rest.endIndex
            if hasBridge(first.bridge) {
                self[bridge: first.bridge].tables.credit(
                    rest[..<count], packets: packets, bytes: bytes, usedAt: usedAt)
            }
            rest = rest[count...]
        }
    }
}
