// Meters of the datapath, as values that both halves share.

/// A meter: bands that drop what exceeds their rate (OpenFlow 1.3.5 §5.7; `ovs_meter` family).
public struct DatapathMeter: Hashable, Sendable {
    public enum Unit: Hashable, Sendable {
        /// 1,000 bit per second, and 1,000 bit.
        case kilobits
        case packets
    }
    /// What becomes of the packets that exceed a band.
    public enum Effect: Hashable, Sendable {
        case drop
        /// They go on with their drop precedence (RFC 2597) raised by so many levels. Only our
        /// datapath can; the kernel's module lets them pass as they are.
        case remark(precedenceLevel: UInt8)
    }
    public struct Band: Hashable, Sendable {
        /// Units per second, at least 1.
        public var rate: UInt32
        /// How many units may pass at once; 0 means one second's worth.
        public var burst: UInt32
        public var effect: Effect
        public init(rate: UInt32, burst: UInt32, effect: Effect = .drop) {
            self.rate = rate
            self.burst = burst
            self.effect = effect
        }
    }
    public var id: UInt32
    public var unit: Unit
    /// 1 to `bandCountMax`.
    public var bands: [Band]

    public static let bandCountMax = 8

    public init(id: UInt32, unit: Unit, bands: [Band]) {
        self.id = id
        self.unit = unit
        self.bands = bands
    }
}

/// What a meter has seen.
public struct MeterStatistics: Hashable, Sendable {
    public struct Count: Hashable, Sendable {
        public var packets: UInt64
        public var bytes: UInt64
        public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }
    /// All packets that came to it.
    public var total = Count()
    /// What each band dropped, or marked.
    public var bands: [Count]
    /// When a packet last came, in milliseconds of the monotonic clock; 0 = never.
    public var usedMilliseconds: UInt64 = 0

    public init(bandCount: Int) { bands = Array(repeating: Count(), count: bandCount) }
}
