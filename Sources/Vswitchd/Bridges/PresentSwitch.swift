internal import DatabaseProtocol
internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Switching
internal import Timekeeping

// What is in force now, beside what the database wants.
//
// The forwarding model holds what a packet needs; here stands what else there is to know of bridges
// and ports: their rows, their numbers over time, why one of them could not be set up.

/// A bridge that is in force. A class, for the same reason as `OpenFlowSession`: every packet that
/// a controller hears of, or sends, looks at its bridge.
final class PresentBridge {
    /// Its index in the forwarding model.
    let index: Int
    var wanted: WantedBridge
    /// By name of the interface.
    var interfaces: [String: PresentInterface] = [:]
    /// Numbers of NORMAL's ports, by name of the row in Port: a port keeps its number for life.
    var switchPorts: [String: SwitchPort.ID] = [:]
    var nextSwitchPort: SwitchPort.ID = 1
    /// Numbers of mirrors, by their rows: their counters hang on them.
    var mirrors: [UUIDValue: Mirror.ID] = [:]
    var nextMirror: Mirror.ID = 1
    /// Bonds, and ports with LACP, by name of the row in Port.
    var aggregations: [String: Aggregation] = [:]
    var spanning: PresentSpanning?
    /// 64 bits, made from the local port's address unless the operator chose them.
    var datapathID: UInt64 = 0
    /// The rule that stands in while no controller is asked: `priority=0,actions=NORMAL`.
    var hasDefaultRule = false

    init(index: Int, wanted: WantedBridge) {
        self.index = index
        self.wanted = wanted
    }

    var interfacesByName: [(name: String, interface: PresentInterface)] {
        interfaces.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    func interface(numbered number: PortNumber) -> (name: String, interface: PresentInterface)? {
        interfaces.first { $0.value.number == number }.map { ($0.key, $0.value) }
    }
}

/// An interface of a bridge that is in force.
struct PresentInterface: Equatable {
    let uuid: UUIDValue
    let number: PortNumber
    let createdAt: Instant
    var kind: WantedInterface.Kind
    /// The datapath's number; nil for patch ports.
    var vport: UInt32?
    /// `OFPPC_*` as a controller last set them.
    var config: BridgePort.Config = []
    /// What the spanning tree lets it do; nil: it takes no part.
    var spanning: SpanningState?
    var readsLLDP = false
}

extension PortNumber {
    /// As `ofport` and `ovs-appctl` write it: LOCAL is 65534.
    var databaseNumber: Int64 { Int64(rawValue) }
}

/// Ports of the datapath, by name, as far as we know them.
struct PresentVports {
    private(set) var byName: [String: Vport] = [:]
    /// What the datapath was last told of their traffic; nil while that is unknown.
    var traffic: [String: PortTraffic] = [:]
    /// Who is to receive by them, as it was last told; nil while that is unknown.
    var receiving: [String: PortReceiving] = [:]
    /// Since when a port has had each of its queues.
    var queuesSince: [String: [UInt32: Instant]] = [:]
    /// Why a wanted port is not there, in words for `Interface.error`.
    var errors: [String: String] = [:]

    mutating func put(_ vport: Vport) {
        byName[vport.name] = vport
        errors[vport.name] = nil
    }

    mutating func remove(_ name: String) {
        (byName[name], traffic[name], receiving[name], queuesSince[name]) = (nil, nil, nil, nil)
    }
    mutating func removeAll() { self = PresentVports() }

    /// What leaves by a port is shared out so from now on.
    mutating func shape(_ name: String, _ traffic: PortTraffic, now: Instant) {
        let isSame = self.traffic[name]?.shaping == traffic.shaping
        self.traffic[name] = traffic
        // Shaping anew begins with none: all counters begin at 0.
        guard !isSame else { return }
        let queues = traffic.shaping?.queues ?? []
        queuesSince[name] = Dictionary(
            queues.map { ($0.number, now) }, uniquingKeysWith: { first, _ in first })
    }
    var names: [String] { byName.keys.sorted() }
    /// The datapath's numbers.
    var numbers: Set<UInt32> { Set(byName.values.compactMap(\.number)) }
}
