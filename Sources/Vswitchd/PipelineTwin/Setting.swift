package import Flows
package import OpenFlow
import Packets
package import Pipeline
import Switching
import Timekeeping

// What the twin and the tests of the pipeline stand on: a bridge with four ports, and short ways to
// write rules.

/// A model with bridge "br0" at index 0; OpenFlow ports 1, 2, … are datapath ports 11, 12, …
package func makeModel(ports: UInt16 = 4, ruleLimit: Int = 1000) -> ForwardingModel {
    var model = ForwardingModel()
    let bridge = model.addBridge(
        ForwardingBridge(name: "br0", tables: FlowTables(ruleLimit: ruleLimit)))
    for number in 1...ports {
        model.setPort(
            BridgePort(
                number: PortNumber(number), name: "p\(number)",
                attachment: .datapath(UInt32(number) + 10)), bridge: bridge)
    }
    model[bridge: bridge].normal.setPorts(
        (1...ports).map { SwitchPort(id: UInt32($0), name: "p\($0)", members: [$0]) })
    return model
}

/// An IPv4 TCP packet from datapath port 11.
package func makePacket() -> FlowKey {
    var key = FlowKey()
    key.inPort = 11
    key.ethSrc = MACAddress(bits: 0x0200_0000_0001)
    key.ethDst = MACAddress(bits: 0x0200_0000_0002)
    key.ethType = EtherType.ipv4
    key.nwProto = IPProtocol.tcp
    key.nwTTL = 64
    key.nwSrc = IPv4Address(bits: 0x0a00_0001)
    key.nwDst = IPv4Address(bits: 0x0a00_0002)
    key.tpSrc = 1000
    key.tpDst = 80
    return key
}

extension Action {
    package static func output(_ port: UInt16) -> Action {
        .output(port: PortNumber(port), maxLength: 0xffff)
    }
    package static let normal = Action.output(port: .normal, maxLength: 0xffff)
    package static func resubmit(_ table: UInt8) -> Action { .resubmit(inPort: nil, table: table) }
}

extension Match {
    /// Conditions by name of the field.
    package init(_ conditions: KeyValuePairs<FlowField, UInt64>) {
        self.init()
        for (field, value) in conditions { set(field, to: FieldValue(low: value)) }
    }
}

extension ForwardingModel {
    /// Adds a rule to bridge 0; a test that adds a rule that is refused fails loudly.
    package mutating func add(
        on match: Match = Match(), priority: UInt16 = 100, table: UInt8 = 0, bridge: Int = 0,
        _ instructions: Instructions
    ) throws {
        _ = try self[bridge: bridge].tables.apply(
            FlowMod(
                command: .add, table: table, priority: priority, match: match,
                instructions: instructions),
            asOpenFlow10: false, now: .start)
    }

    package mutating func add(
        on match: Match = Match(), priority: UInt16 = 100, table: UInt8 = 0, bridge: Int = 0,
        _ actions: Action...
    ) throws {
        try add(
            on: match, priority: priority, table: table, bridge: bridge,
            Instructions(apply: actions))
    }
}
