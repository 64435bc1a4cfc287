public import Flows
public import Timekeeping

// Meters: token buckets that decide which packets go on, and which are marked down.
//
// Tokens are counted in billionths of a unit that a nanosecond brings exactly: 1 kbit/s times 1 ns
// is one microbit, 1 packet/s times 1 ns one billionth of a packet. So nothing is ever rounded, and
// a band that is asked a million times a second lets through no less than one asked once.
//
// A super-frame may cost more than its bucket holds. It passes a full bucket and leaves a debt that
// is filled up first, so that TCP gets its rate through the shallowest bucket, and not more.

/// Why a meter was refused.
public enum MeterRefusal: Error, Hashable, Sendable {
    case tooManyMeters(limit: UInt32)
    /// None, or more than `DatapathMeter.bandCountMax`.
    case badBandCount(Int)
    /// A band with rate 0 would let nothing pass ever.
    case badRate
    case noSuchMeter
}

/// What a meter says of a packet.
@frozen
public enum MeterVerdict: Hashable, Sendable {
    case pass
    case drop
    /// It goes on with its drop precedence raised by so many levels (`DropPrecedence`).
    case remark(precedenceLevel: UInt8)
}

/// One band's bucket.
@usableFromInline
struct BandBucket {
    @usableFromInline var rate: UInt64
    /// Below 2⁶³: see `init`.
    @usableFromInline var depth: Int64
    /// At most `depth`; negative while a super-frame is paid off.
    @usableFromInline var tokens: Int64
    @usableFromInline var packets: UInt64 = 0
    @usableFromInline var bytes: UInt64 = 0
    let effect: DatapathMeter.Effect

    init(_ band: DatapathMeter.Band) {
        rate = UInt64(band.rate)
        effect = band.effect
        // Cannot overflow: 2³² × 10⁹ < 2⁶³.
        depth = Int64(band.burst == 0 ? band.rate : band.burst) * 1_000_000_000
        tokens = depth
    }

    /// Fills the bucket for `elapsed` nanoseconds and takes `cost` out, which is below 2⁴¹; false
    /// if it is not there.
    mutating func admit(elapsed: UInt64, cost: Int64) -> Bool {
        let (gained, isTooMuch) = elapsed.multipliedReportingOverflow(by: rate)
        let room = UInt64(depth - tokens)
        tokens += Int64(min(isTooMuch ? .max : gained, room))
        guard min(cost, depth) <= tokens else { return false }
        tokens -= cost
        return true
    }
}

@usableFromInline
struct MeterState {
    var isThere = false
    var unit = DatapathMeter.Unit.kilobits
    var bandCount = 0
    var bands = InlineArray<8, BandBucket>(
        repeating: BandBucket(DatapathMeter.Band(rate: 1, burst: 1)))
    var filledAt = Instant.start
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var usedMilliseconds: UInt64 = 0

    /// Each band is asked; of those that are exceeded the one with the highest rate counts the
    /// packet, and decides on it (1.3.5 §5.7.1).
    mutating func judge(byteCount: Int, now: Instant) -> MeterVerdict {
        // A clock that steps back fills nothing.
        let elapsed =
            now > filledAt
            ? now.nanosecondsSinceStart - filledAt.nanosecondsSinceStart : 0
        filledAt = max(filledAt, now)
        packets &+= 1
        bytes &+= UInt64(truncatingIfNeeded: byteCount)
        usedMilliseconds = now.millisecondsSinceStart
        // A frame has less than 2¹⁷ bytes, so that its microbits fit.
        let cost =
            unit == .packets
            ? 1_000_000_000 : Int64(truncatingIfNeeded: byteCount) &* 8_000_000
        var exceeded: Int?
        for index in 0..<bandCount where !bands[index].admit(elapsed: elapsed, cost: cost) {
            if exceeded.map({ bands[index].rate > bands[$0].rate }) ?? true { exceeded = index }
        }
        guard let exceeded else { return .pass }
        bands[exceeded].packets &+= 1
        bands[exceeded].bytes &+= UInt64(truncatingIfNeeded: byteCount)
        switch bands[exceeded].effect {
        case .drop: return .drop
        case .remark(let level): return .remark(precedenceLevel: level)
        }
    }
}

/// Lets one of several threads at a time ask a table. Two functions and what they work on: a pure
/// target knows no lock, and a table of one thread needs none.
@safe
public struct MeterGate: @unchecked Sendable {
    public typealias Step = @convention(c) (UnsafeMutableRawPointer) -> Void

    private let lock: UnsafeMutableRawPointer
    private let enter: Step
    private let leave: Step

    /// - Parameter lock: Is handed to both, and lives as long as any table with this gate.
    public init(_ lock: UnsafeMutableRawPointer, enter: Step, leave: Step) {
        unsafe self.lock = lock
        unsafe self.enter = enter
        unsafe self.leave = leave
    }

    func locked(_ body: () -> MeterVerdict) -> MeterVerdict {
        // Safe: `lock` is what both were made for.
        unsafe enter(lock)
        defer { unsafe leave(lock) }
        return body()
    }
}

/// The meters of a datapath, by number.
///
/// Tables that were made by `init(sharing:)` are one table. Whoever changes which meters there are,
/// or asks what they have seen, sees to it that nobody else uses it meanwhile; `judge` may be
/// called by several threads, one after the other by the gate.
@safe
public struct MeterTable: ~Copyable {
    /// What all that share it have in common.
    @safe
    private struct Store {
        /// `capacity` initialised meters, there or not.
        var meters: UnsafeMutablePointer<MeterState>
        var capacity = 4
        /// Meters that are there.
        var count = 0
        /// Tables that are this one.
        var users = 1
    }

    private let store: UnsafeMutablePointer<Store>
    private var gate: MeterGate?

    /// Several threads will share it: to be said before the first shares it.
    public mutating func share(by gate: MeterGate) { self.gate = gate }

    /// - Parameter gate: For a table that several threads will share.
    public init(gate: MeterGate? = nil) {
        self.gate = gate
        // Safe: freed by the last that shares it, in its deinit; meters are trivial.
        let meters = UnsafeMutablePointer<MeterState>.allocate(capacity: 4)
        unsafe meters.initialize(repeating: MeterState(), count: 4)
        unsafe store = .allocate(capacity: 1)
        unsafe store.initialize(to: Store(meters: meters))
    }

    /// The same table once more. To be made, and to end, while no other thread uses it.
    public init(sharing other: borrowing MeterTable) {
        gate = other.gate
        unsafe store = other.store
        unsafe store.pointee.users += 1
    }

    deinit {
        unsafe store.pointee.users -= 1
        // Safe: nobody else has it.
        guard unsafe store.pointee.users == 0 else { return }
        unsafe store.pointee.meters.deallocate()
        unsafe store.deallocate()
    }

    /// Meters that are there.
    public var count: Int { unsafe store.pointee.count }

    // Safe here and below: the store lives as long as this table, and below `capacity` its meters
    // are initialised.
    private func isThere(_ id: UInt32) -> Bool {
        unsafe Int(id) < store.pointee.capacity && store.pointee.meters[Int(id)].isThere
    }

    /// What becomes of a packet of `byteCount` bytes at `now`; without such a meter it passes.
    public mutating func judge(_ id: UInt32, byteCount: Int, now: Instant) -> MeterVerdict {
        guard isThere(id) else { return .pass }
        guard let gate else {
            return unsafe store.pointee.meters[Int(id)].judge(byteCount: byteCount, now: now)
        }
        return gate.locked {
            unsafe store.pointee.meters[Int(id)].judge(byteCount: byteCount, now: now)
        }
    }

    /// Whether the packet may go on at all.
    public mutating func admit(_ id: UInt32, byteCount: Int, now: Instant) -> Bool {
        judge(id, byteCount: byteCount, now: now) != .drop
    }

    /// Adds a meter that is full at `now`, or changes one, whose counters then begin anew.
    ///
    /// - Throws: `.tooManyMeters`, `.badBandCount` or `.badRate`; then nothing has changed.
    public mutating func put(_ meter: DatapathMeter, now: Instant) throws(MeterRefusal) {
        guard meter.id < ExecutionLimits.meters else {
            throw .tooManyMeters(limit: ExecutionLimits.meters)
        }
        guard (1...DatapathMeter.bandCountMax).contains(meter.bands.count) else {
            throw .badBandCount(meter.bands.count)
        }
        guard meter.bands.allSatisfy({ $0.rate > 0 }) else { throw .badRate }
        unsafe Self.grow(&store.pointee, beyond: Int(meter.id))
        var state = MeterState()
        (state.isThere, state.unit, state.filledAt) = (true, meter.unit, now)
        state.bandCount = meter.bands.count
        for (index, band) in meter.bands.enumerated() { state.bands[index] = BandBucket(band) }
        if !isThere(meter.id) { unsafe store.pointee.count += 1 }
        unsafe store.pointee.meters[Int(meter.id)] = state
    }

    private static func grow(_ store: inout Store, beyond index: Int) {
        var larger = store.capacity
        while larger <= index { larger *= 2 }
        guard larger > store.capacity else { return }
        // Safe: the first `capacity` meters move, the others are initialised behind them.
        let moved = UnsafeMutablePointer<MeterState>.allocate(capacity: larger)
        unsafe moved.moveInitialize(from: store.meters, count: store.capacity)
        unsafe (moved + store.capacity).initialize(
            repeating: MeterState(), count: larger - store.capacity)
        unsafe store.meters.deallocate()
        unsafe store.meters = moved
        store.capacity = larger
    }

    /// A meter with what it has seen; nil if it is not there.
    public func meter(_ id: UInt32) -> (meter: DatapathMeter, statistics: MeterStatistics)? {
        guard isThere(id) else { return nil }
        let state = unsafe store.pointee.meters[Int(id)]
        var bands: [DatapathMeter.Band] = []
        var statistics = MeterStatistics(bandCount: state.bandCount)
        for index in 0..<state.bandCount {
            let bucket = state.bands[index]
            bands.append(
                DatapathMeter.Band(
                    rate: UInt32(truncatingIfNeeded: bucket.rate),
                    burst: UInt32(truncatingIfNeeded: bucket.depth / 1_000_000_000),
                    effect: bucket.effect))
            statistics.bands[index] = MeterStatistics.Count(
                packets: bucket.packets, bytes: bucket.bytes)
        }
        statistics.total = MeterStatistics.Count(packets: state.packets, bytes: state.bytes)
        statistics.usedMilliseconds = state.usedMilliseconds
        return (DatapathMeter(id: id, unit: state.unit, bands: bands), statistics)
    }

    public func contains(_ id: UInt32) -> Bool { isThere(id) }

    /// Takes a meter away, if it is there; flows that name it let everything pass from now on.
    public mutating func remove(_ id: UInt32) {
        guard isThere(id) else { return }
        unsafe store.pointee.meters[Int(id)] = MeterState()
        unsafe store.pointee.count -= 1
    }
}
