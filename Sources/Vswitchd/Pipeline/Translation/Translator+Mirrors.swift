import Flows
import OpenFlow
import Packets
import Switching

// Mirrors: a frame is copied when it enters the bridge from outside, before anything else happens
// to it, and when it leaves by a port of the datapath, after the frame itself has left.
//
//     enter --> mirrors of the port's arrivals --> tables --> output --> mirrors of its departures
//                          |                                                    |
//                          `--> a port, or all ports of a VLAN (as NORMAL does) '
//
// Which VLAN a frame is in is decided as if it had entered by the port, with the tags that it has
// then: so a mirror sees the same VLAN on both sides of an access port. Patch ports are seen by no
// mirror, as in Open vSwitch: the bridge behind them has its own.

extension Translator {
    /// Whether the packet came by a port that only mirrors send to, which drops it.
    mutating func isFromMirror(_ here: ForwardingBridge) -> Bool {
        guard depth == 0, here.normal.hasMirrorOutputs,
            let port = here.normal.port(ofMember: inPort.rawValue),
            here.normal.isMirrorOutput(port.id)
        else { return false }
        drop(.mirrorOutputPort, "port \(port.name) is a mirror's output")
        return true
    }

    /// Copies the packet for the mirrors of what enters by its port.
    mutating func mirrorArrival(_ here: ForwardingBridge) {
        guard depth == 0, !here.normal.mirrors.isEmpty,
            let port = here.normal.port(ofMember: inPort.rawValue)
        else { return }
        mirror(port, arriving: true, here)
    }

    /// Copies the packet, as it just left by `number`, for the mirrors of what leaves there.
    mutating func mirrorDeparture(by number: PortNumber) {
        guard let here = model.bridge(bridge), !here.normal.mirrors.isEmpty,
            let port = here.normal.port(ofMember: number.rawValue)
        else { return }
        mirror(port, arriving: false, here)
    }

    private mutating func mirror(_ port: SwitchPort, arriving: Bool, _ here: ForwardingBridge) {
        let places = here.normal.mirrors(at: port.id, arriving: arriving)
        guard places.contains(where: { !servedMirrors.contains($0) }) else { return }
        let tagged = VLANStack(readTags())
        guard let stack = port.vlan.stack(of: tagged) else { return }
        let before = snapLength
        for place in places where !servedMirrors.contains(place) {
            let mirror = here.normal.mirrors[place]
            if let vlans = mirror.vlans, !vlans.contains(stack.vlan) { continue }
            // First, so that the copy is not mirrored to the same place in its turn.
            here.normal.serve(place, in: &servedMirrors)
            snapLength = mirror.snapLength
            note(.mirror(bridge: bridge, mirror: mirror.id))
            send(stack, to: mirror.output, here)
            guard failure == nil else { break }
        }
        snapLength = before
    }

    private mutating func send(
        _ stack: VLANStack, to output: Mirror.Output, _ here: ForwardingBridge
    ) {
        var stack = stack
        var ports: [SwitchPort] = []
        switch output {
        case .port(let id):
            ports = here.normal.port(id: id).map { [$0] } ?? []
        case .vlan(let vlan):
            mask.packet.ethDst = .broadcast
            guard stack.vlan != vlan, !key.packet.ethDst.isReservedForBridges else { return }
            stack.outer.id = vlan
            ports = here.normal.ports.filter {
                !here.normal.isMirrorOutput($0.id) && $0.vlan.carries(stack)
            }
        }
        for port in ports {
            let way = here.normal.output(stack, tci: key.packet.vlan0TCI, by: port, here.bonds)
            if let way { send(way, vlan: stack.vlan, in: here) }
            guard failure == nil else { return }
        }
    }

    /// What an action changes in the packet makes it another one, which every mirror may see anew.
    mutating func resetMirrors(before action: Action) {
        switch action {
        case .setVLANID, .setVLANPriority, .stripVLAN, .pushVLAN, .decrementTTL:
            servedMirrors = MirrorSet()
        case .setField(let field, _, _), .setOwn(let field, _):
            if field.isOfPacket { servedMirrors = MirrorSet() }
        case .load(let range, _):
            if range.field.isOfPacket { servedMirrors = MirrorSet() }
        default:
            break
        }
    }
}
