public import Flows

// What a rule matches, free of any version's way of writing it.
//
// Key and mask are half a kilobyte, and on its way from a connection to its table a flow mod passes
// through a dozen hands. So they lie in one object that copies of a match share until one of them
// changes: what is handed on is eight bytes.

/// A key and the bits of it that count. Bits of `key` outside `mask` are zero, always: two equal
/// matches compare equal.
public struct Match: Sendable {
    /// Sendable because whoever changes it is its only owner (`own`).
    private final class Storage: @unchecked Sendable {
        // Safe wherever they are: only `set` changes them, when nobody else can look.
        @exclusivity(unchecked) var key: PipelineKey
        @exclusivity(unchecked) var mask: PipelineMask
        init(_ key: PipelineKey, _ mask: PipelineMask) {
            unsafe self.key = key
            unsafe self.mask = mask
        }

        /// Most messages say nothing about packets, or nothing yet.
        static let everything = Storage(PipelineKey(), PipelineMask())
    }

    private var storage: Storage

    public var key: PipelineKey { _read { yield unsafe storage.key } }
    public var mask: PipelineMask { _read { yield unsafe storage.mask } }

    /// Matches every packet.
    public init() { storage = .everything }

    public init(key: PipelineKey, mask: PipelineMask) {
        storage = Storage(key.masked(by: mask), mask)
    }

    private mutating func own() {
        if !isKnownUniquelyReferenced(&storage) {
            storage = unsafe Storage(storage.key, storage.mask)
        }
    }

    /// Adds the condition that the bits `mask` of `field` equal those of `value`; nil = all bits
    /// that an exact match of the field looks at.
    public mutating func set(_ field: FlowField, to value: FieldValue, mask: FieldValue? = nil) {
        own()
        let bits = mask ?? field.exactMask
        let ones = FieldValue.ones(field.width)
        // The same bits are written to both, and of the key no others: none is left outside.
        let held = FieldValue(bits: value.bits & ones.bits)
        unsafe field.write(held, mask: bits, into: &storage.key)
        unsafe field.write(ones, mask: bits, into: &storage.mask)
    }

    /// Whether nothing is asked of a packet.
    public var isEverything: Bool {
        storage === Storage.everything || mask == PipelineMask()
    }

    public func matches(_ packet: PipelineKey) -> Bool {
        packet.masked(by: mask) == key
    }
}

extension Match: Hashable {
    public static func == (a: Match, b: Match) -> Bool {
        a.storage === b.storage || (a.mask == b.mask && a.key == b.key)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(mask)
        hasher.combine(key)
    }
}
