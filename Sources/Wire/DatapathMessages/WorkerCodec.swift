import CLinuxPacket
import Flows

// Workers, and who receives by a port, as attributes of our own.

/// Attributes inside of `OwnAttribute.workers`.
private enum WorkerAttribute {
    /// A processor's number, 32 bits; as often as there are workers to be pinned.
    static let processor: UInt16 = 1
    /// A flag: a worker that a port has by its processor's number takes others too.
    static let shares: UInt16 = 2
}

/// Attributes inside of `OwnAttribute.receiving`.
private enum ReceivingAttribute {
    /// How many queues, 32 bits.
    static let queueCount: UInt16 = 1
    /// A queue and its processor, 32 bits each.
    static let affinity: UInt16 = 2
    static let affinityByteCount = 8
}

extension DatagramWriter {
    mutating func put(_ plan: WorkerPlan) {
        let nest = beginNest(OwnAttribute.workers)
        for processor in plan.processors { put(WorkerAttribute.processor, host: processor) }
        if !plan.isolates { putFlag(WorkerAttribute.shares) }
        endNest(nest, "workers")
    }

    mutating func put(_ receiving: PortReceiving) {
        let nest = beginNest(OwnAttribute.receiving)
        if let count = receiving.queueCount { put(ReceivingAttribute.queueCount, host: count) }
        for affinity in receiving.affinities {
            var fields = Fields()
            fields.put(host: affinity.queue)
            fields.put(host: affinity.processor)
            put(ReceivingAttribute.affinity, fields)
        }
        endNest(nest, "receiving")
    }

    mutating func put(_ queues: [QueueCounters]) {
        let nest = beginNest(OwnAttribute.queueCounters)
        for queue in queues {
            var fields = Fields()
            fields.put(host: UInt64(queue.queue))
            for count in [queue.packets, queue.bytes, queue.drops] { fields.put(host: count) }
            put(QueueCounters.attribute, fields)
        }
        endNest(nest, "counters of queues")
    }
}

extension WorkerPlan {
    /// - Throws: `.invalidValue` for processors that are too many, too high, or not in order.
    init(_ bytes: RawSpan, _ nest: Attribute) throws(DatapathMessageError) {
        self.init()
        var attributes = AttributeReader(bytes, nest: nest, "workers")
        while let attribute = try attributes.nextAttribute(once: false) {
            switch attribute.type {
            case WorkerAttribute.processor:
                let number = try bytes.host32(attribute, "processor")
                guard number <= Self.processorMax, processors.count < Self.processorCountMax,
                    processors.last.map({ $0 < number }) ?? true
                else {
                    throw .invalidValue(
                        attribute: "processor", offset: attribute.start, value: UInt64(number))
                }
                processors.append(number)
            case WorkerAttribute.shares: isolates = false
            default: break
            }
        }
    }
}

extension PortReceiving {
    /// - Throws: `.invalidValue` for queues that are too many or not in order.
    init(_ bytes: RawSpan, _ nest: Attribute) throws(DatapathMessageError) {
        self.init()
        let most = UInt32(WorkerPlan.processorCountMax)
        var attributes = AttributeReader(bytes, nest: nest, "receiving")
        while let attribute = try attributes.nextAttribute(once: false) {
            let at = attribute.offset
            switch attribute.type {
            case ReceivingAttribute.queueCount:
                let count = try bytes.host32(attribute, "number of queues")
                guard (1...most).contains(count) else {
                    throw .invalidValue(
                        attribute: "number of queues", offset: attribute.start,
                        value: UInt64(count))
                }
                queueCount = count
            case ReceivingAttribute.affinity:
                try bytes.check(attribute, ReceivingAttribute.affinityByteCount, "queue's place")
                let affinity = Affinity(
                    queue: bytes.host32(at: at), processor: bytes.host32(at: at + 4))
                guard affinity.queue < most,
                    affinities.last.map({ $0.queue < affinity.queue }) ?? true
                else {
                    throw .invalidValue(
                        attribute: "queue", offset: attribute.start, value: UInt64(affinity.queue))
                }
                affinities.append(affinity)
            default: break
            }
        }
    }
}

extension QueueCounters {
    /// Number of the queue, packets, bytes, drops, 64 bits each; as often as there are queues.
    fileprivate static let attribute: UInt16 = 1
    private static let byteCount = 32

    static func read(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> [QueueCounters] {
        var queues: [QueueCounters] = []
        var attributes = AttributeReader(bytes, nest: nest, "counters of queues")
        while let attribute = try attributes.nextAttribute(once: false) {
            guard attribute.type == Self.attribute else { continue }
            try bytes.check(attribute, byteCount, "counters of a queue")
            let at = attribute.offset
            queues.append(
                QueueCounters(
                    queue: UInt32(clamping: bytes.host64(at: at)),
                    packets: bytes.host64(at: at + 8), bytes: bytes.host64(at: at + 16),
                    drops: bytes.host64(at: at + 24)))
        }
        return queues
    }
}
