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
        public init(_ word: Int, _ shift: Int, _ width: Int) {
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
        case packetType, connectionState
    }

    /// The name that `ovs-ofctl` prints in `set_field` and tests, for example `eth_src`.
    public let name: String
    /// Other names it is known by, the one of OpenFlow 1.0 text first, for example `dl_src`.
    public let aliases: [String]
    /// Where it lies, its high bits first.
    public let places: [Place]
    /// Significant bits.
    public let width: Int
    /// The bits that an exact match looks at and an unmasked write changes: all but for `nw_tos`.
    public let exactMask: FieldValue
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
        writable: Bool = true, exactMask: UInt64? = nil, nxm: UInt32? = nil, oxm: UInt32? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.places = places
        let width = width ?? places.reduce(0) { $0 + $1.width }
        self.width = width
        self.exactMask = exactMask.map { FieldValue(low: $0) } ?? .ones(width)
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

extension FieldValue {
    /// Both halves as one number.
    public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    public init(bits: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    public var isZero: Bool { high | low == 0 }
}

extension FlowField {
    /// The field's value in `key`.
    public func read(_ key: PipelineKey) -> FieldValue {
        unsafe key.withWords { words in
            // Safe here and below: places lie in the row (tests hold each one against it).
            guard places.count > 1 else {
                let place = places[0]
                let word = unsafe words[place.word]
                return FieldValue(low: word >> UInt64(place.shift) & place.ones)
            }
            var value: UInt128 = 0
            for place in places {
                let bits = unsafe words[place.word] >> UInt64(place.shift) & place.ones
                value = value << UInt128(place.width) | UInt128(bits)
            }
            return FieldValue(bits: value)
        }
    }

    /// Writes the bits of `value` that `mask` selects into `key`; nil: those of `exactMask`.
    public func write(
        _ value: FieldValue, mask: FieldValue? = nil, into key: inout PipelineKey
    ) {
        var value = value.bits
        var mask = (mask ?? exactMask).bits
        unsafe key.withMutableWords { words in
            for place in places.reversed() {
                let bits = UInt64(truncatingIfNeeded: value) & place.ones
                let selected = UInt64(truncatingIfNeeded: mask) & place.ones
                let shift = UInt64(place.shift)
                let old = unsafe words[place.word]
                unsafe words[place.word] = old & ~(selected << shift) | (bits & selected) << shift
                value >>= UInt128(place.width)
                mask >>= UInt128(place.width)
            }
        }
    }

    /// Those bits of `exactMask` that the key holds: not the high half of an ARP operation.
    public var heldMask: FieldValue {
        FieldValue(bits: exactMask.bits & FieldValue.ones(heldWidth).bits)
    }

    private var heldWidth: Int { places.reduce(0) { $0 + $1.width } }

    /// Whether the key holds every bit of `value`: false for an ARP operation above 255, or for
    /// bits above the field's width.
    public func canHold(_ value: FieldValue) -> Bool {
        value.bits & ~FieldValue.ones(heldWidth).bits == 0
    }
}

extension FlowField.Place {
    var ones: UInt64 { width == 64 ? ~0 : (1 << UInt64(width)) - 1 }
}
