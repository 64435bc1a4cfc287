// Locks: names that at most one client owns. They guard nothing by themselves; clients agree on
// what they mean, and "assert" lets a transaction depend on one. RFC 7047 §4.1.8–4.1.10.
//
//     queue of a lock:   owner | next | next …      steal goes to the front, lock to the back

/// Who owns which lock and who waits for it.
struct Locks {
    private var queues: [String: [SessionID]] = [:]

    /// Whether `session` owns the lock or waits for it.
    func has(_ name: String, _ session: SessionID) -> Bool {
        queues[name]?.contains(session) ?? false
    }

    func owner(of name: String) -> SessionID? { queues[name]?.first }

    /// Puts `session` at the end of the queue. Returns whether it owns the lock now.
    mutating func lock(_ name: String, _ session: SessionID) -> Bool {
        queues[name, default: []].append(session)
        return owner(of: name) == session
    }

    /// Puts `session` in front. Returns the owner it displaced, who is next in the queue.
    mutating func steal(_ name: String, _ session: SessionID) -> SessionID? {
        let displaced = owner(of: name)
        queues[name, default: []].insert(session, at: 0)
        return displaced
    }

    /// Takes `session` out of the queue. Returns the client that owns the lock because of it.
    mutating func unlock(_ name: String, _ session: SessionID) -> SessionID? {
        let before = owner(of: name)
        queues[name]?.removeAll { $0 == session }
        if queues[name]?.isEmpty ?? false { queues[name] = nil }
        let after = owner(of: name)
        return after == before ? nil : after
    }
}
