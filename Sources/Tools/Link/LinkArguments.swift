// The command line of `apus link`, understood.

public import LinkValues
import Packets

/// What the user of `apus link` wants.
public enum LinkArguments: Equatable, Sendable {
    case help
    /// A script for bash.
    case completion
    case call(LinkCall)
}

/// One command with its options.
public struct LinkCall: Equatable, Sendable {
    public enum Command: Equatable, Sendable {
        /// Steps to carry out in order; the first refusal ends it.
        case change([LinkStep])
        /// All links if no name is given.
        case show([String])
        case watch
        case apply(file: String, isDryRun: Bool)
    }
    public var command = Command.show([])
    /// Where; `nil`: here.
    public var namespace: String?
    public var isJSON = false
}

/// What is wrong with a command line.
public struct LinkArgumentError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}

extension LinkArguments {
    /// - Parameter words: The command line behind `apus link`.
    /// - Throws: What is wrong, as a sentence that names the word.
    public init(parsing words: [String]) throws(LinkArgumentError) {
        var call = LinkCall()
        var isDryRun = false
        var plain: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "-h", "--help":
                self = .help
                return
            case "-j", "--json": call.isJSON = true
            case "--dry-run": isDryRun = true
            case "-n", "--netns":
                guard let name = rest.popFirst(), isNamespaceName(name) else {
                    throw LinkArgumentError("\(word) needs the name of a network namespace")
                }
                call.namespace = name
            default:
                guard !word.hasPrefix("-") || word == "-" else {
                    throw LinkArgumentError("there is no option \(word); try apus link --help")
                }
                plain.append(word)
            }
        }
        var reader = LinkWords(plain[...], namespace: call.namespace)
        switch reader.next() {
        case "add": call.command = .change(try reader.add())
        case "set": call.command = .change(try reader.set())
        case "del", "delete": call.command = .change(try reader.delete())
        case "show", nil: call.command = .show(Array(reader.rest))
        case "watch":
            try reader.end("watch")
            call.command = .watch
        case "apply":
            let file = try reader.value("a file")
            try reader.end("apply")
            call.command = .apply(file: file, isDryRun: isDryRun)
        case "completion":
            self = .completion
            return
        case let word?:
            throw LinkArgumentError("there is no command \(word); try apus link --help")
        }
        if isDryRun, case .apply = call.command {
        } else if isDryRun {
            throw LinkArgumentError("--dry-run is for apply")
        }
        self = .call(call)
    }
}

/// The words of one command, taken from the left.
private struct LinkWords {
    var rest: ArraySlice<String>
    let namespace: String?

    init(_ rest: ArraySlice<String>, namespace: String?) {
        self.rest = rest
        self.namespace = namespace
    }

    mutating func next() -> String? { rest.popFirst() }

    mutating func value(_ what: String) throws(LinkArgumentError) -> String {
        guard let word = next() else { throw LinkArgumentError("\(what) is missing") }
        return word
    }

    func end(_ command: String) throws(LinkArgumentError) {
        guard let word = rest.first else { return }
        throw LinkArgumentError("\(command) does not take \"\(word)\"")
    }

    mutating func name(_ what: String) throws(LinkArgumentError) -> String {
        let word = try value(what)
        guard isLinkName(word) else {
            throw LinkArgumentError(
                "\"\(word)\" is no name of an interface: 1 to 15 bytes, no blank or slash")
        }
        return word
    }

    mutating func number(
        _ what: String, in range: ClosedRange<Int>
    ) throws(LinkArgumentError) -> Int {
        let word = try value(what)
        guard let number = Int(word), range.contains(number) else {
            throw LinkArgumentError(
                "\(what) is a number from \(range.lowerBound) to \(range.upperBound), "
                    + "not \"\(word)\"")
        }
        return number
    }

    mutating func macAddress() throws(LinkArgumentError) -> MACAddress {
        let word = try value("an address")
        guard let address = MACAddress(word) else {
            throw LinkArgumentError("\"\(word)\" is no MAC address")
        }
        return address
    }

    mutating func interfaceAddress() throws(LinkArgumentError) -> InterfaceAddress {
        let word = try value("an address")
        guard let address = InterfaceAddress(word) else {
            throw LinkArgumentError("\"\(word)\" is no address like 192.0.2.1/24")
        }
        return address
    }

    mutating func namespaceName() throws(LinkArgumentError) -> String {
        let word = try value("the name of a network namespace")
        guard isNamespaceName(word) else {
            throw LinkArgumentError("\"\(word)\" is no name of a network namespace")
        }
        return word
    }

    func step(_ action: LinkStep.Action) -> LinkStep { LinkStep(action, in: namespace) }

    // MARK: del, set

    mutating func delete() throws(LinkArgumentError) -> [LinkStep] {
        var steps: [LinkStep] = []
        repeat { steps.append(step(.delete(try name("the name of a link")))) } while !rest.isEmpty
        return steps
    }

    mutating func set() throws(LinkArgumentError) -> [LinkStep] {
        var link = try name("the name of a link")
        var steps: [LinkStep] = []
        while let word = next() {
            let action = try setting(word, link)
            if case .rename(_, let name) = action { link = name }
            steps.append(step(action))
        }
        guard !steps.isEmpty else { throw LinkArgumentError("what is to be set of \(link)?") }
        return steps
    }

    private mutating func setting(
        _ word: String, _ link: String
    ) throws(LinkArgumentError) -> LinkStep.Action {
        switch word {
        case "up": return .up(link, true)
        case "down": return .up(link, false)
        case "mtu": return .mtu(link, try number("mtu", in: LinkLimits.mtuRange))
        case "address": return .address(link, try macAddress())
        case "name": return .rename(link, to: try name("the new name"))
        case "alias": return .alias(link, try value("the alias"))
        case "master": return .master(link, try name("the name of a bridge or bond"))
        case "nomaster": return .master(link, nil)
        case "netns": return .namespace(link, to: try namespaceName())
        case "add-ip": return .addAddress(link, try interfaceAddress())
        case "del-ip": return .removeAddress(link, try interfaceAddress())
        case "offload":
            let name = try value("the name of an offload")
            guard let offload = LinkOffload(rawValue: name) else {
                let names = LinkOffload.allCases.map(\.rawValue).joined(separator: ", ")
                throw LinkArgumentError("\"\(name)\" is none of \(names)")
            }
            let state = try value("on or off")
            guard ["on", "off"].contains(state) else {
                throw LinkArgumentError("offload \(name) is on or off, not \"\(state)\"")
            }
            return .offload(link, offload, state == "on")
        default:
            var bond = BondSettings()
            guard try bondSetting(word, &bond) else {
                throw LinkArgumentError("there is nothing called \"\(word)\" to set")
            }
            return .bond(link, bond)
        }
    }

    private mutating func bondSetting(
        _ word: String, _ bond: inout BondSettings
    ) throws(LinkArgumentError) -> Bool {
        guard BondSettings.names.contains(word) else { return false }
        if let wrong = bond.set(word, try value(word)) {
            throw LinkArgumentError("\(word): \(wrong)")
        }
        return true
    }

    // MARK: add

    mutating func add() throws(LinkArgumentError) -> [LinkStep] {
        let type = try value("veth, vlan, bond, bridge, dummy or tap")
        guard ["veth", "vlan", "bond", "bridge", "dummy", "tap"].contains(type) else {
            throw LinkArgumentError(
                "\"\(type)\" is none of veth, vlan, bond, bridge, dummy, tap")
        }
        let link = try name("the name of the link")
        var order = LinkOrder(name: link, kind: .dummy)
        var said = Said()
        while let word = next() { try take(word, type, &order, &said) }
        switch type {
        case "veth":
            guard let peer = said.peer else {
                throw LinkArgumentError(
                    "a veth needs its peer: apus link add veth \(link) peer NAME")
            }
            order.kind = .veth(peer: peer, peerNamespace: said.peerNamespace)
        case "vlan":
            guard let parent = said.parent, let id = said.id else {
                throw LinkArgumentError(
                    "a vlan needs its parent and its id: "
                        + "apus link add vlan \(link) dev PARENT id N")
            }
            order.kind = .vlan(parent: parent, id: UInt16(clamping: id))
        case "bond": order.kind = .bond(said.bond, members: said.members)
        case "bridge": order.kind = .bridge
        case "tap": order.kind = .tap
        default: break
        }
        return [step(.add(order))] + (said.isUp ? [step(.up(link, true))] : [])
    }

    /// What one kind needs.
    private struct Said {
        var peer: String?
        var peerNamespace: String?
        var parent: String?
        var id: Int?
        var bond = BondSettings()
        var members: [String] = []
        var isUp = false
    }

    private mutating func take(
        _ word: String, _ type: String, _ order: inout LinkOrder, _ said: inout Said
    ) throws(LinkArgumentError) {
        switch (type, word) {
        case (_, "mtu"): order.mtu = try number("mtu", in: LinkLimits.mtuRange)
        case (_, "address"): order.address = try macAddress()
        case (_, "alias"): order.alias = try value("the alias")
        case (_, "up"): said.isUp = true
        case ("veth", "peer"): said.peer = try name("the peer's name")
        case ("veth", "netns"): said.peerNamespace = try namespaceName()
        case ("vlan", "dev"): said.parent = try name("the parent's name")
        case ("vlan", "id"): said.id = try number("id", in: LinkLimits.vlanRange)
        case ("bond", "members"):
            while !rest.isEmpty { said.members.append(try name("a member's name")) }
        case ("bond", _) where try bondSetting(word, &said.bond): break
        default: throw LinkArgumentError("add \(type) does not take \"\(word)\"")
        }
    }
}
