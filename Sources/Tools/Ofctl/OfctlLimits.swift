/// Bounds of ovs-ofctl.
public enum OfctlLimits {
    /// A switch that does not answer within this is not there, or in trouble; `-t` says otherwise.
    static let timeoutSeconds = 5
    /// Largest file of flows: some 600,000 lines.
    public static let inputByteCount = 64 << 20
    /// Connections of one capture: each keeps what it has not understood yet, a message at most.
    static let streams = 1024
    /// Echoes that `ping` sends, as ovs-ofctl does.
    static let pings = 10
    /// Bytes of each.
    static let pingByteCount = 64
}
