// Meters: rates above which packets are dropped or marked. OpenFlow 1.3.5 §5.7, §7.3.4.4.

public enum MeterNumber {
    /// The largest number of a meter that flows may use (`OFPM13_MAX`).
    public static let largest: UInt32 = 0xffff_0000
    /// Packets that vswitchd treats itself (`OFPM13_SLOWPATH`).
    public static let slowPath: UInt32 = 0xffff_fffd
    /// Packets to the controller (`OFPM13_CONTROLLER`).
    public static let controller: UInt32 = 0xffff_fffe
    /// Every meter, in delete and statistics (`OFPM13_ALL`).
    public static let all: UInt32 = 0xffff_ffff
}

/// A meter as it stands: OFPMP_METER_CONFIG (1.5: OFPMP_METER_DESC).
public struct MeterDescription: Hashable, Sendable {
    /// `OFPMF_*`. Rates are kilobits a second, or packets a second with `packets`.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        public static let kilobits = Flags(rawValue: 1)
        public static let packets = Flags(rawValue: 2)
        /// Bands' bursts count; without it they are the switch's choice.
        public static let burst = Flags(rawValue: 4)
        public static let statistics = Flags(rawValue: 8)
    }

    public struct Band: Hashable, Sendable {
        public enum Effect: Hashable, Sendable {
            case drop
            /// Raises the drop precedence of the DSCP by this many levels (RFC 2597).
            case remarkDSCP(precedenceLevel: UInt8)
        }
        public var effect: Effect
        public var rate: UInt32
        /// Kilobits, or packets.
        public var burst: UInt32
        public init(_ effect: Effect, rate: UInt32, burst: UInt32 = 0) {
            self.effect = effect
            self.rate = rate
            self.burst = burst
        }
    }

    public var meter: UInt32
    public var flags: Flags
    public var bands: [Band]

    public init(meter: UInt32, flags: Flags = [], bands: [Band] = []) {
        self.meter = meter
        self.flags = flags
        self.bands = bands
    }
}

/// OFPT_METER_MOD.
public struct MeterMod: Hashable, Sendable {
    public enum Command: UInt16, Hashable, Sendable { case add = 0, modify, delete }
    public var command: Command
    /// `meter` may be `MeterNumber.all` for delete only.
    public var meter: MeterDescription
    public init(_ command: Command, _ meter: MeterDescription) {
        self.command = command
        self.meter = meter
    }
}

/// OFPMP_METER.
public struct MeterStatistics: Hashable, Sendable {
    public struct Count: Hashable, Sendable {
        public var packets: UInt64
        public var bytes: UInt64
        public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }
    public var meter: UInt32
    /// Flows that use it.
    public var flowCount: UInt32
    public var input: Count
    public var durationNanoseconds: UInt64
    /// What each band caught, in the order of the meter's bands.
    public var bands: [Count]

    public init(
        meter: UInt32, flowCount: UInt32 = 0, input: Count = Count(),
        durationNanoseconds: UInt64 = 0, bands: [Count] = []
    ) {
        self.meter = meter
        self.flowCount = flowCount
        self.input = input
        self.durationNanoseconds = durationNanoseconds
        self.bands = bands
    }
}

/// OFPMP_METER_FEATURES.
public struct MeterFeatures: Hashable, Sendable {
    public var maxMeters: UInt32
    /// `1 << OFPMBT_*`: 2 drop, 4 DSCP remark.
    public var bandTypes: UInt32
    /// `MeterDescription.Flags` that are understood.
    public var capabilities: MeterDescription.Flags
    public var maxBands: UInt8
    public var maxColors: UInt8

    public init(
        maxMeters: UInt32 = 0, bandTypes: UInt32 = 0,
        capabilities: MeterDescription.Flags = [], maxBands: UInt8 = 0, maxColors: UInt8 = 0
    ) {
        self.maxMeters = maxMeters
        self.bandTypes = bandTypes
        self.capabilities = capabilities
        self.maxBands = maxBands
        self.maxColors = maxColors
    }
}
