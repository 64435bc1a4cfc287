import DatapathMessages
import Flows
import Packets

/// Numbers that are the same on every run (SplitMix64, Steele et al. 2014).
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
    mutating func chance(_ percent: UInt64) -> Bool { next() % 100 < percent }
    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(next() % UInt64(elements.count))]
    }
}

/// Packets and messages as they might be, and as nobody would make them.
extension SeededNumbers {
    /// A key in which every word is noise: no packet has it, but it must survive the journey.
    mutating func noise() -> FlowKey {
        var row = FlowKey()
        for index in 0..<FlowKey.wordCount { row[word: index] = next() }
        return row
    }

    mutating func traffic() -> PortTraffic {
        var traffic = PortTraffic()
        traffic.policing.kilobits = .init(
            rate: UInt32(truncatingIfNeeded: next()), burst: UInt32(truncatingIfNeeded: next()))
        traffic.policing.packets.rate = UInt32(truncatingIfNeeded: next())
        guard chance(50) else { return traffic }
        let queues = (0..<UInt32(next() % 64)).map {
            PortTraffic.Queue(
                number: $0, minRate: next(), maxRate: next(),
                burst: UInt32(truncatingIfNeeded: next()), priority: UInt32(next() % 8))
        }
        traffic.shaping = .init(maxRate: next(), queues: queues)
        return traffic
    }

    mutating func workers() -> WorkerPlan {
        let processors = Set((0..<next() % 65).map { _ in UInt32(next() % 1024) })
        return WorkerPlan(processors: processors.sorted(), isolates: chance(50))
    }

    mutating func receiving() -> PortReceiving {
        let queues = Set((0..<next() % 9).map { _ in UInt32(next() % 64) })
        return PortReceiving(
            queueCount: chance(50) ? UInt32(next() % 64) + 1 : nil,
            affinities: queues.sorted().map {
                .init(queue: $0, processor: UInt32(truncatingIfNeeded: next()))
            })
    }

    /// A key as extraction makes them.
    mutating func key() -> FlowKey {
        var key = FlowKey()
        key.inPort = UInt32(next() % 65535)
        key.recirculationID = chance(20) ? UInt32(truncatingIfNeeded: next()) : 0
        key.packetMark = chance(20) ? UInt32(truncatingIfNeeded: next()) : 0
        key.priority = chance(20) ? UInt32(truncatingIfNeeded: next()) : 0
        key.ethSrc = MACAddress(bits: next())
        key.ethDst = MACAddress(bits: next())
        if chance(50) {
            key.vlan0TPID = pick([EtherType.vlan, EtherType.serviceVLAN])
            key.vlan0TCI = UInt16(truncatingIfNeeded: next()) | VLANTag.present
            if chance(30) {
                key.vlan1TPID = EtherType.vlan
                key.vlan1TCI = UInt16(truncatingIfNeeded: next()) | VLANTag.present
            }
        }
        key.ethType = pick([
            EtherType.ipv4, EtherType.ipv6, EtherType.arp, EtherType.mpls, EtherType.lldp,
            EtherType.notEthernetII,
        ])
        addLayers(to: &key)
        if chance(20) { addTunnel(to: &key) }
        return key
    }

    private mutating func addTunnel(to key: inout FlowKey) {
        key.tunnelFlags = TunnelFlag.present | pick([0, TunnelFlag.dontFragment | TunnelFlag.oam])
        if chance(70) {
            (key.tunnelFlags, key.tunnelID) = (key.tunnelFlags | TunnelFlag.key, next())
        }
        if chance(70) {
            key.tunnelDst = IPv4Address(bits: UInt32(truncatingIfNeeded: next()))
        } else {
            key.tunnelIPv6Dst = IPv6Address(high: next(), low: next())
        }
        (key.tunnelTTL, key.tunnelDestinationPort) = (64, pick([0, 4789]))
        if chance(20) { key.tunnelGroupPolicy = UInt32(truncatingIfNeeded: next()) }
    }

    private mutating func addLayers(to key: inout FlowKey) {
        switch key.ethType {
        case EtherType.arp:
            key.nwSrc = IPv4Address(bits: UInt32(truncatingIfNeeded: next()))
            key.nwDst = IPv4Address(bits: UInt32(truncatingIfNeeded: next()))
            key.nwProto = pick([1, 2])
            key.arpSHA = MACAddress(bits: next())
            key.arpTHA = MACAddress(bits: next())
            return
        case EtherType.mpls:
            key.mpls0 = UInt32(truncatingIfNeeded: next())
            if key.mpls0 & 0x100 == 0 { key.mpls1 = UInt32(truncatingIfNeeded: next()) | 0x100 }
            return
        case EtherType.ipv4:
            key.nwSrc = IPv4Address(bits: UInt32(truncatingIfNeeded: next()))
            key.nwDst = IPv4Address(bits: UInt32(truncatingIfNeeded: next()))
        case EtherType.ipv6:
            key.ipv6Src = IPv6Address(high: next(), low: next())
            key.ipv6Dst = IPv6Address(high: next(), low: next())
            key.ipv6Label = UInt32(truncatingIfNeeded: next()) & 0xfffff
        default: return
        }
        key.nwTOS = UInt8(truncatingIfNeeded: next())
        key.nwTTL = UInt8(truncatingIfNeeded: next())
        key.nwFrag = pick([0, 0, 0, Fragment.any, Fragment.any | Fragment.later])
        addTransport(to: &key)
    }

    private mutating func addTransport(to key: inout FlowKey) {
        let isIPv4 = key.ethType == EtherType.ipv4
        key.nwProto = pick([
            IPProtocol.tcp, IPProtocol.udp, IPProtocol.sctp,
            isIPv4 ? IPProtocol.icmp : IPProtocol.icmpv6, 47,
        ])
        guard key.nwFrag & Fragment.later == 0, key.nwProto != 47 else { return }
        guard key.nwProto != IPProtocol.icmp, key.nwProto != IPProtocol.icmpv6 else {
            key.tpSrc = pick([0, 8, 135, 136])
            guard key.tpSrc >= 135, !isIPv4 else { return }
            key.ndTarget = IPv6Address(high: next(), low: next())
            key.arpSHA = MACAddress(bits: next())
            return
        }
        key.tpSrc = UInt16(truncatingIfNeeded: next())
        key.tpDst = UInt16(truncatingIfNeeded: next())
        if key.nwProto == IPProtocol.tcp { key.tcpFlags = UInt16(next() & 0xfff) }
    }

    mutating func mask(of key: FlowKey) -> FlowMask {
        if chance(10) { return .exact }
        if chance(10) { return FlowMask() }
        var mask = FlowMask()
        if chance(80) { mask.inPort = .max }
        if chance(80) { mask.vlan0TCI = pick([0xffff, 0x1fff, 0x1000]) }
        if chance(80) { mask.ethType = .max }
        if chance(50) { mask.ethDst = .broadcast }
        if chance(50) { mask.nwDst = IPv4Address(bits: .max << pick([0, 8, 16, 31])) }
        if chance(50) { mask.nwProto = .max }
        if chance(50) { mask.nwFrag = pick([1, 2, 3]) }
        if chance(50) { mask.tpDst = .max }
        if chance(50), key.hasTunnel {
            mask.tunnelFlags = pick([0, TunnelFlag.present, TunnelFlag.present | TunnelFlag.key])
            mask.tunnelDst = IPv4Address(bits: .max)
            if chance(50) { mask.tunnelID = .max }
        }
        if chance(20) { mask.formUnion(noise().masked(by: key)) }
        return mask
    }

    mutating func actions(depth: Int = 0) -> [DatapathAction] {
        (0..<Int(next() % (depth == 0 ? 6 : 3))).map { _ in action(depth: depth) }
    }

    /// A rewrite of some bits of a header, at random.
    mutating func rewrite() -> HeaderRewrite {
        let kind = pick(HeaderKind.allCases)
        let mask = chance(40) ? kind.fields : noise().masked(by: kind.fields)
        return HeaderRewrite(kind, value: noise().masked(by: mask), mask: mask)
    }

    private mutating func action(depth: Int) -> DatapathAction {
        switch next() % (depth < 3 ? 18 : 14) {
        case 0: .output(port: UInt32(truncatingIfNeeded: next()))
        case 1: .userspace(cookie: chance(20) ? [] : (0..<UInt8(next() % 200)).map { $0 })
        case 2, 3, 4: .set(rewrite())
        case 5: .pushMPLS(etherType: EtherType.mpls, entry: UInt32(truncatingIfNeeded: next()))
        case 6: .popMPLS(etherType: UInt16(truncatingIfNeeded: next()))
        case 7: .meter(id: UInt32(truncatingIfNeeded: next()))
        case 8: .pushVLAN(tpid: EtherType.vlan, tci: UInt16(truncatingIfNeeded: next()))
        case 9: .popVLAN
        case 10: .truncate(byteCount: UInt32(truncatingIfNeeded: next()))
        case 11:
            .hash(pick(PacketHash.allCases), basis: UInt32(truncatingIfNeeded: next()))
        case 12: .recirculate(id: UInt32(truncatingIfNeeded: next()))
        case 13: .drop(pick(PacketEnd.allCases))
        case 14: .clone(actions(depth: depth + 1))
        case 15:
            .sample(
                probability: UInt32(truncatingIfNeeded: next()), actions(depth: depth + 1))
        case 16: .decrementTTL(ifExpired: actions(depth: depth + 1))
        default:
            .checkLength(
                byteCount: UInt16(truncatingIfNeeded: next()),
                ifGreater: actions(depth: depth + 1), otherwise: actions(depth: depth + 1))
        }
    }

    mutating func meter() -> DatapathMeter {
        DatapathMeter(
            id: UInt32(truncatingIfNeeded: next()), unit: chance(50) ? .kilobits : .packets,
            bands: (0...Int(next() % 8)).map { _ in
                DatapathMeter.Band(
                    rate: UInt32(truncatingIfNeeded: next()),
                    burst: UInt32(truncatingIfNeeded: next()),
                    effect: chance(50)
                        ? .drop : .remark(precedenceLevel: UInt8(truncatingIfNeeded: next())))
            })
    }

    mutating func octets(upTo limit: Int) -> [UInt8] {
        (0..<Int(next() % UInt64(limit + 1))).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func offload() -> UpcallOffload? {
        guard chance(50) else { return nil }
        return UpcallOffload(bytes: (0..<10).map { _ in UInt8(truncatingIfNeeded: next()) })
    }
}

extension SeededNumbers {
    /// One request of each kind.
    mutating func requests() -> [DatapathRequest] {
        let key = chance(90) ? self.key() : noise()
        let mask = mask(of: key)
        return [
            .describeDatapath, .takeUpcalls,
            .addPort(Vport(number: chance(50) ? 7 : nil, kind: .netdev, name: "first_br")),
            .addPort(Vport(number: 0, kind: .internal, name: "br0")),
            .deletePort(number: UInt32(next() % 65535)), .listPorts,
            .setTraffic(port: UInt32(next() % 65535), traffic()),
            .setWorkers(workers()), .setReceiving(port: UInt32(next() % 65535), receiving()),
            .putFlow(
                CachedFlow(
                    key: key, mask: mask, actions: actions(),
                    ufid: chance(50) ? UFID(high: next(), low: next()) : nil)),
            .deleteFlow(key: key, mask: mask), .flushFlows, .listFlows, .listFlowNews,
            .putMeter(meter()), .deleteMeter(id: UInt32(truncatingIfNeeded: next())),
            .describeMeter(id: 7), .describeMeters,
            .execute(
                ExecutedPacket(
                    bytes: octets(upTo: 200), offload: offload(), key: key, actions: actions())),
            .answerUpcall(UpcallAnswer(id: pick([1, .max]))),
            .answerUpcall(
                UpcallAnswer(
                    id: 7, mask: chance(70) ? mask : nil, executes: chance(50),
                    actions: actions())),
        ]
    }

    /// One reply of each kind.
    mutating func replies() -> [DatapathReply] {
        let key = chance(90) ? self.key() : noise()
        var port = Vport(number: 3, kind: .netdev, name: "veth0", interfaceIndex: 9)
        port.statistics.rxPackets = next()
        port.statistics.txDropped = next()
        port.ends = [.forwarded: next(), .droppedByRule: 0, .actionLimit: 1]
        port.queues = (0..<UInt32(next() % 3)).map {
            QueueCounters(queue: $0, packets: next(), bytes: next(), drops: next())
        }
        var datapath = DatapathDescription(name: "ovs-netdev")
        datapath.statistics.hits = next()
        datapath.statistics.masks = UInt32(truncatingIfNeeded: next())
        datapath.statistics.cacheHits = next()
        var flow = CachedFlow(key: key, mask: mask(of: key), actions: actions())
        flow.statistics.packets = next()
        flow.statistics.usedMilliseconds = next()
        flow.statistics.tcpFlags = UInt8(truncatingIfNeeded: next())
        let meter = meter()
        var seen = MeterStatistics(bandCount: meter.bands.count)
        seen.total = MeterStatistics.Count(packets: next(), bytes: next())
        seen.usedMilliseconds = next()
        for index in seen.bands.indices { seen.bands[index].packets = next() }
        let bytes = octets(upTo: 200)
        return [
            .meter(meter, seen), .meterFeatures(meterCount: 65_536, bandCount: 8),
            .datapath(datapath), .port(port), .flow(flow), .done,
            .failed(errno: 17, text: "port 3 is there already"), .failed(errno: 2, text: ""),
            .upcall(
                Upcall(
                    reason: .miss, bytes: bytes, originalByteCount: bytes.count + 4,
                    offload: offload(), key: key)),
            .upcall(
                Upcall(
                    reason: .action(cookie: octets(upTo: 16)), bytes: bytes,
                    originalByteCount: bytes.count, offload: offload(), key: key)),
        ]
    }
}
