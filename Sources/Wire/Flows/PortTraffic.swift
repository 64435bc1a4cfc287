// How much traffic a port takes in, and how what leaves by it is shared out.
//
// Policing cuts what arrives: a frame beyond the rate is dropped where it came in. Shaping delays
// what leaves: frames wait in queues, each with a rate that it is promised and one that it may
// borrow up to. Rates of both are averages; a burst says how far the moment may stray from them.

/// What is wanted of one datapath port.
public struct PortTraffic: Hashable, Sendable {
    public var policing = Policing()
    /// nil: frames leave as they come.
    public var shaping: Shaping?

    public init(policing: Policing = Policing(), shaping: Shaping? = nil) {
        self.policing = policing
        self.shaping = shaping
    }

    /// `ingress_policing_*` of an Interface row. A rate of 0 is no limit.
    public struct Policing: Hashable, Sendable {
        /// Kilobits per second, and kilobits at once.
        public var kilobits = DatapathMeter.Band(rate: 0, burst: 0)
        /// Packets per second, and packets at once.
        public var packets = DatapathMeter.Band(rate: 0, burst: 0)

        public init() {}
        public var isNone: Bool { kilobits.rate == 0 && packets.rate == 0 }
    }

    /// A `linux-htb` row of QoS: hierarchical token buckets.
    public struct Shaping: Hashable, Sendable {
        /// Bytes per second of all queues together, at least 1.
        public var maxRate: UInt64
        /// By rising number, at most `queueCountMax`.
        public var queues: [Queue]

        public static let queueCountMax = 64

        public init(maxRate: UInt64, queues: [Queue]) {
            self.maxRate = maxRate
            self.queues = queues
        }
    }

    /// A row of Queue. Frames without a queue, or with one that is not there, take queue 0.
    public struct Queue: Hashable, Sendable {
        /// 0 to `numberMax`.
        public var number: UInt32
        /// Bytes per second that it has for itself, and that it may use if others do not.
        public var minRate: UInt64
        public var maxRate: UInt64
        /// Bytes that it may send at once.
        public var burst: UInt32
        /// Who borrows first: the lower number.
        public var priority: UInt32

        /// Beyond it `tc` has no class numbers.
        public static let numberMax: UInt32 = 61_439

        public init(
            number: UInt32, minRate: UInt64, maxRate: UInt64, burst: UInt32, priority: UInt32
        ) {
            self.number = number
            self.minRate = minRate
            self.maxRate = maxRate
            self.burst = burst
            self.priority = priority
        }
    }

    /// The priority (`skb->priority`) by which a frame finds queue `number`: the class of that
    /// queue in a queueing discipline with handle 1.
    public static func priority(ofQueue number: UInt32) -> UInt32 {
        0x1_0000 | (min(number, Queue.numberMax) + 1)
    }
}

/// What a queue of a shaped port has sent, as the kernel counts it.
public struct QueueCounters: Hashable, Sendable {
    /// As `PortTraffic.Queue.number`.
    public var queue: UInt32
    public var packets: UInt64
    public var bytes: UInt64
    /// Frames that the queue had no room for.
    public var drops: UInt64
    public init(queue: UInt32, packets: UInt64, bytes: UInt64, drops: UInt64) {
        self.queue = queue
        self.packets = packets
        self.bytes = bytes
        self.drops = drops
    }
}
