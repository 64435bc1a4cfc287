// Waiting for the disk: on a thread of its own, so that the machine need not, or on the caller's,
// where the disk is done before another thread would have been woken.

import Dispatch
import Synchronization

/// Carries out synchronisations, one after another, on a thread of its own.
public final class Synchronizer: Sendable {
    /// How one synchronisation ended.
    public struct Ending: Sendable {
        /// As given to `start`.
        public let name: String
        public let ticket: UInt64
        /// `nil` if all is on the disk.
        public let failure: DurableLogError?
        /// How long the disk took.
        public let duration: Duration
    }

    private let queue = DispatchQueue(label: "synchronizer", qos: .userInitiated)
    private let endings = Mutex<[Ending]>([])
    private let wake: @Sendable () -> Void

    /// - Parameter wake: Called on the synchroniser's thread after each synchronisation.
    public init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Starts a synchronisation; `name` and `ticket` come back with its ending.
    public func start(
        _ synchronization: DurableLog.Synchronization, of name: String, ticket: UInt64
    ) {
        queue.async { [self] in
            let ending = Self.finish(synchronization, of: name, ticket: ticket)
            endings.withLock { $0.append(ending) }
            wake()
        }
    }

    /// Carries out a synchronisation on the caller's thread.
    public static func finish(
        _ synchronization: DurableLog.Synchronization, of name: String, ticket: UInt64
    ) -> Ending {
        var failure: DurableLogError?
        let clock = ContinuousClock()
        let begin = clock.now
        do throws(DurableLogError) { try synchronization() } catch { failure = error }
        return Ending(
            name: name, ticket: ticket, failure: failure, duration: clock.now - begin)
    }

    /// Takes the synchronisations that have ended since the last call.
    public func takeEndings() -> [Ending] {
        endings.withLock { endings in
            defer { endings = [] }
            return endings
        }
    }
}
