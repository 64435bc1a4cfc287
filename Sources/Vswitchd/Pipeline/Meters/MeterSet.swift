public import Flows
public import OpenFlow
public import Timekeeping

// The meters of one bridge, and their numbers in the datapath.
//
// Meters run in the datapath, whose one row of numbers all bridges share: so each meter of a bridge
// has a number there of its own, which the model gives out.

/// Why a meter mod was refused; nothing was changed then. Each case names the OpenFlow error
/// (OFPMMFC_*) that tells the controller.
public enum MeterModError: Error, Hashable, Sendable {
    case meterExists(UInt32)
    case invalidMeter(UInt32)
    case unknownMeter(UInt32)
    case badFlags
    case badRate
    case outOfMeters(limit: Int)
    case outOfBands(limit: Int)
}

extension MeterModError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .meterExists(let meter): "meter \(meter) is there already"
        case .invalidMeter(let meter): "\(meter) is no number of a meter"
        case .unknownMeter(let meter): "there is no meter \(meter)"
        case .badFlags: "a meter counts kilobits or packets, one of both"
        case .badRate: "a band with rate 0 would let nothing pass"
        case .outOfMeters(let limit): "the switch has \(limit) meters, which is all it may have"
        case .outOfBands(let limit): "a meter has \(limit) bands at most"
        }
    }
}

/// A meter of a bridge.
public struct Meter: Hashable, Sendable {
    public internal(set) var description: MeterDescription
    /// Its number in the datapath.
    public let datapathID: UInt32
    public internal(set) var createdAt: Instant

    /// As the datapath is to have it.
    public var inDatapath: DatapathMeter {
        let counts = description.flags.contains(.burst)
        return DatapathMeter(
            id: datapathID,
            unit: description.flags.contains(.packets) ? .packets : .kilobits,
            bands: description.bands.map { band in
                let effect: DatapathMeter.Effect =
                    switch band.effect {
                    case .drop: .drop
                    case .remarkDSCP(let level): .remark(precedenceLevel: level)
                    }
                return DatapathMeter.Band(
                    rate: band.rate, burst: counts ? band.burst : 0, effect: effect)
            })
    }

    /// Packets may leave it with another DSCP than they came with.
    var marks: Bool { description.bands.contains { $0.effect != .drop } }
}

/// The meters of a bridge, by number.
public struct MeterSet: Sendable {
    /// Asked by key, or sorted first.
    private var meters: [UInt32: Meter] = [:]
    /// Grows whenever a packet may go another way.
    public private(set) var generation: UInt64 = 0

    public init() {}

    public var count: Int { meters.count }

    public subscript(number: UInt32) -> Meter? { meters[number] }

    /// In ascending order.
    public var numbers: [UInt32] { meters.keys.sorted() }

    /// `meter` nil or `MeterNumber.all`: all of them.
    public func chosen(_ meter: UInt32?) -> [Meter] {
        guard let meter, meter != MeterNumber.all else { return numbers.compactMap { meters[$0] } }
        return meters[meter].map { [$0] } ?? []
    }

    /// What the switch can do: bands that drop or mark, kilobits or packets, bursts, counters.
    public static let features = MeterFeatures(
        maxMeters: UInt32(Limits.meters), bandTypes: 1 << 1 | 1 << 2,
        capabilities: [.kilobits, .packets, .burst, .statistics],
        maxBands: UInt8(DatapathMeter.bandCountMax), maxColors: 0)

    /// What a meter must be, apart from its number.
    static func check(_ meter: MeterDescription) throws(MeterModError) {
        guard meter.bands.count <= DatapathMeter.bandCountMax else {
            throw .outOfBands(limit: DatapathMeter.bandCountMax)
        }
        guard !meter.flags.isSuperset(of: [.kilobits, .packets]) else { throw .badFlags }
        for band in meter.bands {
            guard band.rate > 0 else { throw .badRate }
        }
    }

    static func isNumber(_ number: UInt32) -> Bool {
        (1...MeterNumber.largest).contains(number) || number == MeterNumber.slowPath
            || number == MeterNumber.controller
    }

    mutating func put(_ meter: Meter) {
        meters[meter.description.meter] = meter
        generation += 1
    }

    mutating func remove(_ number: UInt32) -> Meter? {
        defer { generation += 1 }
        return meters.removeValue(forKey: number)
    }
}

/// What is to be done to the datapath's meters.
public enum MeterOrder: Hashable, Sendable {
    case put(DatapathMeter)
    case delete(datapathID: UInt32)
}
