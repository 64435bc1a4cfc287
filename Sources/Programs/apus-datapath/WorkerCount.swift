// How many workers there are if nobody says.

import Forwarding
import Glibc

enum WorkerCount {
    static let allowed = 1...ForwardingLimits.workers
    /// However many processors there are.
    private static let standardMax = 8

    /// One for each processor but one.
    static var standard: Int {
        let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        return min(max(processors - 1, 1), standardMax)
    }
}
