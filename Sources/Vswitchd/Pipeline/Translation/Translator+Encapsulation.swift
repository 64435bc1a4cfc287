import Flows
import OpenFlow
import Packets

// Taking off the Ethernet header and putting on another (`decap`, `encap(ethernet)`).
//
// All ports carry Ethernet: a packet that leaves without a header of its own gets one with zero
// addresses, as Open vSwitch does it. So the header stays where it is, its addresses become zero at
// once, and only the packet type tells the tables, and a controller, that there is none.

extension Translator {
    mutating func decapsulate() {
        guard key.packetType == PacketType.ethernet.rawValue else {
            fail(.invalidAction, "decap of a packet without an Ethernet header")
            return
        }
        lookAtTags()
        guard key.packet.vlan0TCI & VLANTag.present == 0 else {
            fail(.invalidAction, "decap of a frame with a VLAN tag")
            return
        }
        for field in [FlowField.ethSrc, .ethDst] {
            write(field, FieldValue(low: 0), mask: field.exactMask)
        }
        key.packetType = PacketType(ethType: key.packet.ethType).rawValue
    }

    /// Of Ethernet; others are refused when the rule is added.
    mutating func encapsulate() {
        guard key.packetType != PacketType.ethernet.rawValue else {
            fail(.invalidAction, "encap(ethernet) of a packet that has an Ethernet header")
            return
        }
        key.packetType = PacketType.ethernet.rawValue
    }
}
