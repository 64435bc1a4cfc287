import Flows
import OpenFlow
import Packets

// What each action does to the packet and to the translation.

extension Translator {
    /// Runs actions in order. Returns false if the rest of the rule is not to be carried out.
    @discardableResult
    mutating func run(_ list: [Action]) -> Bool {
        for index in list.indices {
            guard !hasStopped else { return false }
            let action = list[index]
            if looksBehindLabels(action) {
                interrupt(.recirculation)
                leave(list[index...])
                return false
            }
            if witness.isListening { witness.acting(action, depth: depth) }
            resetMirrors(before: action)
            let goesOn = run(action)
            if interrupted != nil { leave(list[(index + 1)...]) }
            guard goesOn else { return false }
        }
        return !hasStopped
    }

    /// Returns false if the rest of the rule is not to be carried out.
    private mutating func run(_ action: Action) -> Bool {
        switch action {
        case .output(let port, let maxLength):
            output(to: port, maxLength: maxLength)
        case .outputField(let range, let maxLength):
            let port = read(range)
            output(to: PortNumber(UInt16(truncatingIfNeeded: port)), maxLength: maxLength)
        case .outputTruncated(let port, let byteCount):
            truncation = byteCount
            output(to: port, maxLength: 0)
            truncation = nil
        case .enqueue(let port, let queue):
            let before = key.packet.priority
            choose(queue: queue)
            output(to: port, maxLength: 0)
            key.packet.priority = before
        case .setQueue(let queue):
            choose(queue: queue)
        case .popQueue:
            key.packet.priority = original.priority
        case .controller(let controller) where controller.pauses:
            interrupt(.pause(controller))
        case .controller(let controller):
            sendToController(controller)
        case .setField(let field, let value, let mask):
            write(field, value, mask: mask)
        case .setOwn(.tcpSrc, let port):
            write(
                transportPort(.tcpSrc, .udpSrc, .sctpSrc), port, mask: FlowField.tcpSrc.exactMask)
        case .setOwn(.tcpDst, let port):
            write(
                transportPort(.tcpDst, .udpDst, .sctpDst), port, mask: FlowField.tcpDst.exactMask)
        case .setOwn, .load:
            guard let write = action.fieldWrite else { break }
            self.write(write.field, write.value, mask: write.mask)
        case .move(let source, let destination):
            move(source, to: destination)
        case .push(let range): push(range)
        case .pop(let range): pop(range)
        case .setVLANID, .setVLANPriority, .stripVLAN, .pushVLAN:
            return editVLAN(action)
        case .decrementTTL:
            return decrementTTL(telling: [0])
        case .decrementTTLTelling(let controllers):
            return decrementTTL(telling: controllers)
        case .pushMPLS(let type): pushLabel(type)
        case .popMPLS(let type): popLabel(type)
        case .decrementMPLSTTL: return decrementLabelTTL()
        default: return runJourney(action)
        }
        return failure == nil
    }

    /// Actions that lead elsewhere, or leave the packet as it is.
    private mutating func runJourney(_ action: Action) -> Bool {
        switch action {
        case .resubmit(let port, let table):
            resubmit(port: port, table: table ?? self.table)
        case .learn(let learn):
            self.learn(learn)
        case .exit:
            hasExited = true
        case .group(let number): send(toGroup: number)
        case .meter(let number): pass(meter: number)
        case .multipath(let multipath): choose(multipath)
        case .bundle(let bundle): choose(bundle)
        case .clone(let list): clone(list)
        case .encap: encapsulate()
        case .decap: decapsulate()
        case .checkPacketLarger(let byteCount, let bit):
            interrupt(.length(byteCount: byteCount, bit))
        case .finTimeout(let idle, let hard): endConnection(idle: idle, hard: hard)
        default:
            // Notes, clauses, samples that nobody collects, and, since no packet belongs to a
            // connection, forgetting the connection and looking up its addresses.
            break
        }
        return true
    }

    private mutating func resubmit(port: PortNumber?, table next: UInt8) {
        let port = port.flatMap { $0 == .inPort ? nil : $0 } ?? inPort
        descend(isBackward: next <= table) {
            $0.runTable(next, lookupPort: port, sendsMissToController: false)
        }
    }

    /// Carries out the list and goes on as if nothing of it had happened. What cannot be undone by
    /// writing the fields back is done by the datapath on a copy.
    private mutating func clone(_ list: [Action]) {
        let needsCopy = list.flatMap(\.withNested).contains {
            switch $0 {
            case .meter, .pushMPLS, .popMPLS, .outputTruncated, .checkPacketLarger, .resubmit: true
            default: false
            }
        }
        onCopy(inDatapath: needsCopy) {
            $0.actionSet = []
            $0.run(list)
            if $0.interrupted != nil { $0.conclude() }
        }
        hasExited = false
    }

    /// Datapaths know queues by the priority that leads to them.
    private mutating func choose(queue: UInt32) {
        let priority = PortTraffic.priority(ofQueue: queue)
        write(.skbPriority, FieldValue(low: UInt64(priority)), mask: .ones(32))
    }

    /// Runs `body` and puts packet and place back as they were.
    ///
    /// - Parameter inDatapath: Also the datapath's packet is put back, by a list of its own.
    mutating func onCopy(inDatapath: Bool = false, _ body: (inout Self) -> Void) {
        let (place, here) = (place, bridge)
        let packet = (key, actionSet, stack, hasPoppedLabels, isInActionSet, isInGroup)
        if inDatapath, nestedLists >= Limits.nestedLists {
            fail(.actionLimit, "lists of actions nest too deep")
            return
        }
        commitEdits(if: inDatapath)
        let (datapath, before) = (sent, actions)
        if inDatapath {
            actions = []
            nestedLists += 1
        }
        body(&self)
        if inDatapath {
            nestedLists -= 1
            let inner = actions
            (sent, actions) = (datapath, before)
            if !inner.isEmpty { append(.clone(inner)) }
        }
        (key, actionSet, stack, hasPoppedLabels, isInActionSet, isInGroup) = packet
        bridge = here
        stand(at: place)
    }

    private mutating func commitEdits(if isWanted: Bool) { if isWanted { commitEdits() } }

    /// Lets a meter of the datapath decide whether the packet goes on.
    ///
    /// If the meter may change the DSCP, only the datapath knows what the rest of the pipeline is
    /// to see: so the packet is looked up again behind it.
    mutating func pass(meter number: UInt32) {
        guard let meter = model.bridge(bridge)?.tables.meters[number],
            !meter.description.bands.isEmpty
        else { return }
        // What marks must see what was written before: a label, for one, hides the DSCP.
        if meter.marks { commitEdits() }
        append(.meter(id: meter.datapathID))
        if meter.marks, has(.ipDSCP) { interrupt(.recirculation) }
    }

    /// `fin_timeout`: the packet is looked at for the end of its connection.
    private mutating func endConnection(idle: UInt16, hard: UInt16) {
        guard has(.tcpFlags) else { return }
        let ends: UInt16 = 0x5  // FIN and RST
        mask.packet.tcpFlags |= ends
        guard key.packet.tcpFlags & ends != 0, let ruleID else { return }
        note(.shorten(bridge: bridge, rule: ruleID, idle: idle, hard: hard))
    }
}

// Fields.

extension Translator {
    /// Whether the packet has `field`. Looking for it is looking at the packet.
    mutating func has(_ field: FlowField) -> Bool {
        switch field.prerequisite {
        case .none: return true
        case .mpls, .arp, .ipv4, .ipv6, .ip:
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
        return field.hasPrerequisites(
            ethType: key.packet.ethType, nwProto: key.packet.nwProto, tpSrc: key.packet.tpSrc,
            vlan0TCI: key.packet.vlan0TCI)
    }

    /// The bits of `range` in the packet, now looked at.
    mutating func read(_ range: FieldRange) -> UInt128 {
        let ones = FieldValue.ones(range.width).bits
        let selected = FieldValue(bits: ones << UInt128(clamping: range.offset))
        range.field.write(.ones(128), mask: selected, into: &mask)
        // Safe: the words are a whole key's. They are only read; asked for as words to be changed
        // they are lent where they lie, and not as a copy.
        let value = unsafe key.withMutableWords { unsafe range.field.read(words: $0) }
        return value.bits >> UInt128(clamping: range.offset) & ones
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
        guard field.isOfOuterTag else { return }
        // The id alone, as OpenFlow 1.0 has it, means a tag; a TCI without the bit means none.
        if field == .dlVLAN { key.packet.vlan0TCI |= VLANTag.present }
        settleOuterTag()
    }

    /// Which of the fields the packet has; the first if it has none. `write` looks at what decides.
    private func transportPort(
        _ tcp: FlowField, _ udp: FlowField, _ sctp: FlowField
    ) -> FlowField {
        switch key.packet.nwProto {
        case IPProtocol.udp: udp
        case IPProtocol.sctp: sctp
        default: tcp
        }
    }

    private mutating func push(_ range: FieldRange) {
        guard stack.count < Limits.stackDepth else {
            fail(.actionLimit, "more than \(Limits.stackDepth) values on the stack")
            return
        }
        stack.append(StackValue(has(range.field) ? read(range) : 0))
    }

    private mutating func pop(_ range: FieldRange) {
        guard let value = stack.popLast()?.value else {
            if witness.isListening {
                witness.noted("failed to pop from an empty stack", depth: depth)
            }
            return
        }
        let ones = FieldValue.ones(range.width).bits
        let shift = UInt128(clamping: range.offset)
        write(
            range.field, FieldValue(bits: (value & ones) << shift),
            mask: FieldValue(bits: ones << shift))
    }

    /// - Parameter controllers: Who hears of it if the packet's time is over.
    private mutating func decrementTTL(telling controllers: [UInt16]) -> Bool {
        let type = key.packet.ethType
        guard type == EtherType.ipv4 || type == EtherType.ipv6 else { return true }
        mask.packet.nwTTL = .max
        guard key.packet.nwTTL > 1 else {
            for controller in controllers {
                sendToController(ControllerAction(controllerID: controller, reason: .invalidTTL))
            }
            return false
        }
        key.packet.nwTTL -= 1
        return true
    }
}

// VLAN tags. Whatever changes the stack of tags looks at all of it.

extension Translator {
    mutating func lookAtTags() {
        mask.packet.vlan0TCI = .max
        mask.packet.vlan0TPID = .max
        // Without an outer tag there is no second one to look at; and perhaps it does not count.
        guard model.vlanLimit > 1, original.vlan0TCI & VLANTag.present != 0 else { return }
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
}
