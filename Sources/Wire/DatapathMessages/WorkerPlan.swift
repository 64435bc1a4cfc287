// Which threads forward, where they run, and which of them receive by a port: what Open vSwitch's
// `pmd-cpu-mask`, `n_rxq` and `pmd-rxq-affinity` ask for.

/// The workers of a datapath.
public struct WorkerPlan: Hashable, Sendable {
    /// Processors by rising number, at most `processorCountMax`, with a worker on each. Empty: as
    /// many workers as the datapath was started with, and each on any processor.
    public var processors: [UInt32]
    /// A worker that has a port by its processor's number takes no others.
    public var isolates: Bool

    /// A worker's number has 6 bits.
    public static let processorCountMax = 64
    /// Processors that a mask may name.
    public static let processorMax: UInt32 = 1023

    public init(processors: [UInt32] = [], isolates: Bool = true) {
        self.processors = processors
        self.isolates = isolates
    }
}

/// How what a port receives comes to workers.
public struct PortReceiving: Hashable, Sendable {
    /// Receive queues, each with a worker of its own: 1 to `WorkerPlan.processorCountMax`. nil: as
    /// the datapath was started.
    public var queueCount: UInt32?
    /// Queues whose worker is chosen by its processor, by rising number of the queue.
    public var affinities: [Affinity]

    public struct Affinity: Hashable, Sendable {
        public var queue: UInt32
        public var processor: UInt32
        public init(queue: UInt32, processor: UInt32) {
            self.queue = queue
            self.processor = processor
        }
    }

    public init(queueCount: UInt32? = nil, affinities: [Affinity] = []) {
        self.queueCount = queueCount
        self.affinities = affinities
    }
}
