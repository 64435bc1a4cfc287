// What all this is called, and where it lives if nobody says otherwise.

/// The name and version that every program answers to `--version`, and the directories that daemons
/// and tools must agree on. They are ours, never those of an Open vSwitch on the same machine.
public enum Product {
    public static let name = "Apus"
    /// Semantic versioning 2.0.0; the same for all programs of one build.
    public static let version = "0.1.0"

    /// Sockets and pid files; the environment's OVS_RUNDIR goes before it.
    public static let rundir = "/run/apus"
    /// The database; OVS_DBDIR goes before it.
    public static let dbdir = "/var/lib/apus"
    /// Log files; OVS_LOGDIR goes before it.
    public static let logdir = "/var/log/apus"

    /// The line of `--version`: `ovs-vswitchd (Apus) 0.1.0`.
    public static func versionLine(of program: String) -> String {
        "\(program) (\(name)) \(version)"
    }
}
