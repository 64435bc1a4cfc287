// A link that is wanted, and one change that brings the present nearer to it.

public import Packets

/// An address of an interface with the length of its network's prefix.
public struct InterfaceAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    public enum Host: Hashable, Sendable {
        case ipv4(IPv4Address)
        case ipv6(IPv6Address)
    }
    public var host: Host
    /// 0 to 32, or to 128.
    public var prefixLength: Int

    public init(host: Host, prefixLength: Int) {
        self.host = host
        self.prefixLength = prefixLength
    }

    /// Reads `192.0.2.1/24`; without a prefix the whole address counts.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let width: Int
        if let address = IPv4Address(String(parts[0])) {
            (host, width) = (.ipv4(address), 32)
        } else if let address = IPv6Address(String(parts[0])) {
            (host, width) = (.ipv6(address), 128)
        } else {
            return nil
        }
        prefixLength = width
        guard parts.count == 2 else { return }
        guard let length = Int(parts[1]), (0...width).contains(length) else { return nil }
        prefixLength = length
    }

    public var description: String {
        switch host {
        case .ipv4(let address): "\(address)/\(prefixLength)"
        case .ipv6(let address): "\(address)/\(prefixLength)"
        }
    }

    /// Whether the kernel makes it by itself for every interface that is up (RFC 4291 §2.5.6).
    public var isLinkLocal: Bool {
        if case .ipv6(let address) = host { return address.high >> 54 == 0x3fa }
        return false
    }

    public static func < (a: Self, b: Self) -> Bool {
        switch (a.host, b.host) {
        case (.ipv4(let x), .ipv4(let y)): (x, a.prefixLength) < (y, b.prefixLength)
        case (.ipv6(let x), .ipv6(let y)): (x, a.prefixLength) < (y, b.prefixLength)
        case (.ipv4, .ipv6): true
        case (.ipv6, .ipv4): false
        }
    }
}

/// A link that is to be made.
public struct LinkOrder: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case dummy
        case bridge
        /// A tap interface that stays without a program.
        case tap
        /// A pair of interfaces that lead to each other; the peer may stand in another namespace.
        case veth(peer: String, peerNamespace: String?)
        /// Frames of one VLAN on `parent`; `id` is 1 to 4094.
        case vlan(parent: String, id: UInt16)
        /// Members must be down when they join, and are switched off for it.
        case bond(BondSettings, members: [String])

        /// As the kernel calls it.
        public var name: String {
            switch self {
            case .dummy: "dummy"
            case .bridge: "bridge"
            case .tap: "tun"
            case .veth: "veth"
            case .vlan: "vlan"
            case .bond: "bond"
            }
        }
    }

    public var name: String
    public var kind: Kind
    public var mtu: Int?
    public var address: MACAddress?
    public var alias: String?

    public init(
        name: String, kind: Kind, mtu: Int? = nil, address: MACAddress? = nil,
        alias: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.mtu = mtu
        self.address = address
        self.alias = alias
    }
}

extension LinkOrder: CustomStringConvertible {
    /// In the words of `apus link add`, for example "veth v0 peer v1 netns red".
    public var description: String {
        var words: [String]
        switch kind {
        case .dummy: words = ["dummy", name]
        case .bridge: words = ["bridge", name]
        case .tap: words = ["tap", name]
        case .veth(let peer, let namespace):
            words = ["veth", name, "peer", peer] + (namespace.map { ["netns", $0] } ?? [])
        case .vlan(let parent, let id): words = ["vlan", name, "dev", parent, "id", "\(id)"]
        case .bond(let settings, let members):
            words = ["bond", name] + settings.words.flatMap { [$0.name, $0.value] }
            if !members.isEmpty { words += ["members"] + members }
        }
        if let mtu { words += ["mtu", "\(mtu)"] }
        if let address { words += ["address", "\(address)"] }
        return words.joined(separator: " ")
    }
}

/// One change to the links of a network namespace.
public struct LinkStep: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case add(LinkOrder)
        case delete(String)
        case up(String, Bool)
        case mtu(String, Int)
        case address(String, MACAddress)
        case rename(String, to: String)
        case alias(String, String)
        /// Into a bridge or a bond, or out of it.
        case master(String, String?)
        case bond(String, BondSettings)
        case namespace(String, to: String)
        case addAddress(String, InterfaceAddress)
        case removeAddress(String, InterfaceAddress)
        case offload(String, LinkOffload, Bool)
    }
    /// Where; `nil`: the caller's own namespace.
    public var namespace: String?
    public var action: Action

    public init(_ action: Action, in namespace: String? = nil) {
        self.action = action
        self.namespace = namespace
    }
}

extension LinkStep: CustomStringConvertible {
    /// For example "add veth v0 peer v1", "set v1 mtu 1400 (in netns red)".
    public var description: String {
        let text =
            switch action {
            case .add(let order): "add \(order)"
            case .delete(let name): "del \(name)"
            case .up(let name, let isUp): "set \(name) \(isUp ? "up" : "down")"
            case .mtu(let name, let mtu): "set \(name) mtu \(mtu)"
            case .address(let name, let address): "set \(name) address \(address)"
            case .rename(let name, let other): "set \(name) name \(other)"
            case .alias(let name, let alias): "set \(name) alias \(alias)"
            case .master(let name, let master?): "set \(name) master \(master)"
            case .master(let name, nil): "set \(name) nomaster"
            case .bond(let name, let settings):
                "set \(name) "
                    + settings.words.map { "\($0.name) \($0.value)" }.joined(separator: " ")
            case .namespace(let name, let namespace): "set \(name) netns \(namespace)"
            case .addAddress(let name, let address): "set \(name) add-ip \(address)"
            case .removeAddress(let name, let address): "set \(name) del-ip \(address)"
            case .offload(let name, let offload, let isOn):
                "set \(name) offload \(offload.rawValue) \(isOn ? "on" : "off")"
            }
        return namespace.map { "\(text) (in netns \($0))" } ?? text
    }
}
