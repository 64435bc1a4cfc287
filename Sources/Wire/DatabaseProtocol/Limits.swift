// How much a peer may make this target hold or descend.

/// Bounds of what is read from outside. Each is far above what Open vSwitch's own clients send.
public enum ProtocolLimits {
    /// How deeply arrays and objects may be nested. A schema, the deepest honest text, needs 8.
    public static let nestingDepthMax = 256
    /// Largest JSON text, in bytes: an initial monitor reply of some 100,000 rows.
    public static let messageByteCountMax = 64 << 20
    /// Most operations in one transaction.
    public static let operationCountMax = 100_000
}
