internal import DatabaseProtocol
internal import DatabaseReplica
internal import DatapathMessages
internal import Flows
internal import Timekeeping

// Policing and queues as rows ask for them (ovs-vswitchd.conf.db(5), "Interface: Ingress Policing",
// "QoS", "Queue"): kilobits and bits of the rows become what the datapath counts in.

/// What rows of QoS and Queue ask for.
public struct WantedQoS: Hashable, Sendable {
    public var type: String
    /// Bits per second of all queues; nil: as fast as the link is.
    public var maxRate: UInt64?
    /// By number.
    public var queues: [UInt32: WantedQueue] = [:]
    /// Why it is not in force, in words for a log; nil if it can be.
    public var refusal: String?
}

/// A row of Queue. Rates in bits per second, `burst` in bits.
public struct WantedQueue: Hashable, Sendable {
    public var minRate: UInt64?
    public var maxRate: UInt64?
    public var burst: UInt64?
    public var priority: UInt64?
}

extension WantedQoS {
    /// Types that are offered.
    static let types = ["linux-htb", "linux-noop"]

    init(row: TypedRow<QoSColumns>, _ replica: DatabaseReplica) {
        type = row.type
        maxRate = WantedSwitch.number(row.otherConfig, "max-rate", in: 1...UInt64.max)
        switch type {
        case "linux-htb": break
        case "", "linux-noop": return
        default:
            refusal = "QoS type \(type) is not supported (linux-htb and linux-noop are)"
            return
        }
        for (number, queue) in row.queues.pairs {
            guard let queue = replica.row(queue), let number = UInt32(exactly: number),
                number <= PortTraffic.Queue.numberMax
            else { continue }
            queues[number] = WantedQueue(row: queue)
        }
        if queues.count >= PortTraffic.Shaping.queueCountMax {
            refusal = "a port has at most \(PortTraffic.Shaping.queueCountMax - 1) queues"
        }
    }

    /// As the datapath takes it.
    ///
    /// - Parameters:
    ///   - linkRate: Bits per second that the interface can carry.
    ///   - mtu: Of the interface, in bytes.
    func shaping(linkRate: UInt64, mtu: Int) -> PortTraffic.Shaping? {
        guard type == "linux-htb", refusal == nil else { return nil }
        let all = max((maxRate ?? linkRate) / 8, 1)
        // What has no queue takes queue 0, so that one is always there.
        var queues = queues
        if queues[0] == nil { queues[0] = WantedQueue() }
        let least = UInt64(clamping: mtu) + Self.headerByteCount
        return PortTraffic.Shaping(
            maxRate: all,
            queues: queues.sorted { $0.key < $1.key }.map { number, queue in
                // A class below one frame per second would let a promise starve the others.
                let minRate = min(max((queue.minRate ?? 0) / 8, Self.leastRate), all)
                let wanted = queue.maxRate.map { $0 / 8 } ?? all
                return PortTraffic.Queue(
                    number: number, minRate: minRate, maxRate: min(max(wanted, minRate), all),
                    burst: UInt32(clamping: max((queue.burst ?? 0) / 8, least)),
                    priority: UInt32(clamping: queue.priority ?? 0))
            })
    }

    /// Bytes per second that each queue is promised at least.
    private static let leastRate: UInt64 = 1500
    /// Room in a burst beside the payload of one frame.
    private static let headerByteCount: UInt64 = 64
}

extension WantedQueue {
    init(row: TypedRow<QueueColumns>) {
        minRate = WantedSwitch.number(row.otherConfig, "min-rate", in: 1...UInt64.max)
        maxRate = WantedSwitch.number(row.otherConfig, "max-rate", in: 1...UInt64.max)
        burst = WantedSwitch.number(row.otherConfig, "burst", in: 1...UInt64.max)
        priority = WantedSwitch.number(row.otherConfig, "priority", in: 0...UInt64(UInt32.max))
    }
}

extension PortTraffic.Policing {
    /// Bursts that a row leaves at 0: 8,000 kilobits, 16,000 packets.
    private static let kilobitBurst: UInt32 = 8_000
    private static let packetBurst: UInt32 = 16_000

    /// Of a row of Interface. Packets are counted there in thousands.
    init(row: TypedRow<InterfaceColumns>) {
        self.init()
        func number(_ wanted: Int64, times factor: Int64 = 1) -> UInt32 {
            let (product, isTooMuch) = max(wanted, 0)
                .multipliedReportingOverflow(by: factor)
            return isTooMuch ? .max : UInt32(clamping: product)
        }
        func band(_ rate: UInt32, _ burst: UInt32, otherwise: UInt32) -> DatapathMeter.Band {
            .init(rate: rate, burst: rate == 0 ? 0 : burst == 0 ? otherwise : burst)
        }
        kilobits = band(
            number(row.ingressPolicingRate), number(row.ingressPolicingBurst),
            otherwise: Self.kilobitBurst)
        packets = band(
            number(row.ingressPolicingKpktsRate, times: 1000),
            number(row.ingressPolicingKpktsBurst, times: 1000), otherwise: Self.packetBurst)
    }
}

extension Vswitch {
    /// Tells the datapath of limits and queues that it does not have yet.
    ///
    /// - Parameter only: An interface that is looked at alone.
    mutating func orderTraffic(only: String? = nil, now: Instant) {
        guard datapath.isOpen, datapath.knowsPorts else { return }
        for port in wanted.bridges.flatMap(\.ports) {
            for interface in port.interfaces where only == nil || only == interface.name {
                let name = interface.name
                guard let number = vports.byName[name]?.number else { continue }
                let traffic = traffic(of: interface, port)
                guard traffic != vports.traffic[name] else { continue }
                vports.shape(name, traffic, now: now)
                if let refusal = port.qos?.refusal {
                    log(.warning, "bridge", "port \(port.name): \(refusal)")
                }
                guard !datapath.nature.isKernelModule else {
                    if traffic != PortTraffic() {
                        log(
                            .warning, "bridge",
                            "port \(port.name): openvswitch.ko limits no "
                                + "traffic; bridges with datapath_type=netdev do")
                    }
                    continue
                }
                order(.setTraffic(port: number, traffic), .setTraffic(name: name))
            }
        }
    }

    private func traffic(of interface: WantedInterface, _ port: WantedPort) -> PortTraffic {
        let link = links[interface.name]
        return PortTraffic(
            policing: interface.policing,
            shaping: port.qos?.shaping(
                linkRate: link?.bitsPerSecond ?? BridgeLimits.unknownLinkRate,
                mtu: link.map { Int($0.mtu) } ?? BridgeLimits.ethernetMTU))
    }
}
