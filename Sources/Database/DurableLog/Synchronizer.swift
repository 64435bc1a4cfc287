// The thread that waits for the disk, so that the machine need not.

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
            var failure: DurableLogError?
            do throws(DurableLogError) { try synchronization() } catch { failure = error }
            endings.withLock { $0.append(Ending(name: name, ticket: ticket, failure: failure)) }
            wake()
        }
    }

    /// Takes the synchronisations that have ended since the last call.
    public func takeEndings() -> [Ending] {
        endings.withLock { endings in
            defer { endings = [] }
            return endings
        }
    }
}
