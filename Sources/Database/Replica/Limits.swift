// How much a server may make its client hold.

/// Bounds of one replica. A server that goes over one is not believed any longer: the connection
/// is given up with a reason, and the picture stays as it was.
public enum ReplicaLimits {
    /// Rows of all tables together. The largest installations we know of have some 50,000.
    public static let rowCountMax = 1_000_000
    /// Transactions sent and not yet answered. A switch daemon has one or two in flight.
    public static let pendingTransactionCountMax = 1_024
    /// Touched rows that are remembered one by one until `takeChanges`; beyond it a table is told
    /// as a whole.
    public static let touchedRowCountMax = 100_000
}
