// How many workers there are if nobody says.

import Forwarding
import Glibc

enum WorkerCount {
    static let allowed = 1...ForwardingLimits.workers
    /// However many processors there are.
    private static let standardMax = 8

    /// Processors that this machine has in use.
    static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    /// One for each processor but one.
    static var standard: Int { min(max(processors - 1, 1), standardMax) }
}
