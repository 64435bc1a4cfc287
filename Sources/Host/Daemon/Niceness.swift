// How much a daemon's threads come before other programs.
//
// The packets that a switch's control plane is asked about come from programs that would rather
// send more of them than let it answer. Open vSwitch's start script gives its daemon a niceness of
// -10 for that reason; ours takes it itself, so that it makes no difference who starts it.

import Glibc

public enum Niceness {
    /// What `ovs-ctl` gives to ovs-vswitchd.
    public static let ofControlPlane: Int32 = -10

    /// Gives this thread, and those that it makes from now on, a niceness.
    ///
    /// - Parameter value: -20, first, to 19, last. Others are taken to the nearer end.
    /// - Returns: Whether the kernel agreed; if not, nothing has changed. To ask for less than one
    ///   has needs CAP_SYS_NICE.
    public static func take(_ value: Int32) -> Bool {
        let process = __priority_which_t(PRIO_PROCESS.rawValue)
        guard setpriority(process, 0, value) == 0 else { return false }
        // Where sessions share processors as groups (sched(7), "The autogroup feature"), niceness
        // counts within the session only. Where they do not, the file is not there.
        if let file = unsafe fopen("/proc/self/autogroup", "w") {
            // Safe: the file was opened above and is closed here.
            unsafe fputs("\(value)", file)
            unsafe fclose(file)
        }
        return true
    }
}
