// Nobody is told of anything that is not on the disk, and nobody waits for the disk alone.
//
//     written   1 2 3 4 5 6 7        files are synchronised one sync at a time, the machine goes on
//     on disk   1 2 3 . . . .        a sync begun after write 6 will cover 4, 5 and 6 together
//     effects   a b c d e f g        an effect waits for the last write before it: a b c may go
//
// Effects keep their order, also those of clients that only looked: what they saw may be what is
// not on the disk yet.

/// Effects that wait for the disk, and what is still to be synchronised.
public struct Outbox {
    private struct File {
        /// The first write that no synchronisation has covered.
        var firstUncovered: UInt64?
        /// The first write after the synchronisation that is under way began.
        var firstAfter: UInt64?
        /// The ticket of the synchronisation that is under way.
        var underWay: UInt64?
    }
    private var files: [String: File] = [:]
    private var lastWrite: UInt64 = 0
    private var lastTicket: UInt64 = 0
    private var held: [(after: UInt64, effect: DatabaseEffect)] = []
    /// Those of `held` before this place are gone.
    private var first = 0

    public init() {}

    /// How many effects wait.
    public var heldCount: Int { held.count - first }

    /// Whether nothing waits for a disk.
    public var isIdle: Bool { files.isEmpty }

    /// Something was written to a file: effects held from now on wait until it is on the disk.
    public mutating func wrote(to file: String) {
        lastWrite += 1
        var state = files[file] ?? File()
        if state.firstUncovered == nil { state.firstUncovered = lastWrite }
        if state.underWay != nil && state.firstAfter == nil { state.firstAfter = lastWrite }
        files[file] = state
    }

    /// Files that have something to synchronise and no synchronisation under way, in order.
    public var filesToSynchronize: [String] {
        guard !files.isEmpty else { return [] }
        return files.filter { $0.value.firstUncovered != nil && $0.value.underWay == nil }
            .map(\.key).sorted()
    }

    /// A synchronisation of the file begins; it covers all that has been written so far.
    ///
    /// - Returns: A ticket that names it.
    public mutating func beginSynchronizing(_ file: String) -> UInt64 {
        lastTicket += 1
        files[file]?.underWay = lastTicket
        files[file]?.firstAfter = nil
        return lastTicket
    }

    /// A synchronisation has succeeded. One of a file that was settled since means nothing.
    public mutating func endSynchronizing(_ file: String, _ ticket: UInt64) {
        guard let state = files[file], state.underWay == ticket else { return }
        files[file] = state.firstAfter.map { File(firstUncovered: $0) }
    }

    /// All of the file is on the disk by other means (it was replaced), or will never be.
    public mutating func settle(_ file: String) { files[file] = nil }

    /// Keeps effects until everything written so far is on the disk.
    public mutating func hold(_ effects: [DatabaseEffect]) {
        for effect in effects { held.append((lastWrite, effect)) }
    }

    /// Takes the effects that wait no longer, in their order.
    public mutating func takeReady() -> [DatabaseEffect] {
        guard first < held.count else { return [] }
        if files.isEmpty {
            let ready = held[first...].map(\.effect)
            held.removeAll(keepingCapacity: held.count < 1024)
            first = 0
            return ready
        }
        let uncovered = files.values.compactMap(\.firstUncovered).min() ?? .max
        let end = held[first...].firstIndex { $0.after >= uncovered } ?? held.count
        let ready = held[first..<end].map(\.effect)
        first = end
        if first == held.count {
            held.removeAll(keepingCapacity: held.count < 1024)
            first = 0
        } else if first > held.count / 2 {
            held.removeFirst(first)
            first = 0
        }
        return ready
    }
}
