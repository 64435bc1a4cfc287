import Flows
import Packets

// What the matches of 1.0 and 1.1 have in common: a fixed place for each field, one pair of fields
// for the ports of all transports, and things that they cannot say.

enum FixedMatch {
    /// `dl_vlan` of a frame without a tag.
    static let noVLAN: UInt16 = 0xffff

    /// The VLAN as these matches say it; nil: it does not count. A priority needs a tag.
    ///
    /// - Parameter anyVLAN: `dl_vlan` of any tag, where there is such a number.
    static func vlan(
        of match: Match, anyVLAN: UInt16?
    ) -> (id: UInt16?, priority: UInt8?) {
        let key = match.key.packet.vlan0TCI
        let mask = match.mask.packet.vlan0TCI
        guard mask & VLANTag.present != 0 else { return (nil, nil) }
        guard key & VLANTag.present != 0 else { return (noVLAN, nil) }
        let hasID = mask & VLANTag.idMask == VLANTag.idMask
        let hasPriority = mask & VLANTag.priorityMask == VLANTag.priorityMask
        return (
            hasID ? key & VLANTag.idMask : anyVLAN,
            hasPriority ? UInt8(key >> VLANTag.priorityShift) : nil
        )
    }

    /// The two numbers behind the addresses: ports, or type and code of ICMP.
    struct Ports {
        let source: UInt16
        let destination: UInt16

        /// Adds those that count to a match whose transport is known. They have sixteen bits for
        /// ICMP, too, whose type stands where a port does: one above 255 is kept, and no packet
        /// has it.
        func set(source sourceCounts: Bool, destination: Bool, in match: inout Match) {
            guard let fields = match.transportFields else { return }
            for (field, whole, counts, number) in [
                (fields.0, FlowField.tcpSrc, sourceCounts, source),
                (fields.1, FlowField.tcpDst, destination, self.destination),
            ] where counts {
                let value = FieldValue(low: UInt64(number))
                match.set(field.canHold(value) ? field : whole, to: value)
            }
        }
    }

    /// Whether reading what `write` writes gives the same match back.
    static func canSay(
        _ match: Match, write: (Match, inout OctetWriter) -> Void,
        read: (inout OctetReader) throws(OpenFlowErrorCode) -> Match
    ) -> Bool {
        var writer = OctetWriter()
        write(match, &writer)
        var reader = OctetReader(writer.bytes)
        do {
            return try read(&reader) == match
        } catch {
            return false
        }
    }
}
