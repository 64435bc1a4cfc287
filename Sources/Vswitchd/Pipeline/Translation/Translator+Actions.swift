import Flows
import OpenFlow
import Packets

// What each action does to the packet and to the translation.

extension Translator {
    /// Runs actions in order. Returns false if the rest of the rule is not to be carried out.
    @discardableResult
    mutating func run(_ list: [Action]) -> Bool {
        for action in list {
            guard !hasStopped else { return false }
            if witness.isListening { witness.acting(action, depth: depth) }
            guard run(action) else { return false }
        }
        return !hasStopped
    }

    private mutating func run(_ action: Action) -> Bool {
        switch action {
        case .output(let port, let maxLength):
            output(to: port, maxLength: maxLength)
        case .outputField(let range, let maxLength):
            let port = read(range)
            output(to: PortNumber(UInt16(truncatingIfNeeded: port)), maxLength: maxLength)
        case .enqueue(let port, _):
            // Queues belong to the interface's shaping; until it exists they all are one.
            output(to: port, maxLength: 0)
        case .controller(let controller):
            sendToController(controller)
        case .setField, .load:
            guard let write = action.fieldWrite else { break }
            self.write(write.field, write.value, mask: write.mask)
        case .move(let source, let destination):
            move(source, to: destination)
        case .setVLANID, .setVLANPriority, .stripVLAN, .pushVLAN:
            return editVLAN(action)
        case .decrementTTL:
            return decrementTTL()
        case .resubmit(let port, let table):
            resubmit(port: port, table: table ?? self.table)
        case .learn(let learn):
            self.learn(learn)
        case .exit:
            hasExited = true
        case .note, .setQueue, .popQueue:
            break
        default:
            // Refused when the rule was added (`Action.unsupportedName`).
            fail(.invalidAction, "\(action.unsupportedName ?? "an action") is not carried out")
            return false
        }
        return true
    }

    private mutating func resubmit(port: PortNumber?, table next: UInt8) {
        let port = port.flatMap { $0 == .inPort ? nil : $0 } ?? inPort
        descend(isBackward: next <= table) {
            $0.runTable(next, lookupPort: port, sendsMissToController: false)
        }
    }
}

// Fields.

extension Translator {
    /// Whether the packet has `field`. Looking for it is looking at the packet.
    private mutating func has(_ field: FlowField) -> Bool {
        switch field.prerequisite {
        case .none, .mpls, .arp, .ipv4, .ipv6, .ip:
            break
        case .vlan:
            mask.packet.vlan0TCI |= VLANTag.present
        case .tcp, .udp, .sctp, .icmp, .icmpv6:
            mask.packet.nwProto = .max
            if key.packet.nwFrag & Fragment.later != 0 { return false }
        case .neighbourDiscovery, .neighbourSolicit, .neighbourAdvert:
            mask.packet.nwProto = .max
            mask.packet.tpSrc = .max
            if key.packet.nwFrag & Fragment.later != 0 { return false }
        }
        return field.hasPrerequisites(key: key, mask: .everyBit)
    }

    /// The bits of `range` in the packet, now looked at.
    mutating func read(_ range: FieldRange) -> UInt128 {
        let ones = FieldValue.ones(range.width).bits
        let selected = FieldValue(bits: ones << UInt128(clamping: range.offset))
        range.field.write(.ones(128), mask: selected, into: &mask)
        return range.field.read(key).bits >> UInt128(clamping: range.offset) & ones
    }

    mutating func move(_ source: FieldRange, to destination: FieldRange) {
        guard has(source.field) else { return }
        let bits = read(source)
        let shift = UInt128(clamping: destination.offset)
        write(
            destination.field, FieldValue(bits: bits << shift),
            mask: FieldValue(bits: FieldValue.ones(destination.width).bits << shift))
    }

    /// Writes `field` if the packet has it (ovs-actions(7): otherwise nothing happens).
    mutating func write(_ field: FlowField, _ value: FieldValue, mask bits: FieldValue) {
        guard has(field) else { return }
        field.write(.ones(128), mask: bits, into: &mask)
        field.write(value, mask: bits, into: &key)
        let tags = FlowField.vlanTCI.places[0]
        let writesTag = field.places.contains { place in
            place.word == tags.word && place.shift < tags.shift + tags.width
                && place.shift + place.width > tags.shift
        }
        guard writesTag else { return }
        // The id alone, as OpenFlow 1.0 has it, means a tag; a TCI without the bit means none.
        if field == .dlVLAN { key.packet.vlan0TCI |= VLANTag.present }
        settleOuterTag()
    }

    private mutating func decrementTTL() -> Bool {
        let type = key.packet.ethType
        guard type == EtherType.ipv4 || type == EtherType.ipv6 else { return true }
        mask.packet.nwTTL = .max
        guard key.packet.nwTTL > 1 else {
            sendToController(ControllerAction(reason: .invalidTTL))
            return false
        }
        key.packet.nwTTL -= 1
        return true
    }
}

// VLAN tags. Whatever changes the stack of tags looks at all of it.

extension Translator {
    private mutating func lookAtTags() {
        mask.packet.vlan0TCI = .max
        mask.packet.vlan0TPID = .max
        // Without an outer tag there is no second one to look at.
        guard original.vlan0TCI & VLANTag.present != 0 else { return }
        mask.packet.vlan1TCI = .max
        mask.packet.vlan1TPID = .max
    }

    /// Returns false if the rest of the rule is not to be carried out.
    private mutating func editVLAN(_ action: Action) -> Bool {
        lookAtTags()
        switch action {
        case .setVLANID(let id):
            key.packet.vlan0TCI =
                key.packet.vlan0TCI & ~VLANTag.idMask | id & VLANTag.idMask | VLANTag.present
            settleOuterTag()
        case .setVLANPriority(let priority):
            let bits = UInt16(priority) << VLANTag.priorityShift & VLANTag.priorityMask
            key.packet.vlan0TCI =
                key.packet.vlan0TCI & ~VLANTag.priorityMask | bits | VLANTag.present
            settleOuterTag()
        case .stripVLAN:
            popTag()
        case .pushVLAN(let tpid):
            guard key.packet.vlan1TCI & VLANTag.present == 0 else {
                fail(.invalidAction, "push_vlan on a frame with two tags")
                return false
            }
            // OpenFlow 1.3.5 §5.12 would copy the id of the tag below; Open vSwitch starts at 0.
            pushTag(tpid: tpid, tci: VLANTag.present)
        default:
            break
        }
        return true
    }

    mutating func pushTag(tpid: UInt16, tci: UInt16) {
        (key.packet.vlan1TPID, key.packet.vlan1TCI) = (key.packet.vlan0TPID, key.packet.vlan0TCI)
        (key.packet.vlan0TPID, key.packet.vlan0TCI) = (tpid, tci)
    }

    mutating func popTag() {
        (key.packet.vlan0TPID, key.packet.vlan0TCI) = (key.packet.vlan1TPID, key.packet.vlan1TCI)
        (key.packet.vlan1TPID, key.packet.vlan1TCI) = (0, 0)
    }

    /// Makes type and presence of the outer tag agree after its TCI was written.
    private mutating func settleOuterTag() {
        lookAtTags()
        if key.packet.vlan0TCI & VLANTag.present == 0 {
            popTag()
        } else if key.packet.vlan0TPID == 0 {
            key.packet.vlan0TPID = EtherType.vlan
        }
    }

    /// Gives the frame the outer tag `tci`, 0 = none, in place of the one it has.
    mutating func replaceOuterTag(with tci: UInt16) {
        guard tci != key.packet.vlan0TCI else { return }
        lookAtTags()
        switch (key.packet.vlan0TCI & VLANTag.present != 0, tci != 0) {
        case (true, true): key.packet.vlan0TCI = tci
        case (true, false): popTag()
        case (false, true): pushTag(tpid: EtherType.vlan, tci: tci)
        case (false, false): break
        }
    }
}

extension PipelineMask {
    static let everyBit: Self = {
        var mask = Self()
        for index in 0..<wordCount { mask[word: index] = ~0 }
        return mask
    }()
}
