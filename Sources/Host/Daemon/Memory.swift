// Memory that was needed once, for a start or a great change, need not stay with the process.

import CProcess

/// The process's memory.
public enum Memory {
    /// Gives what is free back to the system. Takes milliseconds for each 100 MB.
    public static func giveBack() { process_trim_memory() }
}
