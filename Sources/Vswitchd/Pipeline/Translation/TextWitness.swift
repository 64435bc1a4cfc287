public import Flows
public import OpenFlow
public import Switching

// Translation told as text, for `ofproto/trace`.

/// Writes what it sees as indented lines: each bridge that the packet enters, each table with the
/// rule that it met, each action, and where it led.
public struct TextWitness: TranslationWitness {
    public private(set) var text = ""
    /// How rules and actions are written; the text of flows is Wire's matter.
    private let describeRule: @Sendable (Rule) -> String
    private let describeAction: @Sendable (Action) -> String

    /// - Parameters:
    ///   - describeRule: Priority and match of a rule, on one line.
    ///   - describeAction: One action as `ovs-ofctl` writes it.
    public init(
        describeRule: @escaping @Sendable (Rule) -> String,
        describeAction: @escaping @Sendable (Action) -> String
    ) {
        self.describeRule = describeRule
        self.describeAction = describeAction
    }

    public var isListening: Bool { true }

    private mutating func write(_ line: String, depth: Int, indent: Int) {
        text += String(repeating: " ", count: 4 * depth + indent) + line + "\n"
    }

    public mutating func entered(bridge: ForwardingBridge, port: PortNumber, depth: Int) {
        if !text.isEmpty { text += "\n" }
        let title = "bridge(\"\(bridge.name)\")"
        write(title, depth: depth, indent: 0)
        write(String(repeating: "-", count: title.utf8.count), depth: depth, indent: 0)
        let name = bridge.port(port).map { " (\($0.name))" } ?? ""
        write("in_port \(port.rawValue)\(name)", depth: depth, indent: 4)
    }

    public mutating func lookedUp(table: UInt8, rule: Rule?, depth: Int) {
        let number = (table < 10 ? " " : "") + "\(table)"
        write("\(number). " + (rule.map(describeRule) ?? "No match."), depth: depth, indent: 0)
    }

    public mutating func acting(_ action: Action, depth: Int) {
        write(describeAction(action), depth: depth, indent: 4)
    }

    public mutating func startedActionSet(depth: Int) {
        write("action set:", depth: depth, indent: 4)
    }

    public mutating func decidedNormal(
        _ decision: NormalDecision, in bridge: ForwardingBridge, depth: Int
    ) {
        let vlan = "VLAN \(decision.vlan)"
        switch decision.reason {
        case .dropped:
            break
        case .snooped:
            write("-> to those who listen in \(vlan)", depth: depth, indent: 5)
        case .flooded:
            write("-> destination unknown in \(vlan), flooding", depth: depth, indent: 5)
        case .known(let id):
            let name = bridge.normal.port(id: id)?.name ?? "\(id)"
            write("-> destination learned on \(name) in \(vlan)", depth: depth, indent: 5)
        }
    }

    public mutating func sent(to port: BridgePort, depth: Int) {
        write("-> output to \(port.name) (port \(port.number.rawValue))", depth: depth, indent: 5)
    }

    public mutating func dropped(_ end: PacketEnd, why: String, depth: Int) {
        write(">> \(why) (\(end.name))", depth: depth, indent: 4)
    }

    public mutating func learned(_ effect: TranslationEffect, depth: Int) {
        switch effect {
        case .learnMAC(_, let key, _):
            write("-> learns \(key.mac) in VLAN \(key.vlan)", depth: depth, indent: 5)
        case .holdMAC(_, let key):
            write("-> believes no reflections of \(key.mac) for a while", depth: depth, indent: 5)
        case .useBond(_, _, let hash):
            write("-> bucket \(hash & 0xff) of the bond", depth: depth, indent: 5)
        case .mirror(_, let mirror):
            write("-> copied by mirror \(mirror)", depth: depth, indent: 5)
        case .snoop(_, _, let vlan):
            write("-> multicast snooping reads it, VLAN \(vlan)", depth: depth, indent: 5)
        case .useGroup, .continueLater:
            break
        case .shorten(_, _, let idle, let hard):
            write(
                "-> the connection ends: timeouts of \(idle) and \(hard) s at most", depth: depth,
                indent: 5)
        case .learnRule(_, let mod):
            write(
                "-> learns a rule for table \(mod.table ?? 0), priority \(mod.priority)",
                depth: depth, indent: 5)
        }
    }

    public mutating func noted(_ text: String, depth: Int) {
        write("-> \(text)", depth: depth, indent: 5)
    }

    public mutating func finished(_ translation: Translation) {
        text += "\nEnd: \(translation.end.name)\n"
    }
}
