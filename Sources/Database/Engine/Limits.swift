// How much one client, or all of them, may make the engine hold.

/// Bounds of the engine. Each is far above what a switch with thousands of ports needs.
public enum EngineLimits {
    /// Clients at one time; further ones are closed at once.
    public static let sessionCountMax = 1024
    /// Monitors of one client.
    public static let monitorsPerSessionMax = 256
    /// Transactions of one client that wait for something to become true.
    public static let waitingPerSessionMax = 64
    /// Locks that one client holds or waits for.
    public static let locksPerSessionMax = 256
    /// Rows of one database.
    public static let rowCountMax = 1_000_000
    /// Transactions of one database that a client may have missed without reading all anew.
    public static let historyTransactionCountMax = 1000
    /// Changed rows of all those transactions.
    public static let historyChangeCountMax = 50_000
    /// Bytes of one client's unfinished message.
    public static let messageByteCountMax = 64 << 20
}
