// How much of a file is looked at.

public enum HistoryLimits {
    /// Largest file that is read, in bytes. A file is compacted long before it is as large.
    public static let fileByteCountMax = 256 << 20
    /// Transactions that are remembered, newest last. Each knows the rows that it changed.
    public static let transactionCountMax = 10_000
}
