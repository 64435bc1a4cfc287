// What a bond interface of Linux is told: Documentation/networking/bonding.rst of the kernel.

/// How a bond spreads frames over its members, by the kernel's numbers.
public enum BondMode: UInt8, Hashable, Sendable, CaseIterable {
    case balanceRR = 0
    case activeBackup, balanceXOR, broadcast, lacp, balanceTLB, balanceALB

    /// As `ip link` writes it.
    public var name: String {
        switch self {
        case .balanceRR: "balance-rr"
        case .activeBackup: "active-backup"
        case .balanceXOR: "balance-xor"
        case .broadcast: "broadcast"
        case .lacp: "802.3ad"
        case .balanceTLB: "balance-tlb"
        case .balanceALB: "balance-alb"
        }
    }

    public init?(_ name: String) {
        guard let mode = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = mode
    }
}

/// Which headers choose the member, by the kernel's numbers.
public enum BondHashPolicy: UInt8, Hashable, Sendable, CaseIterable {
    case layer2 = 0
    case layer34, layer23, encap23, encap34, vlanSource

    public var name: String {
        switch self {
        case .layer2: "layer2"
        case .layer34: "layer3+4"
        case .layer23: "layer2+3"
        case .encap23: "encap2+3"
        case .encap34: "encap3+4"
        case .vlanSource: "vlan+srcmac"
        }
    }

    public init?(_ name: String) {
        guard let policy = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = policy
    }
}

/// Settings of a bond; `nil` leaves the kernel's default, or what is set, as it is.
public struct BondSettings: Hashable, Sendable {
    public var mode: BondMode?
    /// Milliseconds between looks at the members' carrier; 0 = never.
    public var miimon: UInt32?
    /// Milliseconds that a member must be up, or down, before it counts as such.
    public var upDelay: UInt32?
    public var downDelay: UInt32?
    /// Whether LACP units are asked for each second (and not every 30 s).
    public var isLACPFast: Bool?
    public var hashPolicy: BondHashPolicy?
    /// Members that must be up for the bond to be.
    public var minLinks: UInt32?
    public init() {}

    /// Settings of `wanted` that are said there and differ here.
    public func differences(from wanted: BondSettings) -> BondSettings {
        var result = BondSettings()
        if let mode = wanted.mode, mode != self.mode { result.mode = mode }
        if let value = wanted.miimon, value != miimon { result.miimon = value }
        if let value = wanted.upDelay, value != upDelay { result.upDelay = value }
        if let value = wanted.downDelay, value != downDelay { result.downDelay = value }
        if let value = wanted.isLACPFast, value != isLACPFast { result.isLACPFast = value }
        if let value = wanted.hashPolicy, value != hashPolicy { result.hashPolicy = value }
        if let value = wanted.minLinks, value != minLinks { result.minLinks = value }
        return result
    }

    /// Names and values of what is said, in the words of `apus link`.
    public var words: [(name: String, value: String)] {
        var words: [(String, String)] = []
        if let mode { words.append(("mode", mode.name)) }
        if let miimon { words.append(("miimon", "\(miimon)")) }
        if let upDelay { words.append(("updelay", "\(upDelay)")) }
        if let downDelay { words.append(("downdelay", "\(downDelay)")) }
        if let isLACPFast { words.append(("lacp-rate", isLACPFast ? "fast" : "slow")) }
        if let hashPolicy { words.append(("xmit-hash-policy", hashPolicy.name)) }
        if let minLinks { words.append(("min-links", "\(minLinks)")) }
        return words
    }

    /// Sets what `name` names; the settings' names are those of `words`.
    ///
    /// - Returns: What is wrong with the value, or nil. `name` must be one of `names`.
    public mutating func set(_ name: String, _ value: String) -> String? {
        switch name {
        case "mode":
            mode = BondMode(value)
            return mode == nil ? Self.oneOf(BondMode.allCases.map(\.name), not: value) : nil
        case "xmit-hash-policy":
            hashPolicy = BondHashPolicy(value)
            return hashPolicy == nil
                ? Self.oneOf(BondHashPolicy.allCases.map(\.name), not: value) : nil
        case "lacp-rate":
            isLACPFast = ["fast": true, "slow": false][value]
            return isLACPFast == nil ? Self.oneOf(["slow", "fast"], not: value) : nil
        default: break
        }
        guard let number = UInt32(value), number <= UInt32(Int32.max) else {
            return "\"\(value)\" is no number"
        }
        switch name {
        case "miimon": miimon = number
        case "updelay": upDelay = number
        case "downdelay": downDelay = number
        default: minLinks = number
        }
        return nil
    }

    public static let names = [
        "mode", "miimon", "updelay", "downdelay", "lacp-rate", "xmit-hash-policy", "min-links",
    ]

    private static func oneOf(_ names: [String], not value: String) -> String {
        "\"\(value)\" is none of \(names.joined(separator: ", "))"
    }
}
