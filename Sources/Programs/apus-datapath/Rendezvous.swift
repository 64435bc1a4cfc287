// How the thread that carries out orders gets a worker's state to itself.
//
//     worker:   enter ── a block ── wanted? ── a block ── wanted! leave │ enter waits … │ goes on
//     orders:                 take: wanted, waits ─────────────────────>│ orders │ giveBack
//
// A worker has its state for a turn, which is bounded, and looks between two blocks of frames
// whether it is wanted: so the other waits for one block at most, and no packet meets a lock. Who
// wants it takes it once for a batch of orders. The worker cannot come in between: while it is
// wanted it does not enter.

import Glibc
import Synchronization

@safe
final class Rendezvous: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let change: UnsafeMutablePointer<pthread_cond_t>
    private let wanted = Atomic(false)
    // All under the mutex.
    private var isAtWork = false
    /// The worker waits to enter.
    private var isWaiting = false
    /// It waited, and is to have the next turn.
    private var isDue = false
    /// The other waits for it to leave.
    private var isAsked = false
    private var isTaken = false
    private var isOver = false

    init() {
        // Freed in deinit; with default attributes neither call can fail.
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe change = .allocate(capacity: 1)
        unsafe pthread_cond_init(change, nil)
    }

    deinit {
        // Safe: nobody uses either any more.
        unsafe pthread_cond_destroy(change)
        unsafe pthread_mutex_destroy(mutex)
        unsafe change.deallocate()
        unsafe mutex.deallocate()
    }

    // Safe here and below: both live as long as this, and only who has locked unlocks.
    private func locked<Value>(_ body: () -> Value) -> Value {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    private func wait() { unsafe pthread_cond_wait(change, mutex) }
    /// Only ever one of the two waits.
    private func tell() { unsafe pthread_cond_signal(change) }

    // MARK: The worker

    /// Begins a turn; waits while somebody else has the state.
    ///
    /// - Returns: False if there will be no more turns.
    func enter() -> Bool {
        locked {
            isWaiting = true
            while isTaken && !isOver { wait() }
            (isWaiting, isDue) = (false, false)
            isAtWork = !isOver
            return isAtWork
        }
    }

    /// Ends a turn.
    func leave() {
        locked {
            isAtWork = false
            if isAsked { tell() }
        }
    }

    /// Whether to end the turn soon. To be asked between blocks; costs one look at memory.
    var isWanted: Bool { wanted.load(ordering: .relaxed) }

    // MARK: The other

    /// Has the state to itself from here on, until `giveBack`.
    func take() {
        wanted.store(true, ordering: .relaxed)
        locked {
            isAsked = true
            while isAtWork || isDue { wait() }
            (isAsked, isTaken) = (false, true)
        }
    }

    func giveBack() {
        wanted.store(false, ordering: .relaxed)
        locked {
            isTaken = false
            isDue = isWaiting
            if isWaiting { tell() }
        }
    }

    /// No turn begins any more. The state is to be given back before.
    func end() {
        wanted.store(true, ordering: .relaxed)
        locked {
            (isOver, isDue) = (true, false)
            tell()
        }
    }
}
