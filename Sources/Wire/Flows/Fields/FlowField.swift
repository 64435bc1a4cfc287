// A match field, described once.
//
// Matching, masking, prerequisites, the OXM and NXM codecs, the text of `ovs-ofctl`, `set_field`,
// `load`, `move` and `learn` all read the same description. A field is a window into the words of a
// `PipelineKey`; nothing else in the house knows where it lies.

/// One field of OpenFlow or of Nicira's extension. All fields stand in `FlowField.all`.
///
/// No more than the place of a description that is made once for each field and never goes: actions
/// and matches are full of fields, and to copy one counts no reference.
@safe
public struct FlowField {
    /// A run of bits in one word of a `PipelineKey`.
    public struct Place: Hashable, Sendable, BitwiseCopyable {
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
    public enum MaskRule: Sendable, BitwiseCopyable { case exact, bitwise }

    /// What must already be matched for the field to mean anything (OpenFlow 1.3.5 §7.2.3.8).
    public enum Prerequisite: Sendable, BitwiseCopyable {
        case none, vlan, mpls, arp, ipv4, ipv6, ip, tcp, udp, sctp, icmp, icmpv6
        case neighbourDiscovery, neighbourSolicit, neighbourAdvert
    }

    /// How its value is written in text.
    public enum Format: Sendable, BitwiseCopyable {
        case decimal, hexadecimal, ethernet, ipv4, ipv6, port, fragment, tcpFlags
        case packetType, connectionState
    }

    @usableFromInline
    struct Description {
        @usableFromInline let name: String
        @usableFromInline let aliases: [String]
        @usableFromInline let places: [Place]
        /// The last of `places`, with the low bits: the only one of most fields.
        @usableFromInline let lowest: Place
        @usableFromInline let placeCount: Int
        @usableFromInline let words: UInt64
        @usableFromInline let width: Int
        @usableFromInline let exactMask: FieldValue
        /// Ones as wide as the places together.
        @usableFromInline let heldOnes: FieldValue
        @usableFromInline let maskRule: MaskRule
        @usableFromInline let prerequisite: Prerequisite
        @usableFromInline let format: Format
        @usableFromInline let isWritable: Bool
        @usableFromInline let isOfPacket: Bool
        @usableFromInline let isOfOuterTag: Bool
        @usableFromInline let nxm: UInt32?
        @usableFromInline let oxm: UInt32?
    }

    // Safe wherever it is read: filled by `init`, and never freed or changed after that.
    @usableFromInline let description: UnsafePointer<Description>

    /// The name that `ovs-ofctl` prints in `set_field` and tests, for example `eth_src`.
    @inlinable public var name: String { unsafe description.pointee.name }
    /// Other names it is known by, the one of OpenFlow 1.0 text first, for example `dl_src`.
    @inlinable public var aliases: [String] { unsafe description.pointee.aliases }
    /// Where it lies, its high bits first.
    @inlinable public var places: [Place] { unsafe description.pointee.places }
    /// Those words of the key that it lies in, the first by the lowest bit.
    @inlinable public var words: UInt64 { unsafe description.pointee.words }
    /// Significant bits.
    @inlinable public var width: Int { unsafe description.pointee.width }
    /// The bits that an exact match looks at and an unmasked write changes: all but for `nw_tos`.
    @inlinable public var exactMask: FieldValue { unsafe description.pointee.exactMask }
    @inlinable public var maskRule: MaskRule { unsafe description.pointee.maskRule }
    @inlinable public var prerequisite: Prerequisite { unsafe description.pointee.prerequisite }
    @inlinable public var format: Format { unsafe description.pointee.format }
    @inlinable public var isWritable: Bool { unsafe description.pointee.isWritable }
    /// Class (16 bits) and field number (7 bits) in NXM, `class << 7 | field`; nil if it has none.
    @inlinable public var nxm: UInt32? { unsafe description.pointee.nxm }
    /// The same in OXM.
    @inlinable public var oxm: UInt32? { unsafe description.pointee.oxm }
    /// Whether it is part of the packet's bytes, and no note of the switch about it.
    @inlinable public var isOfPacket: Bool { unsafe description.pointee.isOfPacket }
    /// Whether it shares bits with the outer VLAN tag's TCI.
    @inlinable public var isOfOuterTag: Bool { unsafe description.pointee.isOfOuterTag }

    init(
        _ name: String, _ aliases: [String] = [], at places: [Place], width: Int? = nil,
        _ maskRule: MaskRule, _ prerequisite: Prerequisite = .none, _ format: Format,
        writable: Bool = true, exactMask: UInt64? = nil, nxm: UInt32? = nil, oxm: UInt32? = nil
    ) {
        let heldWidth = places.reduce(0) { $0 + $1.width }
        let width = width ?? heldWidth
        // Words 0 to 2 but for IPv6's label, and those behind the packet's, are the switch's.
        let isOfPacket = places.contains {
            (3..<FlowKey.wordCount).contains($0.word) || ($0.word == 2 && $0.shift >= 32)
        }
        let isOfOuterTag = places.contains {
            $0.word == 5 && $0.shift < 32 && $0.shift + $0.width > 16
        }
        let memory = UnsafeMutablePointer<Description>.allocate(capacity: 1)
        // Safe: allocated for it just now.
        unsafe memory.initialize(
            to: Description(
                name: name, aliases: aliases, places: places,
                lowest: places.last ?? Place(0, 0, 0), placeCount: places.count,
                words: places.reduce(0) { $0 | 1 << UInt64($1.word) }, width: width,
                exactMask: exactMask.map { FieldValue(low: $0) } ?? .ones(width),
                heldOnes: .ones(heldWidth), maskRule: maskRule, prerequisite: prerequisite,
                format: format, isWritable: writable, isOfPacket: isOfPacket,
                isOfOuterTag: isOfOuterTag, nxm: nxm, oxm: oxm))
        unsafe description = UnsafePointer(memory)
    }
}

// Safe to share: what it points to never changes.
extension FlowField: @unchecked Sendable {}

extension FlowField: Hashable {
    // Each field is described once.
    @inlinable public static func == (a: FlowField, b: FlowField) -> Bool {
        unsafe a.description == b.description
    }
    @inlinable public func hash(into hasher: inout Hasher) {
        unsafe hasher.combine(description)
    }
}

/// The value of a field, up to 128 bits, in its low bits.
public struct FieldValue: Hashable, Sendable, BitwiseCopyable {
    public var high: UInt64
    public var low: UInt64
    @inlinable public init(high: UInt64 = 0, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `width` ones in the low bits, 0 to 128.
    @inlinable public static func ones(_ width: Int) -> FieldValue {
        guard width < 64 else {
            return FieldValue(high: width >= 128 ? ~0 : (1 &<< UInt64(width - 64)) - 1, low: ~0)
        }
        return FieldValue(low: width <= 0 ? 0 : (1 &<< UInt64(width)) - 1)
    }
}

extension FieldValue {
    /// Both halves as one number.
    @inlinable public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    @inlinable public init(bits: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }

    @inlinable public var isZero: Bool { high | low == 0 }
}

extension FlowField {
    /// The field's value in `key`.
    public func read(_ key: PipelineKey) -> FieldValue {
        // Safe: the words are a whole key's.
        unsafe key.withWords { unsafe read(words: $0) }
    }

    /// The field's value in the key whose `PipelineKey.wordCount` words are lent: for those who
    /// have the key in a place of their own.
    @unsafe
    public func read(words: UnsafePointer<UInt64>) -> FieldValue {
        // Safe here and below: places lie in the row (tests hold each one against it).
        guard unsafe description.pointee.placeCount > 1 else {
            let place = unsafe description.pointee.lowest
            let word = unsafe words[place.word]
            let shift = UInt64(truncatingIfNeeded: place.shift)
            return FieldValue(low: word &>> shift & place.ones)
        }
        var value: UInt128 = 0
        for place in places {
            let bits = unsafe words[place.word] >> UInt64(place.shift) & place.ones
            value = value << UInt128(place.width) | UInt128(bits)
        }
        return FieldValue(bits: value)
    }

    /// Writes the bits of `value` that `mask` selects into `key`; nil: those of `exactMask`.
    public func write(
        _ value: FieldValue, mask: FieldValue? = nil, into key: inout PipelineKey
    ) {
        let mask = mask ?? exactMask
        unsafe key.withMutableWords { words in
            let lowest = unsafe description.pointee.lowest
            unsafe Self.write(value.low, mask.low, lowest, words)
            guard unsafe description.pointee.placeCount > 1 else { return }
            var value = value.bits >> UInt128(lowest.width)
            var mask = mask.bits >> UInt128(lowest.width)
            for place in places.dropLast().reversed() {
                unsafe Self.write(
                    UInt64(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: mask), place,
                    words)
                value >>= UInt128(place.width)
                mask >>= UInt128(place.width)
            }
        }
    }

    @inline(__always)
    private static func write(
        _ value: UInt64, _ mask: UInt64, _ place: Place, _ words: UnsafeMutablePointer<UInt64>
    ) {
        let selected = mask & place.ones
        let shift = UInt64(truncatingIfNeeded: place.shift)
        // Safe: as in `read`.
        let old = unsafe words[place.word]
        unsafe words[place.word] = old & ~(selected &<< shift) | (value & selected) &<< shift
    }

    /// Those bits of `exactMask` that the key holds: not the high half of an ARP operation.
    public var heldMask: FieldValue {
        let held = unsafe description.pointee.heldOnes
        return FieldValue(high: exactMask.high & held.high, low: exactMask.low & held.low)
    }

    /// Whether the key holds every bit of `value`: false for an ARP operation above 255, or for
    /// bits above the field's width.
    public func canHold(_ value: FieldValue) -> Bool {
        let held = unsafe description.pointee.heldOnes
        return value.high & ~held.high | value.low & ~held.low == 0
    }
}

extension FlowField.Place {
    @inline(__always)
    var ones: UInt64 {
        width >= 64 ? ~0 : (1 &<< UInt64(truncatingIfNeeded: width)) &- 1
    }
}
