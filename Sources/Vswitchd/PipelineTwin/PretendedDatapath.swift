package import Flows
import Packets
package import Pipeline
import Timekeeping

// A datapath of keys: carries actions out on a key instead of a frame.
//
// What stands behind a label stack cannot be seen in a key. So a packet carries it along here, and
// a pop to its type brings it back. A packet that came with labels hides
// `PretendedDatapath.hidden`.

package struct PretendedDatapath {
    /// What every packet that comes with labels hides.
    package static let hidden: FlowKey = makePacket()

    package var model: ForwardingModel
    /// What the comparison with a packet's length says.
    package var isLong = false
    package internal(set) var sent: [Sent] = []
    /// Every packet that came back, with what became of it then.
    package var passes: [(key: FlowKey, translation: Translation)] = []

    package struct Packet {
        package var key: FlowKey
        package var buried: FlowKey

        package init(key: FlowKey, buried: FlowKey = PretendedDatapath.hidden) {
            (self.key, self.buried) = (key, buried)
        }
    }

    package init(_ model: ForwardingModel, isLong: Bool = false) {
        self.model = model
        self.isLong = isLong
    }

    package mutating func run(_ translation: Translation, on packet: Packet) {
        model.apply(translation.effects.filter(\.isContinuation), now: .start)
        run(translation.actions, on: packet)
    }

    private mutating func run(_ actions: [DatapathAction], on packet: Packet) {
        var packet = packet
        for action in actions { run(action, &packet) }
    }

    private mutating func run(_ action: DatapathAction, _ packet: inout Packet) {
        switch action {
        case .output(let port): sent.append(Sent(port: port, key: packet.key))
        case .userspace: sent.append(Sent(port: nil, key: packet.key))
        case .popVLAN: packet.key.popTag()
        case .pushVLAN(let tpid, let tci): packet.key.pushTag(tpid, tci)
        case .set(let rewrite): packet.key = rewrite.applied(to: packet.key)
        case .pushMPLS(let type, let entry): packet.push(type, entry)
        case .popMPLS(let type): packet.pop(type)
        case .hash(let algorithm, let basis):
            packet.key.dpHash = packet.key.hash(algorithm, basis: basis)
        case .recirculate(let id):
            var again = packet
            again.key.recirculationID = id
            let translation = model.translate(again.key)
            passes.append((again.key, translation))
            guard passes.count < 20 else { return }
            run(translation, on: again)
        case .clone(let list): run(list, on: packet)
        case .checkLength(_, let longer, let shorter): run(isLong ? longer : shorter, on: packet)
        case .truncate, .drop, .meter: break
        default: fatalError("nobody expects \(action)")
        }
    }
}

extension PretendedDatapath.Packet {
    mutating func push(_ type: UInt16, _ entry: UInt32) {
        if key.ethType != 0x8847, key.ethType != 0x8848 {
            buried = key
            key.takeNetworkLayer(of: FlowKey())
            (key.mpls0, key.mpls1, key.mpls2) = (entry, 0, 0)
        } else {
            (key.mpls0, key.mpls1, key.mpls2) = (entry, key.mpls0, key.mpls1)
        }
        key.ethType = type
    }

    mutating func pop(_ type: UInt16) {
        guard key.ethType == 0x8847 || key.ethType == 0x8848 else { return }
        (key.mpls0, key.mpls1, key.mpls2) = (key.mpls1, key.mpls2, 0)
        key.ethType = type
        guard type != 0x8847, type != 0x8848 else { return }
        (key.mpls0, key.mpls1, key.mpls2) = (0, 0, 0)
        if type == buried.ethType { key.takeNetworkLayer(of: buried) }
    }
}

extension FlowKey {
    mutating func popTag() {
        (vlan0TPID, vlan0TCI) = (vlan1TPID, vlan1TCI)
        (vlan1TPID, vlan1TCI) = (0, 0)
    }

    mutating func pushTag(_ tpid: UInt16, _ tci: UInt16) {
        (vlan1TPID, vlan1TCI) = (vlan0TPID, vlan0TCI)
        (vlan0TPID, vlan0TCI) = (tpid, tci)
    }

    package mutating func takeNetworkLayer(of other: FlowKey) {
        (nwSrc, nwDst, nwProto, nwTOS) = (other.nwSrc, other.nwDst, other.nwProto, other.nwTOS)
        (nwTTL, nwFrag, ipv6Src, ipv6Dst) = (
            other.nwTTL, other.nwFrag, other.ipv6Src, other.ipv6Dst
        )
        (ipv6Label, tpSrc, tpDst, tcpFlags) = (
            other.ipv6Label, other.tpSrc, other.tpDst, other.tcpFlags
        )
        (arpSHA, arpTHA, ndTarget) = (other.arpSHA, other.arpTHA, other.ndTarget)
    }
}
