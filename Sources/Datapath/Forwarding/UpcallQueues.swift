public import DatapathMessages

// Packets that wait to be asked about.
//
// Every port has a queue of its own, and they are served in turn, one upcall each. So a port that
// floods the switch with unknown packets fills its own queue and waits for its own turn; one with a
// single new connection is served in the next round.
//
// Memory is shared in the same spirit: a port may hold as many bytes as are still free, not more.
// One greedy port alone therefore gets half of the budget, two get a third each, and whoever comes
// new always finds room (dynamic thresholds, Choudhury and Hahne, 1998). Nothing that waits is ever
// thrown out for a newcomer, so an upcall that was taken is an upcall that will be handed over.

/// Bounded upcall queues, one per place. Owned by one thread; knows nothing of ports but places.
public struct UpcallQueues: ~Copyable {
    private struct Queue {
        /// Those before `first` have been taken.
        var upcalls: [Upcall?] = []
        var first = 0
        var byteCount = 0
        var lost: UInt64 = 0
        /// The place that is served after this one; nil for the last.
        var next: Int?
        var count: Int { upcalls.count - first }
    }

    public let upcallsPerPort: Int
    public let byteBudget: Int
    private var queues: [Queue] = []
    /// Places that have something to say, linked by `next`, in the order of their turns.
    private var turn: (first: Int, last: Int)?
    /// Upcalls that wait.
    public private(set) var count = 0
    /// Bytes of frames that wait.
    public private(set) var byteCount = 0
    /// Upcalls lost since the start, over all places.
    public private(set) var lost: UInt64 = 0

    /// - Parameters:
    ///   - upcallsPerPort: At least 1.
    ///   - byteBudget: Bytes of frames over all places.
    public init(upcallsPerPort: Int, byteBudget: Int) {
        self.upcallsPerPort = max(upcallsPerPort, 1)
        self.byteBudget = max(byteBudget, 0)
    }

    /// Upcalls of `place` that were lost.
    public func lost(at place: Int) -> UInt64 {
        place < queues.count ? queues[place].lost : 0
    }

    /// Upcalls of `place` that wait.
    public func count(at place: Int) -> Int {
        place < queues.count ? queues[place].count : 0
    }

    /// Whether one more frame of `byteCount` bytes may wait at `place`. If not, it is counted as
    /// lost; nothing is allocated, so that a flood costs no more than the counting.
    public mutating func admits(byteCount wanted: Int, at place: Int) -> Bool {
        while queues.count <= place { queues.append(Queue()) }
        let held = queues[place].byteCount
        if queues[place].count < upcallsPerPort, held + wanted <= byteBudget - byteCount {
            return true
        }
        queues[place].lost &+= 1
        lost &+= 1
        return false
    }

    /// Appends an upcall that `admits` has just admitted.
    public mutating func append(_ upcall: Upcall, at place: Int) {
        precondition(place < queues.count, "admitted before")
        let wasEmpty = queues[place].count == 0
        queues[place].upcalls.append(upcall)
        queues[place].byteCount += upcall.bytes.count
        count += 1
        byteCount += upcall.bytes.count
        if wasEmpty { takePlace(place) }
    }

    private mutating func takePlace(_ place: Int) {
        queues[place].next = nil
        guard let (first, last) = turn else {
            turn = (place, place)
            return
        }
        queues[last].next = place
        turn = (first, place)
    }

    /// Takes up to `limit` upcalls, one of each place that has any, in turns.
    public mutating func take(atMost limit: Int) -> [Upcall] {
        var taken: [Upcall] = []
        while taken.count < limit, let (place, last) = turn {
            turn = queues[place].next.map { ($0, last) }
            if let upcall = takeFirst(at: place) { taken.append(upcall) }
            if queues[place].count > 0 { takePlace(place) }
        }
        return taken
    }

    private mutating func takeFirst(at place: Int) -> Upcall? {
        let first = queues[place].first
        guard first < queues[place].upcalls.count else { return nil }
        var upcall: Upcall?
        swap(&upcall, &queues[place].upcalls[first])
        queues[place].first += 1
        let size = upcall?.bytes.count ?? 0
        queues[place].byteCount -= size
        byteCount -= size
        count -= 1
        if queues[place].count == 0 {
            queues[place].upcalls = []
            queues[place].first = 0
        } else if queues[place].first >= upcallsPerPort {
            queues[place].upcalls.removeFirst(queues[place].first)
            queues[place].first = 0
        }
        return upcall
    }

    /// Forgets all that waits at `place`, and what it has lost.
    public mutating func removeAll(at place: Int) {
        guard place < queues.count else { return }
        count -= queues[place].count
        byteCount -= queues[place].byteCount
        var waiting: [Int] = []
        var next = turn?.first
        while let other = next {
            next = queues[other].next
            if other != place { waiting.append(other) }
        }
        queues[place] = Queue()
        turn = nil
        for other in waiting { takePlace(other) }
    }

    /// The first broken invariant, or nil: sums agree, and exactly the places that have something
    /// to say have a turn, once.
    public func brokenInvariant() -> String? {
        var turns: [Int] = []
        var next = turn?.first
        while let place = next, turns.count <= queues.count {
            turns.append(place)
            next = queues[place].next
        }
        guard turns.sorted() == queues.indices.filter({ queues[$0].count > 0 }) else {
            return "turns \(turns) are not those with something to say"
        }
        guard turns.last == turn?.last else { return "the last turn is not the last" }
        guard queues.reduce(0, { $0 + $1.count }) == count,
            queues.reduce(0, { $0 + $1.byteCount }) == byteCount,
            queues.reduce(0, { $0 + $1.lost }) <= lost
        else { return "sums disagree" }
        return byteCount <= byteBudget ? nil : "over the budget"
    }
}
