import Flows
import Packets
import Switching
public import Timekeeping

// Multicast snooping reads packets: what a report says stands behind its header, where no flow key
// reaches. So the effect `.snoop` says who is to read, and here it is read.

extension ForwardingModel {
    /// Lets multicast snooping read `frame`, whose translation has `effects`.
    public mutating func snoop(
        _ effects: [TranslationEffect], frame: [UInt8], now: Instant
    ) {
        var message: GroupMessage?
        for case .snoop(let index, let port, let vlan) in effects {
            guard let here = bridge(index), here.groups != nil else { continue }
            if message == nil { message = GroupMessage(readingFrame: frame) }
            guard let message else { return }
            let keepsMembers = here.normal.port(id: port)?.floodsReports ?? false
            self[bridge: index].changeGroups {
                $0.hear(message, port: port, vlan: vlan, keepsMembers: keepsMembers, now: now)
            }
        }
    }
}

extension MulticastTable {
    /// - Parameter keepsMembers: More than one host is behind the port, so that one that leaves
    ///   says nothing of the others: they expire.
    fileprivate mutating func hear(
        _ message: GroupMessage, port: SwitchPort.ID, vlan: UInt16, keepsMembers: Bool,
        now: Instant
    ) {
        switch message {
        case .query(let hasSource):
            if hasSource { heardRouter(inVLAN: vlan, port: port, now: now) }
        case .reports(let reports):
            for report in reports {
                let key = Key(vlan: vlan, group: report.group)
                if !report.isLeave {
                    join(key, port: port, now: now)
                } else if !keepsMembers {
                    leave(key, port: port)
                }
            }
        case .other:
            break
        }
    }
}

extension GroupMessage {
    /// Reads the message in a whole frame; nil if there is none, or it is not sound.
    fileprivate init?(readingFrame frame: [UInt8]) {
        // Safe: the array is not changed while its bytes are lent.
        let bytes = unsafe frame.span.bytes
        let found = FlowKey.extract(frame: bytes, inPort: 0)
        let (network, transport) = (Int(found.layout.network), Int(found.layout.transport))
        guard transport > 0, transport < bytes.byteCount else { return nil }
        let key = found.key
        do throws(GroupMessageError) {
            switch found.layout.networkKind {
            case .ipv4 where key.nwProto == IPProtocol.igmp:
                let end = network + Int(bytes.bigEndian16(at: network + 2))
                guard let payload = bytes.part(from: transport, to: end) else { return nil }
                try self.init(igmp: payload, from: key.nwSrc)
            case .ipv6 where key.nwProto == IPProtocol.icmpv6:
                let end = network + 40 + Int(bytes.bigEndian16(at: network + 4))
                guard let payload = bytes.part(from: transport, to: end) else { return nil }
                try self.init(mld: payload, from: key.ipv6Src, to: key.ipv6Dst)
            default:
                return nil
            }
        } catch {
            return nil
        }
    }
}

extension RawSpan {
    /// nil if there are not so many bytes.
    @_lifetime(copy self)
    fileprivate func part(from start: Int, to end: Int) -> RawSpan? {
        guard start <= end, end <= byteCount else { return nil }
        return extracting(start..<end)
    }
}
