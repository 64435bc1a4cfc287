import Flows
import OpenFlow
import Packets
import Switching

// One packet on its way through the tables.
//
// Two pictures of the packet are kept: `key`, as the pipeline has edited it, and `sent`, as the
// datapath will have it after the actions written so far. Edits cost nothing until something is
// sent; only then the difference is written down (`HeaderCommit`). So a rule that edits, sends,
// edits back and sends again becomes exactly the four actions it needs, and one that edits and then
// drops becomes none.
//
// `mask` grows by every bit of the packet that a decision looked at, and by every bit that is
// overwritten: whether writing it needs an action depends on what stood there.
//
//     enter port --> table --> rule --> actions --+--> output --> commit edits, `.output`
//                      ^                          +--> resubmit, goto --> table
//                      `--------------------------+--> patch port --> the peer bridge's table 0

/// Never copied: it is one and a half kilobytes with a dozen references. A copyable one would be
/// copied for each question that it asks itself.
struct Translator<Witness: TranslationWitness>: ~Copyable {
    let model: ForwardingModel.Sight
    let collectsEffects: Bool
    let entryBridge: Int?
    var witness: Witness

    /// The packet as it came.
    let original: FlowKey
    var key: PipelineKey
    var sent: FlowKey
    var mask = PipelineMask()
    /// Whether what comes out may be cached. If not, nobody reads the mask, and lookups add nothing
    /// to it: the translation then has that of this one packet.
    let isCacheable: Bool

    /// Where in the pipeline the packet is: bridge, table, cookie of the rule that acts.
    var bridge: Int
    var table: UInt8 = 0
    var ruleCookie = UInt64.max
    /// Whether that rule is a table-miss entry (1.3.5 §5.4): priority 0, matches everything. What
    /// it sends to the controller is told as "no match".
    var isTableMiss = false
    var ruleID: RuleID?
    var actionSet: [Action] = []
    /// What of that the actions that run belong to: their packet-ins say so.
    var isInActionSet = false
    var isInGroup = false
    let isPacketOut: Bool
    var stack: [StackValue] = []
    /// The last label was taken away, and nobody has looked at what stood behind it.
    var hasPoppedLabels = false
    /// What stands behind labels that were pushed here.
    var buried: FlowKey?
    /// The outputs of the present action send only so many bytes.
    var truncation: UInt32?

    /// The translation is on its way out, to go on later.
    var interrupted: Interruption?
    /// Ids that this translation gave out.
    var newContinuations: [(id: UInt32, continuation: Continuation)] = []
    /// The hash that the packet came back with.
    var availableHash: Continuation.HashRequest?
    /// Lists of datapath actions inside each other.
    var nestedLists = 0

    /// Nested tables and patch ports, of those the ones that led back, and all lookups so far.
    var depth = 0
    var backwardDepth = 0
    var lookupCount = 0
    /// An `exit` was met: nothing more happens in this bridge but the action set.
    var hasExited = false
    /// The translation as a whole failed: nothing is sent at all.
    var failure: PacketEnd?

    var actions: [DatapathAction] = []
    var rules: [RuleReference] = []
    var effects: [TranslationEffect] = []
    var outputCount = 0
    var upcallCount = 0
    /// Who in the switch itself is to read it.
    var addressee: Addressee?
    /// The switch reads each such packet while it forwards it.
    var mustBeRead = false
    /// Mirrors that have a copy of the packet as it is now.
    var servedMirrors = MirrorSet()
    /// Bytes that are left of what is sent now, for a mirror; nil: all.
    var snapLength: UInt16?
    /// The first reason that was met for not sending it.
    var firstDrop: PacketEnd?

    init(
        model: ForwardingModel.Sight, packet: FlowKey, bridge: Int?, inPort: PortNumber,
        collectsEffects: Bool, isPacketOut: Bool = false, isCacheable: Bool = true,
        witness: Witness
    ) {
        self.isPacketOut = isPacketOut
        self.isCacheable = isCacheable
        self.model = model
        self.collectsEffects = collectsEffects
        self.witness = witness
        entryBridge = bridge
        self.bridge = bridge ?? 0
        original = packet
        sent = packet.seen(vlanLimit: model.vlanLimit)
        key = PipelineKey(sent)
        key.packet.inPort = UInt32(inPort.rawValue)
        key.actionSetOutput = PipelineKey.unsetOutput
    }

    var inPort: PortNumber {
        PortNumber(UInt16(truncatingIfNeeded: key[word: 0]))
    }

    var hasStopped: Bool { hasExited || failure != nil || interrupted != nil }

    /// Notes that the packet, or a copy of it, does not go on, and why.
    mutating func drop(_ end: PacketEnd, _ why: @autoclosure () -> String) {
        if firstDrop == nil { firstDrop = end }
        if witness.isListening { witness.dropped(end, why: why(), depth: depth) }
    }

    mutating func fail(_ end: PacketEnd, _ why: @autoclosure () -> String) {
        failure = failure ?? end
        drop(end, why())
    }
}

// Entering and finishing.

extension Translator {
    /// Takes the packet from `inPort` into its bridge's table 0, and carries out the action set.
    mutating func enterFromPort() {
        guard let here = model.bridge(bridge), here.isReady else {
            drop(.bridgeNotReady, "the bridge takes no packets")
            return
        }
        if witness.isListening { witness.entered(bridge: here, port: inPort, depth: depth) }
        guard let port = here.port(inPort), port.config.isDisjoint(with: [.portDown, .noReceive])
        else {
            drop(.portDisabled, "the port does not receive")
            return
        }
        if isForSwitch(here) {
            mirrorArrival(here)
            return
        }
        guard port.learns else {
            drop(.spanningTree, "the spanning tree blocks the port")
            return
        }
        if isFromMirror(here) { return }
        let before = port.forwards ? nil : SentSoFar(self)
        mirrorArrival(here)
        runTable(0, lookupPort: inPort, sendsMissToController: true)
        conclude()
        if let before { forgetSending(since: before) }
    }

    mutating func run(packetOut list: [Action]) {
        guard let here = model.bridge(bridge), here.isReady else {
            drop(.bridgeNotReady, "the bridge takes no packets")
            return
        }
        if witness.isListening { witness.entered(bridge: here, port: inPort, depth: depth) }
        run(list)
        conclude()
    }

    mutating func finish() -> Translation {
        let end: PacketEnd
        if let failure {
            end = failure
        } else if outputCount > 0 {
            end = .forwarded
        } else if upcallCount > 0 {
            end = .actionUpcall
        } else {
            end = firstDrop ?? .actionsWithoutOutput
        }
        return Translation(
            actions: end.isDelivery ? actions : [.drop(end)], mask: finalMask, end: end,
            rules: rules, effects: failure == nil ? effects : [],
            isSlowPathOnly: !isCacheable || addressee != nil || mustBeRead, addressee: addressee,
            bridge: entryBridge)
    }

    /// What was looked at, plus what is always looked at, plus what a field needs to be there: a
    /// cached flow that knows the ports must know that they are TCP's.
    private var finalMask: FlowMask {
        guard isCacheable else { return .exact }
        var final = mask.packet
        final.inPort = .max
        final.recirculationID = .max
        final.ethType = .max
        let packet = original
        if !packet.hasTunnel {
            // A port gives packets of tunnels or others, never both, and the port is in the mask.
            for word in FlowKey.plainWordCount - 1..<FlowKey.wordCount { final[word: word] = 0 }
        }
        // A packet with one tag more than are looked at is of another Ethernet type.
        if model.vlanLimit == 1 {
            final.vlan1TCI |= packet.vlan1TCI & VLANTag.present != 0 ? VLANTag.present : .max
        }
        if final.vlan1TCI | final.vlan1TPID != 0 {
            final.vlan1TCI |= VLANTag.present
            final.vlan1TPID = .max
            final.vlan0TCI |= VLANTag.present
        }
        if final.vlan0TCI | final.vlan0TPID != 0 {
            final.vlan0TCI |= VLANTag.present
            final.vlan0TPID = .max
        }
        guard packet.ethType == EtherType.ipv4 || packet.ethType == EtherType.ipv6 else {
            return final
        }
        final.nwFrag = .max
        let neighbour = (13...16).contains { final[word: $0] != 0 }
        if neighbour { final.tpSrc = .max }
        if neighbour || final.tpSrc | final.tpDst | final.tcpFlags != 0 { final.nwProto = .max }
        return final
    }
}

// Tables.

extension Translator {
    /// Looks the packet up in `table`, as if it had come by `lookupPort`, and does what the rule
    /// says.
    mutating func runTable(
        _ first: UInt8, lookupPort: PortNumber, sendsMissToController: Bool
    ) {
        let (caller, wasInActionSet) = (place, isInActionSet)
        isInActionSet = false
        defer {
            stand(at: caller)
            isInActionSet = wasInActionSet
        }
        var next: UInt8? = first
        var lookupPort = lookupPort
        var sendsMiss = sendsMissToController
        while let current = next, !hasStopped {
            guard !hasPoppedLabels else {
                interrupt(
                    .recirculation,
                    first: .search(table: current, port: lookupPort, sendsMiss: sendsMiss))
                return
            }
            guard key.packet.nwFrag & Fragment.any == 0 || fragments != .drop else {
                drop(.droppedByRule, "fragments are dropped here")
                return
            }
            lookupCount += 1
            guard lookupCount <= Limits.resubmitCount else {
                fail(.resubmitTooDeep, "more than \(Limits.resubmitCount) lookups")
                return
            }
            table = current
            next = nil
            let id = lookUp(current, port: lookupPort)
            let rule = id.flatMap { model.directive(of: $0, bridge: bridge) }
            // What a conjunction leads to may have a higher priority than its clauses.
            let isDecisive = !model.hasClauses(bridge: bridge, table: current)
            rules.append(
                RuleReference(
                    bridge: bridge, table: current, rule: id,
                    priority: isDecisive ? rule?.priority ?? 0 : 0))
            guard let id, let rule else {
                if witness.isListening { witness.lookedUp(table: current, rule: nil, depth: depth) }
                miss(sendsToController: sendsMiss)
                return
            }
            if witness.isListening {
                witness.lookedUp(
                    table: current, rule: model.rule(id, bridge: bridge), depth: depth)
            }
            ruleCookie = rule.cookie
            ruleID = id
            isTableMiss = rule.isTableMiss
            next = run(rule.instructions)
            lookupPort = inPort
            sendsMiss = true
        }
    }

    /// What the packet's bridge does with fragments. Whether it is one is always looked at.
    private var fragments: FragmentHandling { model.bridge(bridge)?.fragments ?? .normal }

    private mutating func lookUp(_ table: UInt8, port: PortNumber) -> RuleID? {
        let hidesPorts = key.packet.nwFrag & Fragment.any != 0 && fragments == .normal
        guard port != inPort || hidesPorts else {
            return model.lookup(
                key, bridge: bridge, table: table, mask: &mask, isMaskRead: isCacheable)
        }
        var substituted = key
        substituted.packet.inPort = UInt32(port.rawValue)
        if hidesPorts { (substituted.packet.tpSrc, substituted.packet.tpDst) = (0, 0) }
        return model.lookup(
            substituted, bridge: bridge, table: table, mask: &mask, isMaskRead: isCacheable)
    }

    /// OpenFlow 1.0 §4.3 sends a packet without a rule to the controller; since 1.3 §5.4 it is
    /// dropped. 1.1 and 1.2 let a table say (`TableMod.Miss`).
    private mutating func miss(sendsToController: Bool) {
        guard sendsToController, let here = model.bridge(bridge),
            here.tables.settings(of: table).miss.map({ $0 == .controller })
                ?? here.sendsMissesToController,
            here.port(inPort)?.config.contains(.noPacketIn) != true
        else {
            drop(.noMatchingRule, "no rule matches")
            return
        }
        ruleCookie = .max
        sendToController(ControllerAction(reason: .noMatch))
    }

    /// Carries out `instructions` in the order of OpenFlow 1.3.5 §5.9. Returns the table to go to.
    mutating func run(_ instructions: Instructions) -> UInt8? {
        if instructions.isEmpty { drop(.droppedByRule, "the rule has no actions") }
        if let meter = instructions.meter { pass(meter: meter) }
        if interrupted != nil {
            var rest = instructions
            rest.meter = nil
            let step = Continuation.Step.instructions(rest, place)
            interrupted?.continuation.steps.append(step)
            return nil
        }
        guard run(instructions.apply) else {
            guard interrupted != nil else { return nil }
            var rest = instructions
            (rest.apply, rest.meter) = ([], nil)
            let step = Continuation.Step.instructions(rest, place)
            if rest != Instructions() { interrupted?.continuation.steps.append(step) }
            return nil
        }
        if instructions.clearsActionSet { actionSet = [] }
        if actionSet.isEmpty, instructions.write.isEmpty {
            key.actionSetOutput = PipelineKey.unsetOutput
        } else {
            actionSet += instructions.write
            key.actionSetOutput = actionSet.outputInActionSet
        }
        if let metadata = instructions.metadata {
            key.metadata = key.metadata & ~metadata.mask | metadata.value & metadata.mask
        }
        return hasStopped ? nil : instructions.gotoTable
    }

    /// Searches again, one level deeper. Only a step that does not lead to a later table of the
    /// same bridge could go round in circles, so only those count towards `resubmitDepth`.
    mutating func descend(isBackward: Bool, _ body: (inout Self) -> Void) {
        guard backwardDepth < Limits.resubmitDepth, depth < Limits.nesting else {
            fail(.resubmitTooDeep, "tables and patch ports nest too deep")
            return
        }
        depth += 1
        backwardDepth += isBackward ? 1 : 0
        body(&self)
        backwardDepth -= isBackward ? 1 : 0
        depth -= 1
    }

    /// OpenFlow 1.3.5 §5.10: the order is the standard's, not the rules'; of two that exclude each
    /// other the later written counts; without an output nothing happens. An `exit` does not stop
    /// it (ovs-actions(7)).
    mutating func runActionSet() {
        guard !actionSet.isEmpty, failure == nil else { return }
        let ordered = actionSet.inActionSetOrder
        actionSet = []
        hasExited = false
        ruleCookie = .max
        if witness.isListening { witness.startedActionSet(depth: depth) }
        guard !ordered.isEmpty else {
            drop(.actionsWithoutOutput, "the action set sends nowhere")
            return
        }
        isInActionSet = true
        run(ordered)
        isInActionSet = false
    }
}

extension Instructions {
    fileprivate var isEmpty: Bool {
        apply.isEmpty && write.isEmpty && metadata == nil && gotoTable == nil && meter == nil
    }
}

extension FlowMask {
    /// Every bit: one packet, and those that are in no way different.
    fileprivate static var exact: FlowMask {
        var mask = FlowMask()
        for word in 0..<wordCount { mask[word: word] = .max }
        return mask
    }
}
