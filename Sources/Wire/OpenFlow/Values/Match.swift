public import Flows

// What a rule matches, free of any version's way of writing it.

/// A key and the bits of it that count. Bits of `key` outside `mask` are zero, always: two equal
/// matches compare equal.
public struct Match: Hashable, Sendable {
    public private(set) var key: PipelineKey
    public private(set) var mask: PipelineMask

    /// Matches every packet.
    public init() {
        key = PipelineKey()
        mask = PipelineMask()
    }

    public init(key: PipelineKey, mask: PipelineMask) {
        self.key = key.masked(by: mask)
        self.mask = mask
    }

    /// Adds the condition that the bits `mask` of `field` equal those of `value`; nil = all bits
    /// that an exact match of the field looks at.
    public mutating func set(_ field: FlowField, to value: FieldValue, mask: FieldValue? = nil) {
        let bits = mask ?? field.exactMask
        field.write(value, mask: bits, into: &key)
        field.write(.ones(field.width), mask: bits, into: &self.mask)
        key = key.masked(by: self.mask)
    }

    @inlinable public func matches(_ packet: PipelineKey) -> Bool {
        packet.masked(by: mask) == key
    }
}
