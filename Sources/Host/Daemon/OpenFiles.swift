// How many descriptors a process may have. The usual 1,024 are from a time when a process had few.

import Glibc

public enum OpenFiles {
    /// Lets this process have up to `count` descriptors, as far as the system allows: root may
    /// raise what an administrator set for others, anybody may go up to it.
    ///
    /// - Returns: How many it may have now.
    @discardableResult
    public static func raiseLimit(to count: Int) -> Int {
        var limit = rlimit()
        let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        // Safe here and below: `limit` lives through the call.
        guard unsafe getrlimit(kind, &limit) == 0 else { return 0 }
        let wanted = rlim_t(max(0, count))
        guard limit.rlim_cur < wanted else { return Int(clamping: limit.rlim_cur) }
        let before = limit
        limit.rlim_cur = wanted
        limit.rlim_max = max(limit.rlim_max, wanted)
        if unsafe setrlimit(kind, &limit) == 0 { return count }
        limit = before
        limit.rlim_cur = min(wanted, before.rlim_max)
        guard unsafe setrlimit(kind, &limit) == 0 else { return Int(clamping: before.rlim_cur) }
        return Int(clamping: limit.rlim_cur)
    }
}
