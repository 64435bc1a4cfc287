public import DatapathMessages
public import Timekeeping

// Where a worker's time goes.
//
//     wait │ orders │ packets, upcalls, packets, upcalls … │ rest        one turn
//          └ spend(.waiting) └ spend(.orders) …              └ endTurn
//
// A handful of looks at the clock for each turn of the worker, none for each packet: a turn of a
// busy worker has hundreds of packets. What is asked is the time between two such looks, by what
// was done in it; and how many packets a turn had and how long it took, in powers of two.

/// What the caches answered, counted since the process began.
public struct LookupCounts: Hashable, Sendable {
    /// Packets that the kernel forwarded by itself. They cost this thread no time.
    public var express: UInt64
    public var microflowHits: UInt64
    public var megaflowHits: UInt64
    /// Tables that were asked for `megaflowHits` and misses, one for each mask.
    public var probes: UInt64
    /// Packets that no flow knew: with those that were lost on their way up.
    public var misses: UInt64
    public var lost: UInt64

    /// - Parameter express: Is part of `statistics.hits`.
    public init(_ statistics: DatapathStatistics, express: UInt64 = 0) {
        self.express = express
        microflowHits = statistics.cacheHits
        megaflowHits = statistics.hits &- statistics.cacheHits &- express
        probes = statistics.maskHits
        misses = statistics.misses
        lost = statistics.lost
    }

    /// Times that the megaflow table was asked.
    var tableLookups: UInt64 { megaflowHits &+ misses }

    /// Lookups that were made here.
    public var lookups: UInt64 { microflowHits &+ megaflowHits &+ misses }

    static func - (now: Self, before: Self) -> Self {
        var new = now
        new.express &-= before.express
        new.microflowHits &-= before.microflowHits
        new.megaflowHits &-= before.megaflowHits
        new.probes &-= before.probes
        new.misses &-= before.misses
        new.lost &-= before.lost
        return new
    }
}

/// One worker's times since `clear`. Owned by its thread.
public struct WorkerCosts: Sendable {
    /// What a worker does; the raw value is the place in `nanoseconds`.
    public enum Step: Int, CaseIterable, Sendable {
        /// Nothing: it waits for something to happen.
        case waiting
        /// What vswitchd and tools ordered, ports that open and close, links that change.
        case orders
        /// Frames: from the ring through the caches to the sending call.
        case packets
        /// Handing packets to vswitchd.
        case upcalls
        /// Dumps, control socket, the second's counting.
        case rest
    }

    /// Bins of a histogram: 0, 1, 2 to 3, 4 to 7, …; the last has all that is more.
    static let binCount = 16

    private(set) var nanoseconds = [UInt64](repeating: 0, count: Step.allCases.count)
    private(set) var busyTurns: UInt64 = 0
    private(set) var idleTurns: UInt64 = 0
    /// Of turns that had packets.
    private(set) var busyNanoseconds: UInt64 = 0
    private(set) var packetBins = [UInt64](repeating: 0, count: binCount)
    /// Of microseconds at work.
    private(set) var timeBins = [UInt64](repeating: 0, count: binCount)
    private(set) var base: LookupCounts
    private(set) var begin: Instant
    private var mark: Instant
    private var turnNanoseconds: UInt64 = 0
    private var lookupsBefore: UInt64

    /// Begins to measure at `now`.
    public init(now: Instant, counts: LookupCounts) {
        begin = now
        mark = now
        base = counts
        lookupsBefore = counts.lookups
    }

    /// The time since the last call went into `step`. A clock that stood still counts nothing.
    public mutating func spend(_ step: Step, until now: Instant) {
        guard now > mark else { return }
        let spent = now.nanosecondsSinceStart - mark.nanosecondsSinceStart
        mark = now
        nanoseconds[step.rawValue] &+= spent
        if step != .waiting { turnNanoseconds &+= spent }
    }

    /// A turn is over.
    ///
    /// - Parameter lookups: Made since the process began.
    public mutating func endTurn(lookups: UInt64) {
        let packets = lookups &- lookupsBefore
        lookupsBefore = lookups
        if packets > 0 {
            busyTurns &+= 1
            busyNanoseconds &+= turnNanoseconds
            packetBins[Self.bin(of: packets)] &+= 1
            timeBins[Self.bin(of: turnNanoseconds / 1000)] &+= 1
        } else {
            idleTurns &+= 1
        }
        turnNanoseconds = 0
    }

    static func bin(of number: UInt64) -> Int {
        min(UInt64.bitWidth - number.leadingZeroBitCount, binCount - 1)
    }

    /// The smallest number of a bin.
    static func start(ofBin bin: Int) -> UInt64 { bin == 0 ? 0 : 1 << UInt64(bin - 1) }

    public func spent(on step: Step) -> UInt64 { nanoseconds[step.rawValue] }

    /// Of all steps but waiting.
    var workNanoseconds: UInt64 {
        nanoseconds.reduce(0, &+) &- nanoseconds[Step.waiting.rawValue]
    }
}
