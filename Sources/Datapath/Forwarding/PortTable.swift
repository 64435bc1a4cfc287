public import DatapathMessages
public import Flows

// What is counted of each port.
//
// Port numbers may be anything up to 65534, but few are in use: a table of 128 KiB leads from the
// number to a place, and only places have counters. Place 0 belongs to no port: packets that
// userspace makes up, and that say they came in nowhere, are served from there.

/// What one port has seen.
public struct PortReport: Hashable, Sendable {
    public var statistics = VportStatistics()
    /// Every `PacketEnd` that happened. Their sum is `statistics.rxPackets`.
    public var ends: [PacketEnd: UInt64] = [:]
    /// Frames whose headers could not all be read, by reason. They are in `ends` as well.
    public var malformations: [Malformation: UInt64] = [:]
    /// Upcalls lost because too many of this port were waiting.
    public var lostUpcalls: UInt64 = 0
}

@usableFromInline
struct PortRecord {
    @usableFromInline var rxPackets: UInt64 = 0
    @usableFromInline var rxBytes: UInt64 = 0
    @usableFromInline var txPackets: UInt64 = 0
    @usableFromInline var txBytes: UInt64 = 0
    @usableFromInline var txDropped: UInt64 = 0
    /// By raw value, all of which are below 128.
    @usableFromInline var ends = InlineArray<128, UInt64>(repeating: 0)
    @usableFromInline var malformations = InlineArray<32, UInt64>(repeating: 0)

    @usableFromInline init() {}

    func report(lostUpcalls: UInt64) -> PortReport {
        var report = PortReport()
        for end in PacketEnd.allCases where ends[Int(end.rawValue)] != 0 {
            report.ends[end] = ends[Int(end.rawValue)]
        }
        for fault in Malformation.allCases where malformations[Int(fault.rawValue)] != 0 {
            report.malformations[fault] = malformations[Int(fault.rawValue)]
        }
        func sum(_ kinds: PacketEnd...) -> UInt64 {
            kinds.reduce(0) { $0 &+ ends[Int($1.rawValue)] }
        }
        report.statistics.rxPackets = rxPackets
        report.statistics.rxBytes = rxBytes
        report.statistics.txPackets = txPackets
        report.statistics.txBytes = txBytes
        report.statistics.txDropped = txDropped
        report.statistics.rxErrors = sum(.truncatedEthernet, .truncatedByRing, .invalidOffload)
        report.statistics.rxDropped = sum(
            .ringFull, .upcallQueueFull, .noVswitchd, .policed)
        report.lostUpcalls = lostUpcalls
        return report
    }
}

/// Counters by port. Owned by one thread.
@safe
@usableFromInline
struct PortTable: ~Copyable {
    /// Place of each port number; 0 for a number that is not in use. 65536 places.
    @usableFromInline let places: UnsafeMutablePointer<UInt16>
    /// `placeCount` initialised records.
    @usableFromInline var records: UnsafeMutablePointer<PortRecord>
    @usableFromInline var placeCount = 1
    private var capacity = 16
    private var freePlaces: [UInt16] = []
    /// Port numbers in use, ascending.
    private(set) var numbers: [UInt32] = []

    init() {
        // Safe: owned by this value alone, freed in its deinit.
        unsafe places = .allocate(capacity: 65_536)
        unsafe places.initialize(repeating: 0, count: 65_536)
        unsafe records = .allocate(capacity: capacity)
        unsafe records.initialize(to: PortRecord())
    }

    /// The same ports at the same places; nothing is counted yet.
    init(like other: borrowing PortTable) {
        // Safe: owned by this value alone, freed in its deinit; `other` has as many places.
        unsafe places = .allocate(capacity: 65_536)
        unsafe places.initialize(from: other.places, count: 65_536)
        capacity = other.capacity
        placeCount = other.placeCount
        freePlaces = other.freePlaces
        numbers = other.numbers
        unsafe records = .allocate(capacity: capacity)
        unsafe records.initialize(repeating: PortRecord(), count: placeCount)
    }

    @inlinable deinit {
        // Safe: allocated by this value; both kinds are trivial.
        unsafe places.deallocate()
        unsafe records.deallocate()
    }

    /// The place of a port; 0 if there is no such port.
    @inlinable
    func place(of number: UInt32) -> Int {
        // Safe: below 65536.
        number <= ForwardingLimits.portNumber ? unsafe Int(places[Int(number)]) : 0
    }

    /// Counts at a place that `place(of:)` has given.
    @inlinable
    func count(at place: Int, _ body: (inout PortRecord) -> Void) {
        precondition(place < placeCount, "a place of this table")
        // Safe: below placeCount records are initialised.
        unsafe body(&records[place])
    }

    mutating func add(_ number: UInt32) throws(OrderRefusal) -> Int {
        guard number <= ForwardingLimits.portNumber else { throw .invalidPortNumber(number) }
        guard place(of: number) == 0 else { throw .portExists(number) }
        if freePlaces.isEmpty {
            if placeCount == capacity { grow() }
            freePlaces.append(UInt16(placeCount))
            placeCount += 1
        }
        let place = freePlaces.removeLast()
        // Safe: there is room for placeCount records; number is below 65536.
        unsafe (records + Int(place)).initialize(to: PortRecord())
        unsafe places[Int(number)] = place
        numbers.insert(number, at: numbers.firstIndex { $0 > number } ?? numbers.count)
        return Int(place)
    }

    private mutating func grow() {
        // Safe: the first placeCount records move to memory of twice the size.
        let larger = UnsafeMutablePointer<PortRecord>.allocate(capacity: capacity * 2)
        unsafe larger.moveInitialize(from: records, count: placeCount)
        unsafe records.deallocate()
        unsafe records = larger
        capacity *= 2
    }

    mutating func remove(_ number: UInt32) throws(OrderRefusal) -> Int {
        let place = place(of: number)
        guard place != 0 else { throw .noSuchPort(number) }
        // Safe: a number with a place is below 65536.
        unsafe places[Int(number)] = 0
        freePlaces.append(UInt16(place))
        numbers.removeAll { $0 == number }
        return place
    }

    /// The lowest number from 1 that is not in use; nil if all are.
    func freeNumber() -> UInt32? {
        (1...ForwardingLimits.portNumber).first { place(of: $0) == 0 }
    }
}
