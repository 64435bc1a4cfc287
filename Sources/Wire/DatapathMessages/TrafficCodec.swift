import CLinuxPacket
import Flows

// A port's limits, as attributes of our own: the kernel's vports have none, because there `tc` sees
// to it.

/// Attributes inside of `OwnAttribute.traffic`. Rates are 64 bits each, all else 32.
private enum TrafficAttribute {
    /// Kilobits: rate, burst. Packets: rate, burst.
    static let policing: UInt16 = 1
    /// Rate of all queues in bytes per second.
    static let maxRate: UInt16 = 2
    /// A queue: number, burst, priority, 0, least and largest rate. As often as there are queues.
    static let queue: UInt16 = 3
    static let policingByteCount = 16
    static let queueByteCount = 32
}

extension DatagramWriter {
    mutating func put(_ traffic: PortTraffic) {
        let nest = beginNest(OwnAttribute.traffic)
        var policing = Fields()
        for band in [traffic.policing.kilobits, traffic.policing.packets] {
            policing.put(host: band.rate)
            policing.put(host: band.burst)
        }
        put(TrafficAttribute.policing, policing)
        if let shaping = traffic.shaping {
            put(TrafficAttribute.maxRate, host: shaping.maxRate)
            for queue in shaping.queues {
                var fields = Fields()
                for number in [queue.number, queue.burst, queue.priority, 0] {
                    fields.put(host: number)
                }
                fields.put(host: queue.minRate)
                fields.put(host: queue.maxRate)
                put(TrafficAttribute.queue, fields)
            }
        }
        endNest(nest, "port traffic")
    }
}

extension PortTraffic {
    /// - Throws: `.tooLong` for more queues than `Shaping.queueCountMax`; what the reader says of
    ///   attributes of a wrong size.
    init(_ bytes: RawSpan, _ nest: Attribute) throws(DatapathMessageError) {
        self.init()
        var attributes = AttributeReader(bytes, nest: nest, "port traffic")
        while let attribute = try attributes.nextAttribute(once: false) {
            let at = attribute.offset
            switch attribute.type {
            case TrafficAttribute.policing:
                try bytes.check(attribute, TrafficAttribute.policingByteCount, "policing")
                policing.kilobits = .init(
                    rate: bytes.host32(at: at), burst: bytes.host32(at: at + 4))
                policing.packets = .init(
                    rate: bytes.host32(at: at + 8), burst: bytes.host32(at: at + 12))
            case TrafficAttribute.maxRate:
                let rate = try bytes.host64(attribute, "largest rate")
                shaping = Shaping(maxRate: rate, queues: shaping?.queues ?? [])
            case TrafficAttribute.queue:
                try bytes.check(attribute, TrafficAttribute.queueByteCount, "queue")
                guard shaping.map({ $0.queues.count < Shaping.queueCountMax }) ?? false else {
                    throw .tooLong("list of queues", byteCount: nest.count)
                }
                shaping?.queues.append(
                    Queue(
                        number: bytes.host32(at: at), minRate: bytes.host64(at: at + 16),
                        maxRate: bytes.host64(at: at + 24), burst: bytes.host32(at: at + 4),
                        priority: bytes.host32(at: at + 8)))
            default: break
            }
        }
    }
}
