internal import OpenFlow
internal import Packets
internal import Switching
internal import Timekeeping

// LLDP between the world and its agents, and what the control socket tells of it.
//
// Open vSwitch 3.1 speaks LLDP for the sake of Auto Attach, and shows of a neighbour only what
// concerns that (`autoattach/status`). Its commands answer here as there for neighbours without
// Auto Attach, which we do not have; `lldp/show`, which tells who the neighbours are, is ours.

extension Vswitch {
    static let discoveryCommands: [ControlCommand] = [
        ControlCommand("autoattach/show-isid", "[bridge]", 0...1),
        ControlCommand("autoattach/statistics", "[bridge]", 0...1),
        ControlCommand("autoattach/status", "[bridge]", 0...1),
        ControlCommand("lldp/show"),
    ]

    /// Agents come and go with `lldp:enable`; those that are due speak.
    mutating func runDiscoveryIfDue(now: Instant) {
        guard datapath.isOpen, let due = discoveryDeadline, due <= now else { return }
        runDiscovery(now: now)
        discoveryDeadline = discovery.values.map(\.deadline).min()
    }

    private mutating func runDiscovery(now: Instant) {
        var speaking: Set<String> = []
        for (_, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            for (name, interface) in bridge.interfacesByName
            where interface.readsLLDP && interface.vport != nil {
                speaking.insert(name)
                if discovery[name]?.run(now: now) ?? startDiscovery(name, now: now) {
                    send(
                        unit(name, of: bridge).frame(
                            from: links[name]?.address ?? localAddress(of: bridge)),
                        by: interface.number, of: bridge)
                }
            }
        }
        if discovery.count != speaking.count {
            discovery = discovery.filter { speaking.contains($0.key) }
        }
    }

    private mutating func startDiscovery(_ name: String, now: Instant) -> Bool {
        var agent = LLDPAgent()
        defer { discovery[name] = agent }
        return agent.run(now: now)
    }

    private func unit(_ name: String, of bridge: PresentBridge) -> LLDPUnit {
        let address = localAddress(of: bridge).bits
        return LLDPUnit(
            chassis: LLDPIdentifier(
                subtype: LLDPUnit.macAddress,
                octets: (0..<6).map { UInt8(truncatingIfNeeded: address >> UInt64(40 - 8 * $0)) }),
            port: LLDPIdentifier(subtype: LLDPUnit.interfaceName, octets: Array(name.utf8)),
            timeToLive: LLDPAgent.timeToLive, portDescription: name,
            systemName: bridge.wanted.name, systemDescription: product.software)
    }

    /// A frame of LLDP's type came up from the port.
    mutating func receivedLLDP(
        _ bytes: [UInt8], bridge index: Int, port number: PortNumber, now: Instant
    ) {
        guard let bridge = bridges.first(where: { $0.value.index == index })?.value,
            let name = bridge.interface(numbered: number)?.name
        else { return }
        let header = 14
        let heard: Result<LLDPUnit, LLDPUnitError>
        do throws(LLDPUnitError) {
            guard bytes.count >= header else { throw .truncated(offset: 0) }
            // Safe: the array is not changed while its bytes are lent.
            let payload = unsafe bytes.span.bytes.extracting(droppingFirst: header)
            heard = .success(try LLDPUnit(checking: payload))
        } catch {
            heard = .failure(error)
        }
        discovery[name]?.receive(heard, now: now)
        // What it said may be true for a short time only.
        discoveryDeadline = [discoveryDeadline, discovery[name]?.deadline].compactMap { $0 }.min()
    }

    // MARK: Answers

    func answerAboutNeighbours(_ command: String, now: Instant) -> String {
        discovery.sorted { $0.key < $1.key }.reduce("") { text, entry in
            let (name, agent) = entry
            switch command {
            case "autoattach/status": return text + "LLDP: \(name)\n"
            case "autoattach/statistics": return text + statistics(name, agent.counters)
            case "autoattach/show-isid":
                return text + "LLDP: \(name)\nI-SID    VLAN Source      Status  \n"
                    + "-------- ---- ----------- --------\n"
            default:
                let neighbours = agent.neighbours.map { self.text(of: $0, now: now) }
                return text + "---- \(name) ----\n" + neighbours.joined()
            }
        }
    }

    private func statistics(_ name: String, _ counters: LLDPAgent.Counters) -> String {
        """
        Statistics: \(name)
          tx cnt: \(counters.sent)
          rx cnt: \(counters.received)
          rx discarded cnt: \(counters.discarded)
          rx unrecognized cnt: 0
          ageout cnt: \(counters.agedOut)
          insert cnt: \(counters.inserted)
          delete cnt: \(counters.deleted)
          drop cnt: \(counters.dropped)

        """
    }

    private func text(of neighbour: LLDPAgent.Neighbour, now: Instant) -> String {
        let unit = neighbour.unit
        return """
            neighbour \(unit.chassis.text(isChassis: true)) port \
            \(unit.port.text(isChassis: false))
              port description: \((unit.portDescription ?? "<none>").printable)
              system name: \((unit.systemName ?? "<none>").printable)
              system description: \((unit.systemDescription ?? "<none>").printable)
              expires in \(seconds(now, neighbour.expiresAt)) s

            """
    }
}

extension LLDPIdentifier {
    /// As IEEE 802.1AB-2016 §8.5.2.2 and §8.5.3.2 say: an address, or text, or else octets.
    func text(isChassis: Bool) -> String {
        let address = isChassis ? LLDPUnit.macAddress : 3
        if subtype == address, octets.count == 6 {
            return "\(MACAddress(bits: octets.reduce(0) { $0 << 8 | UInt64($1) }))"
        }
        let texts: [UInt8] = isChassis ? [1, 2, 3, 6, 7] : [1, 2, 5, 7]
        if texts.contains(subtype) { return String(decoding: octets, as: UTF8.self).printable }
        return octets.map { hexadecimal($0, digits: 2) }.joined(separator: ":")
    }
}

extension String {
    /// What a stranger wrote, without what would move the cursor of who reads it.
    fileprivate var printable: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 32 || (127..<160).contains($0.value) ? "?" : $0 }))
    }
}
