// How much one command line may ask for. Its length is bounded by the kernel already (ARG_MAX).

public enum VsctlLimits {
    /// Elements that one range such as `0-4095` may stand for; Open vSwitch has the same bound.
    public static let rangeElementCountMax: Int64 = 4_096
    /// How long to wait when nobody said `--timeout`: for the database, and for the switch to take
    /// over a change. A healthy pair answers in milliseconds.
    public static let timeoutDefault: Duration = .seconds(5)
    /// How often a transaction is made anew because somebody else changed the same rows first.
    public static let attemptCountMax = 100
    /// Largest file of commands that `diff` reads, in bytes.
    public static let changeFileByteCountMax = 1 << 20
    /// Names farther from the mistyped one than this are not suggested.
    public static let suggestionDistanceMax = 3
}

/// Exit statuses, as Open vSwitch's tool has them.
public enum VsctlExit {
    public static let success: Int32 = 0
    /// Nothing was changed, or it is unknown whether it was.
    public static let failure: Int32 = 1
    /// `br-exists`: there is no such bridge.
    public static let noSuchBridge: Int32 = 2
    /// Saved, but the switch could not set up an interface (`EX_DATAERR`, since Open vSwitch 3.6).
    public static let interfaceFailed: Int32 = 65
    /// The time is over. Open vSwitch's tool dies of SIGALRM then, which a shell sees as 128 + 14.
    public static let timedOut: Int32 = 142
}

/// Why a command goes no further.
public enum VsctlStop: Error, Equatable, Sendable {
    /// It cannot be done; the text is for the user.
    case failure(String)
    /// It is done, and this is the exit status.
    case exit(Int32)
    /// Not yet: `wait-until` sees that its condition does not hold.
    case notYet
}
