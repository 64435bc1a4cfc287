// A machine whose short turns are taken by the thread that brings the message.
//
//     hub's thread    received ──> free, and nothing before it? ──> turn: no thread is woken
//                                  '─ no ─> mailbox ──┐
//     own thread      deadlines, signals, all that ───┴──> turn
//                     takes longer
//
// Waking another thread and being woken by it costs more than most requests of clients. Still only
// one thread at a time is inside the machine, and messages are handled in the order in which they
// come.

public import Synchronization
public import Timekeeping

/// What `SharedMachine` runs. Never called by two threads at once.
public protocol TurnTaking: AnyObject {
    associatedtype Message: Sendable

    /// Handles one message on the thread that brought it, and does nothing that waits.
    ///
    /// - Returns: Whether the machine's own thread is to look after it soon.
    func handleAtOnce(_ message: Message, now: Instant) -> Bool

    /// Handles what came, on the machine's own thread.
    ///
    /// - Returns: Whether to go on.
    func take(_ turn: Turn<Message>) throws -> Bool

    /// When the machine wants a turn on its own thread though nothing comes.
    var deadline: Instant? { get }

    /// What its own thread waits for besides. It is asked again after each turn on that thread, and
    /// after each `handleAtOnce` that returned true.
    var watches: [Watch] { get }
}

extension TurnTaking {
    public var watches: [Watch] { [] }
}

/// Lends a machine to one thread at a time.
public final class SharedMachine<Machine: TurnTaking>: Sendable {
    /// For messages that may take longer.
    public let mailbox = Mailbox<Machine.Message>()
    /// Nobody until the machine is made: it needs us in order to be made. Then always the same, and
    /// the lock is free: an `AtomicLazyReference` would look its own types up at each load.
    @usableFromInline let place = Mutex<MachinePlace<Machine>?>(nil)

    public init() {}

    /// Handles a message now, if no other thread is inside the machine and no message waits; if
    /// not, posts it.
    ///
    /// Inlinable, so that the machine is known where it is delivered to: of a machine of any type
    /// each turn would look up what types it is made of.
    ///
    /// - Returns: `false` if the mailbox is full; the message was not taken.
    @inlinable public func deliver(_ message: Machine.Message) -> Bool {
        guard let place = place.withLock({ $0 }), !place.isAwaited.load(ordering: .relaxed) else {
            return mailbox.post(message)
        }
        let isHandled = place.state.withLockIfAvailable { state in
            guard state.handledCount == mailbox.postedCount else { return false }
            let now = MonotonicClock.now()
            if state.machine.handleAtOnce(message, now: now) { mailbox.wake() }
            return true
        }
        return isHandled == true || mailbox.post(message)
    }

    /// Runs the machine on this thread, which is from now on its own, until it has enough. Traps
    /// the second time.
    ///
    /// - Parameter whenBegun: Called once, after the first turn.
    public func run(
        _ machine: sending Machine, _ loop: MachineLoop<Machine.Message>,
        whenBegun: () throws -> Void = {}
    ) throws {
        let own = MachinePlace(machine)
        place.withLock { place in
            precondition(place == nil, "a machine is in this place already")
            place = own
        }
        var hasBegun = false
        while true {
            let (deadline, watches) = own.state.withLock {
                ($0.machine.deadline, $0.machine.watches)
            }
            let turn = loop.wait(until: deadline, watching: watches)
            // Else whoever brings one message after the other would keep us out for ever.
            own.isAwaited.store(true, ordering: .relaxed)
            let goesOn = try own.state.withLock { state in
                own.isAwaited.store(false, ordering: .relaxed)
                defer { state.handledCount += UInt64(turn.messages.count) }
                return try state.machine.take(turn)
            }
            if !hasBegun { try whenBegun() }
            hasBegun = true
            guard goesOn else { return }
        }
    }
}

/// A machine and the lock before it.
@usableFromInline final class MachinePlace<Machine: TurnTaking>: Sendable {
    @usableFromInline struct State {
        @usableFromInline let machine: Machine
        /// Messages of the mailbox that the machine has handled.
        @usableFromInline var handledCount: UInt64 = 0

        init(machine: Machine) { self.machine = machine }
    }
    @usableFromInline let state: Mutex<State>
    /// The machine's own thread has something to do and waits for the lock.
    @usableFromInline let isAwaited = Atomic<Bool>(false)

    init(_ machine: sending Machine) { state = Mutex(State(machine: machine)) }
}
