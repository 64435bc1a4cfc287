// A match field, described once.
//
// Matching, masking, prerequisites, the OXM and NXM codecs, the text of `ovs-ofctl`, `set_field`,
// `load`, `move` and `learn` all read the same description. A field is a window into the words of a
// `PipelineKey`; nothing else in the house knows where it lies.

/// One field of OpenFlow or of Nicira's extension. All fields stand in `FlowField.all`.
public struct FlowField: Sendable {
    /// A run of bits in one word of a `PipelineKey`.
    public struct Place: Hashable, Sendable {
        public var word: Int
        public var shift: Int
        public var width: Int
        public init(word: Int, shift: Int, width: Int) {
            self.word = word
            self.shift = shift
            self.width = width
        }
    }

    /// Which bits of the field a rule may look at.
    public enum MaskRule: Sendable { case exact, bitwise }

    /// What must already be matched for the field to mean anything (OpenFlow 1.3.5 §7.2.3.8).
    public enum Prerequisite: Sendable {
        case none, vlan, mpls, arp, ipv4, ipv6, ip, tcp, udp, sctp, icmp, icmpv6
        case neighbourDiscovery, neighbourSolicit, neighbourAdvert
    }

    /// How its value is written in text.
    public enum Format: Sendable {
        case decimal, hexadecimal, ethernet, ipv4, ipv6, port, fragment, tcpFlags
    }

    /// The name that `ovs-ofctl` prints in `set_field` and tests, for example `eth_src`.
    public let name: String
    /// Other names it is known by, the one of OpenFlow 1.0 text first, for example `dl_src`.
    public let aliases: [String]
    /// Where it lies; a 128-bit field has two places, the high half first.
    public let places: [Place]
    /// Significant bits.
    public let width: Int
    public let maskRule: MaskRule
    public let prerequisite: Prerequisite
    public let format: Format
    public let isWritable: Bool
    /// Class (16 bits) and field number (7 bits) in NXM, `class << 7 | field`; nil if it has none.
    public let nxm: UInt32?
    /// The same in OXM.
    public let oxm: UInt32?

    public init(
        _ name: String, _ aliases: [String] = [], at places: [Place], width: Int? = nil,
        _ maskRule: MaskRule, _ prerequisite: Prerequisite = .none, _ format: Format,
        writable: Bool = true, nxm: UInt32? = nil, oxm: UInt32? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.places = places
        self.width = width ?? places.reduce(0) { $0 + $1.width }
        self.maskRule = maskRule
        self.prerequisite = prerequisite
        self.format = format
        isWritable = writable
        self.nxm = nxm
        self.oxm = oxm
    }
}

extension FlowField: Hashable {
    public static func == (a: FlowField, b: FlowField) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// The value of a field, up to 128 bits, in its low bits.
public struct FieldValue: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64
    public init(high: UInt64 = 0, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `width` ones in the low bits, 0 to 128.
    public static func ones(_ width: Int) -> FieldValue {
        func half(_ width: Int) -> UInt64 { width >= 64 ? ~0 : (1 << UInt64(max(width, 0))) - 1 }
        return FieldValue(high: half(width - 64), low: half(width))
    }
}

extension FlowField {
    /// The field's value in `key`.
    public func read(_ key: PipelineKey) -> FieldValue {
        var value = FieldValue(low: 0)
        for place in places {
            let bits = key[word: place.word] >> UInt64(place.shift) & place.ones
            if place.width == 64 {
                value = FieldValue(high: value.low, low: bits)
            } else {
                value = FieldValue(low: value.low << UInt64(place.width) | bits)
            }
        }
        return value
    }

    /// Writes the bits of `value` that `mask` selects into `key`.
    public func write(
        _ value: FieldValue, mask: FieldValue? = nil, into key: inout PipelineKey
    ) {
        let mask = mask ?? .ones(width)
        for (index, place) in places.enumerated() {
            let isHigh = places.count == 2 && index == 0
            let bits = (isHigh ? value.high : value.low) & place.ones
            let selected = (isHigh ? mask.high : mask.low) & place.ones
            let shift = UInt64(place.shift)
            key[word: place.word] =
                key[word: place.word] & ~(selected << shift) | (bits & selected) << shift
        }
    }
}

extension FlowField.Place {
    var ones: UInt64 { width == 64 ? ~0 : (1 << UInt64(width)) - 1 }
}
