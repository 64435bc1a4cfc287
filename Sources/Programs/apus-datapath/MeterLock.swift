// The lock by which workers share meters: one bucket for all, held for the few instructions that it
// takes to ask it. Only packets that meet a meter meet it.

import Execution
import Glibc

enum MeterLock {
    /// A gate with a lock of its own, which lasts as long as the process.
    static func make() -> MeterGate {
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        // Cannot fail with default attributes.
        unsafe pthread_mutex_init(mutex, nil)
        // Safe: both get the mutex that was made above.
        return unsafe MeterGate(
            mutex,
            enter: { lock in
                _ = unsafe pthread_mutex_lock(lock.assumingMemoryBound(to: pthread_mutex_t.self))
            },
            leave: { lock in
                _ = unsafe pthread_mutex_unlock(
                    lock.assumingMemoryBound(to: pthread_mutex_t.self))
            })
    }
}
