// When a thread runs, if processors are short.
//
// Other programs' packets are what a switch works for, and they compete with it for the same
// processors. Waking for each frame at once, ahead of them, is not kind: it interrupts the sender,
// finds one frame where there could be eight, and pays the price of a system call for each. A
// batch job runs as soon as a processor is free, and does not push others off one. An idle machine
// answers as fast as before.
//
// The datapath is one for good. Measured with TCP on two cores, as a share of the Linux bridge's:
// with the highest niceness 0.50 to 0.55, as an ordinary process 0.61 to 0.68, as a batch job 0.64
// to 0.70. The control plane is one while processors suffice (`AdaptiveScheduling`); where they
// are short, its niceness counts (`Niceness`).

import Glibc

/// Two of those of sched(7); the raw values are the kernel's.
public enum SchedulingPolicy: Int32, Sendable {
    /// `SCHED_OTHER`: runs when it is woken, if it comes before what runs.
    case ordinary = 0
    /// `SCHED_BATCH`: never interrupts another thread by being woken.
    case batch = 3

    /// Gives the calling thread, and those that it makes from now on, this policy. Their niceness
    /// stays.
    ///
    /// - Returns: Whether the kernel agreed; if not, nothing has changed.
    public func take() -> Bool {
        var parameters = sched_param(sched_priority: 0)
        // Safe: `parameters` lives through the call.
        return unsafe sched_setscheduler(0, rawValue, &parameters) == 0
    }
}
