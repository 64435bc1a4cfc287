import DatapathMessages

// Packets that vswitchd was asked about, until it has answered.
//
// An answer that names its packet is a tenth of one that brings packet and key back. Questions are
// answered in their order, so what is kept is a row with two ends:
//
//     first ............ next      numbers, rising
//       | kept | kept | kept |     answer n: takes n, and lets everything before it go
//
// A number tells which of several workers keeps the packet: `worker | running number`, of 6 and 26
// bits.
//
// There is room for so many only. While there is none, nothing more is asked: what waits, waits in
// the fair queues, where a full one costs its own port alone. So this is also the window that keeps
// the way to vswitchd short, however hard one port floods.

/// Packets under way to vswitchd and back. Owned by one thread.
struct KeptUpcalls: ~Copyable {
    /// By number, modulo the count of places.
    private var places: [Upcall?]
    private let byteBudget: Int
    private var byteCount = 0
    /// Running numbers, modulo 2²⁶.
    private var first: UInt32
    private var next: UInt32
    private let worker: Int

    private static let runningBits: UInt32 = 26
    private static let runningMask: UInt32 = 1 << runningBits - 1

    /// Which worker gave this number out.
    static func worker(of id: UInt32) -> Int { Int(id >> runningBits) }

    /// - Parameters:
    ///   - capacity: A power of two.
    ///   - byteBudget: Bytes of frames above which nothing more is kept.
    ///   - worker: Whose packets these are, below `ForwardingLimits.workers`.
    ///   - first: The first running number.
    init(
        capacity: Int = ForwardingLimits.keptUpcalls,
        byteBudget: Int = ForwardingLimits.upcallByteBudget, worker: Int = 0, first: UInt32 = 1
    ) {
        precondition(capacity > 0 && capacity & (capacity - 1) == 0, "a power of two")
        precondition((0..<ForwardingLimits.workers).contains(worker), "a worker's number")
        self.worker = worker
        places = Array(repeating: nil, count: capacity)
        self.byteBudget = byteBudget
        (self.first, next) = (first & Self.runningMask, first & Self.runningMask)
    }

    private func place(_ id: UInt32) -> Int { Int(id) & (places.count - 1) }

    /// How far a running number is behind the first.
    private func distance(to number: UInt32) -> UInt32 { (number &- first) & Self.runningMask }

    private static func after(_ number: UInt32) -> UInt32 { (number &+ 1) & runningMask }

    /// How many more may be kept now.
    var room: Int {
        byteCount < byteBudget ? max(places.count - Int(distance(to: next)), 0) : 0
    }

    /// Keeps `upcall`, for which there must be room, and gives it its number.
    mutating func keep(_ upcall: inout Upcall) {
        precondition(room > 0, "asked before")
        // 0 means "not kept"; its place stays empty.
        if next == 0 { next = 1 }
        upcall.id = UInt32(worker) << Self.runningBits | next
        byteCount += upcall.bytes.count
        places[place(next)] = upcall
        next = Self.after(next)
    }

    /// The packet with this number, which is kept no longer, nor are those before it; nil if the
    /// number was not given out, or settled before.
    mutating func take(_ id: UInt32) -> Upcall? {
        let number = id & Self.runningMask
        guard Self.worker(of: id) == worker, distance(to: number) < distance(to: next) else {
            return nil
        }
        while first != number { _ = takeFirst() }
        return takeFirst()
    }

    private mutating func takeFirst() -> Upcall? {
        var upcall: Upcall?
        swap(&upcall, &places[place(first)])
        byteCount -= upcall?.bytes.count ?? 0
        first = Self.after(first)
        return upcall
    }

    /// Whoever was asked is gone.
    mutating func removeAll() {
        while first != next { _ = takeFirst() }
    }
}
