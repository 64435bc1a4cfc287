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
            // Of all ways to send only this one does not ask the spanning tree, as in Open vSwitch.
            flood(asksSpanningTree: false) { _ in true }
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

    private mutating func flood(
        asksSpanningTree: Bool = true, _ takesPart: (BridgePort) -> Bool
    ) {
        guard let here = model.bridge(bridge) else { return }
        var isAlone = true
        for port in here.ports where port.number != inPort && takesPart(port) {
            isAlone = false
            send(to: port.number, asksSpanningTree: asksSpanningTree)
            guard failure == nil else { return }
        }
        if isAlone { drop(.noOutputPort, "there is no other port") }
    }

    func isDown(_ port: BridgePort) -> Bool {
        !port.config.isDisjoint(with: [.portDown, .noForward])
    }

    /// Sends the packet as it is now out of a real port of this bridge.
    mutating func send(to number: PortNumber, asksSpanningTree: Bool = true) {
        guard let port = model.bridge(bridge)?.port(number) else {
            drop(.invalidAction, "there is no port \(number.rawValue)")
            return
        }
        guard !isDown(port) else {
            drop(.portDisabled, "port \(port.name) does not send")
            return
        }
        guard !isBetweenProtectedPorts(number) else {
            drop(.noOutputPort, "port \(port.name) and the one it came by are protected")
            return
        }
        if case .datapath = port.attachment {} else if snapLength != nil {
            drop(.outputPortGone, "port \(port.name) takes no shortened packets")
            return
        }
        guard !asksSpanningTree || maySend(by: port) else {
            drop(.spanningTree, "the spanning tree does not let port \(port.name) forward")
            return
        }
        if witness.isListening { witness.sent(to: port, depth: depth) }
        switch port.attachment {
        case .datapath(let vport):
            commitEdits()
            if let limit = truncation ?? snapLength.map(UInt32.init) {
                let other = snapLength.map(UInt32.init) ?? limit
                append(.truncate(byteCount: min(limit, other)))
            }
            append(.output(port: vport))
            outputCount += 1
            mirrorDeparture(by: number)
        case .patch(let peerBridge, let peerPort):
            cross(to: peerPort, of: peerBridge)
        case .nowhere:
            drop(.outputPortGone, "port \(port.name) leads nowhere")
        }
    }

    /// Whether the packet came by one protected port and is to leave by another (conf.db(5),
    /// `protected`), whoever wants that.
    private func isBetweenProtectedPorts(_ number: PortNumber) -> Bool {
        guard let normal = model.bridge(bridge)?.normal, normal.hasProtectedPorts else {
            return false
        }
        return normal.port(ofMember: inPort.rawValue)?.isProtected == true
            && normal.port(ofMember: number.rawValue)?.isProtected == true
    }

    /// The packet enters another bridge by a patch port, as it is now but without what this bridge
    /// noted about it, and comes back unchanged.
    private mutating func cross(to port: PortNumber, of peer: Int) {
        let served = servedMirrors
        servedMirrors = MirrorSet()
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
        servedMirrors = served
        hasExited = false
    }

    /// - Parameter continuation: Under which the packet goes on when the controller says so.
    mutating func sendToController(
        _ controller: ControllerAction, continuation: UInt32? = nil
    ) {
        commitEdits()
        var cookie = ControllerCookie(
            bridge: bridge, reason: reason(of: controller), controllerID: controller.controllerID,
            maxLength: controller.maxLength, table: table, ruleCookie: ruleCookie, key: key,
            userdata: controller.userdata)
        cookie.continuation = continuation
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

    /// 1.4 §7.4.1 tells apart why, of outputs to the controller's port; earlier versions are told
    /// that an action said so, and so is who gets a packet by Nicira's action.
    private func reason(of controller: ControllerAction) -> PacketIn.Reason {
        guard controller == ControllerAction(maxLength: controller.maxLength) else {
            return controller.reason
        }
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
