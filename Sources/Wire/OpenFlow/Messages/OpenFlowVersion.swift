// Versions and how two ends agree on one.

/// A version that the codec speaks; the raw value is the number on the wire.
public enum OpenFlowVersion: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case v10 = 1
    case v11, v12, v13, v14, v15

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// As `ovs-ofctl -O` writes it.
    public var name: String {
        "OpenFlow1\(rawValue - 1)"
    }
}

/// A set of version numbers as HELLO carries it: bit n = version n (1.3.5 §7.5.1).
public struct OpenFlowVersions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public init(_ versions: [OpenFlowVersion]) {
        rawValue = versions.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
    }

    /// Everything up to `highest`: what a HELLO without a bitmap offers.
    public init(upTo highest: UInt8) {
        rawValue = highest >= 31 ? ~1 : (1 << (UInt32(highest) + 1)) - 2
    }

    /// All versions that the codec speaks.
    public static let spoken = OpenFlowVersions(OpenFlowVersion.allCases)

    /// Those that the `protocols` column of a bridge names; all if it names none.
    public init(named names: [String]) {
        self =
            names.isEmpty
            ? .spoken : Self(OpenFlowVersion.allCases.filter { names.contains($0.name) })
    }

    /// The highest number in the set; nil if it is empty.
    public var highest: UInt8? {
        rawValue == 0 ? nil : UInt8(31 - rawValue.leadingZeroBitCount)
    }

    /// The version that two ends speak that sent these sets; nil if they share none.
    public static func agreed(_ a: Self, _ b: Self) -> OpenFlowVersion? {
        let common = a.rawValue & b.rawValue
        return OpenFlowVersion.allCases.last { common & 1 << UInt32($0.rawValue) != 0 }
    }
}
