import Flows
import OpenFlow
import Packets
import Switching

// Where packets leave: ports, floods, NORMAL, patch ports, controllers.

extension Translator {
    mutating func output(to port: PortNumber, maxLength: UInt16) {
        switch port {
        case .inPort:
            send(to: inPort)
        case .table:
            descend(isBackward: true) {
                $0.runTable(0, lookupPort: $0.inPort, sendsMissToController: true)
            }
        case .normal:
            sendNormally()
        case .flood:
            flood { !$0.config.contains(.noFlood) }
        case .all:
            flood { _ in true }
        case .controller:
            sendToController(ControllerAction(maxLength: maxLength))
        case .none:
            break
        default:
            guard port != inPort else {
                // OpenFlow 1.0 §3.3: only OFPP_IN_PORT sends a packet back.
                drop(.noOutputPort, "the packet came by port \(port.rawValue)")
                return
            }
            send(to: port)
        }
    }

    private mutating func flood(_ takesPart: (BridgePort) -> Bool) {
        guard let here = model.bridge(bridge) else { return }
        var isAlone = true
        for port in here.ports where port.number != inPort && takesPart(port) {
            isAlone = false
            send(to: port.number)
            guard failure == nil else { return }
        }
        if isAlone { drop(.noOutputPort, "there is no other port") }
    }

    private mutating func sendNormally() {
        guard let here = model.bridge(bridge) else { return }
        mask.packet.ethSrc = .broadcast
        mask.packet.ethDst = .broadcast
        mask.packet.vlan0TCI = .max
        let isFromController = inPort == .controller || inPort == .none
        let frame = NormalFrame(
            inPort: isFromController ? nil : inPort.rawValue, source: key.packet.ethSrc,
            destination: key.packet.ethDst, tci: key.packet.vlan0TCI,
            etherType: key.packet.ethType, isGratuitousARP: isGratuitousARP(in: here))
        let decision = here.normal.decide(frame, table: here.macTable, bonds: here.bonds)
        if let learning = decision.learning {
            note(.learnMAC(bridge: bridge, key: learning.key, port: learning.port))
            if learning.isHeld { note(.holdMAC(bridge: bridge, key: learning.key)) }
        }
        if witness.isListening {
            witness.decidedNormal(decision, in: here, depth: depth)
        }
        guard decision.end == .forwarded else {
            drop(decision.end, "NORMAL: \(decision.refusal?.rawValue ?? decision.end.name)")
            return
        }
        let before = key
        for output in decision.outputs {
            guard let way = way(of: output, vlan: decision.vlan, in: here) else { continue }
            replaceOuterTag(with: output.tci)
            send(way)
            key = before
            guard failure == nil else { return }
        }
    }

    func isDown(_ port: BridgePort) -> Bool {
        !port.config.isDisjoint(with: [.portDown, .noForward])
    }

    /// Sends the packet as it is now out of a real port of this bridge.
    mutating func send(to number: PortNumber) {
        guard let port = model.bridge(bridge)?.port(number) else {
            drop(.invalidAction, "there is no port \(number.rawValue)")
            return
        }
        guard !isDown(port) else {
            drop(.portDisabled, "port \(port.name) does not send")
            return
        }
        if witness.isListening { witness.sent(to: port, depth: depth) }
        switch port.attachment {
        case .datapath(let number):
            commitEdits()
            if let truncation { append(.truncate(byteCount: truncation)) }
            append(.output(port: number))
            outputCount += 1
        case .patch(let peerBridge, let peerPort):
            cross(to: peerPort, of: peerBridge)
        case .nowhere:
            drop(.outputPortGone, "port \(port.name) leads nowhere")
        }
    }

    /// The packet enters another bridge by a patch port, as it is now but without what this bridge
    /// noted about it, and comes back unchanged.
    private mutating func cross(to port: PortNumber, of peer: Int) {
        onCopy {
            $0.descend(isBackward: true) {
                $0.bridge = peer
                $0.table = 0
                $0.actionSet = []
                $0.stack = []
                ($0.isInActionSet, $0.isInGroup) = (false, false)
                let packet = $0.key.packet
                $0.key = PipelineKey(packet)
                $0.key.packet.inPort = UInt32(port.rawValue)
                $0.key.actionSetOutput = PipelineKey.unsetOutput
                $0.enterFromPort()
            }
        }
        hasExited = false
    }

    mutating func sendToController(_ controller: ControllerAction) {
        commitEdits()
        let cookie = ControllerCookie(
            bridge: bridge, reason: reason(of: controller), controllerID: controller.controllerID,
            maxLength: controller.maxLength, table: table, ruleCookie: ruleCookie, key: key,
            userdata: controller.userdata)
        let upcall = DatapathAction.userspace(cookie: cookie.encoded)
        let meters = model.bridge(bridge)?.tables.meters
        if let meter = meters?[controller.meter ?? MeterNumber.controller],
            !meter.description.bands.isEmpty
        {
            append(.clone([.meter(id: meter.datapathID), upcall]))
        } else {
            append(upcall)
        }
        upcallCount += 1
    }

    /// 1.4 §7.4.1 tells apart why; earlier versions are told that an action said so.
    private func reason(of controller: ControllerAction) -> PacketIn.Reason {
        guard controller.reason == .action else { return controller.reason }
        if isTableMiss { return .noMatch }
        if isPacketOut { return .packetOut }
        if isInGroup { return .group }
        return isInActionSet ? .actionSet : .action
    }

    mutating func append(_ action: DatapathAction) {
        guard actions.count < Limits.datapathActions else {
            fail(.actionLimit, "more than \(Limits.datapathActions) datapath actions")
            return
        }
        actions.append(action)
    }

    mutating func note(_ effect: TranslationEffect) {
        if witness.isListening { witness.learned(effect, depth: depth) }
        if collectsEffects { effects.append(effect) }
    }
}
