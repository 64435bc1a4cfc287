// Whom a tool waits for, and how to start it: what a message must say when nobody answers.

/// The daemons by the names that Open vSwitch's tools give them.
public enum DaemonNames {
    public static let database = "ovsdb-server"
    public static let vswitchd = "ovs-vswitchd"
    public static let datapath = "apus-datapath"

    /// The program that is this daemon; `nil` for a name that is not one of ours.
    public static func program(for daemon: String) -> String? {
        switch daemon {
        case database: "apus-ovsdb"
        case vswitchd: "apus-vswitchd"
        case datapath: "apus-datapath"
        default: nil
        }
    }

    /// What to do if it does not answer: `; start it with "apus-vswitchd --detach"`, or nothing for
    /// a daemon that we do not know.
    public static func startHint(for daemon: String) -> String {
        program(for: daemon).map { "; start it with \"\($0) --detach\"" } ?? ""
    }
}
