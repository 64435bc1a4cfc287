internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Timekeeping

// What to do with a packet that the datapath did not know.
//
//     upcall ──> translate ──> credit the rules ──> learn ──> "install" + "execute"
//
// Our own datapath keeps the packet meanwhile and is told both in one answer, which it does not
// acknowledge (`UpcallAnswer`). Each such upcall is answered, for the answers keep its window open.
//
// The order matters twice. The flow is installed before its packet is executed, so that the next
// packet, which may be right behind, finds it. And what the packet teaches is learned before the
// next upcall is translated, so that an answer finds its way at once.

extension Vswitch {
    mutating func answer(_ upcall: Upcall, now: Instant) {
        switch upcall.reason {
        case .miss:
            upcallCounts.misses += 1
            answerMiss(upcall, now: now)
        case .action(let cookie):
            upcallCounts.actions += 1
            sendPacketIn(upcall, cookie: cookie, now: now)
        }
    }

    private mutating func answerMiss(_ upcall: Upcall, now: Instant) {
        let translation = model.translate(upcall.key)
        if let addressee = translation.addressee {
            switch addressee {
            case .lacp(let bridge, let port):
                receivedLACP(upcall.bytes, bridge: bridge, port: port, now: now)
            case .spanningTree(let bridge, let port):
                receivedBPDU(upcall.bytes, bridge: bridge, port: port, now: now)
            case .lldp(let bridge, let port):
                receivedLLDP(upcall.bytes, bridge: bridge, port: port, now: now)
            }
            executeCopies(of: translation, upcall, now: now)
            answer(UpcallAnswer(id: upcall.id))
            return
        }
        let byteCount = UInt64(upcall.originalByteCount)
        let teaches = translation.effects.contains(where: \.mayChangeTranslation)
        let generation = teaches ? model.generation : 0
        model.apply(translation.effects, now: now, packetCount: 1, byteCount: byteCount)
        model.snoop(translation.effects, frame: upcall.bytes, now: now)
        if teaches && model.generation != generation {
            // It taught a rule that the packet itself may meet: `learn(…),resubmit(,10)`. Or it is
            // a query, and the next report is to find its router.
            let translation = model.translate(upcall.key)
            model.apply(translation.effects.filter(\.isContinuation), now: now)
            return answer(upcall, translation, now: now)
        }
        answer(upcall, translation, now: now)
    }

    private mutating func answer(_ upcall: Upcall, _ translation: Translation, now: Instant) {
        model.credit(
            translation.rules, packets: 1, bytes: UInt64(upcall.originalByteCount), usedAt: now)
        guard upcall.id != 0 else {
            if !translation.isSlowPathOnly { install(translation, key: upcall.key, now: now) }
            guard translation.end.isDelivery else { return }
            execute(
                ExecutedPacket(
                    bytes: upcall.bytes, offload: upcall.offload, key: upcall.key,
                    actions: translation.actions),
                now: now)
            return
        }
        answerKept(upcall, translation, now: now)
    }

    /// Tells the datapath what to do with a packet that it has kept.
    private mutating func answerKept(_ upcall: Upcall, _ translation: Translation, now: Instant) {
        let executes = translation.end.isDelivery
        guard !datapath.features.support(translation.actions) else {
            // Masks are moved as seldom as can be: none of the two is a part of an optional here.
            if translation.isSlowPathOnly || !hasRoom() {
                answer(
                    UpcallAnswer(
                        id: upcall.id, executes: executes,
                        actions: executes ? datapath.features.spoken(translation.actions) : []))
            } else {
                enter(upcall.key, translation.mask, translation, now: now)
                let actions = datapath.features.spoken(translation.actions)
                // A flood of flows is most often one decision over and over.
                if datapath.lastDecision.mask != translation.mask
                    || datapath.lastDecision.actions != actions
                {
                    datapath.lastDecision = UpcallDecision(
                        mask: translation.mask, actions: actions)
                }
                answer(
                    UpcallAnswer(
                        id: upcall.id, executes: executes, decision: datapath.lastDecision))
            }
            return
        }
        answer(UpcallAnswer(id: upcall.id))
        guard executes else { return }
        executeHere(
            ExecutedPacket(
                bytes: upcall.bytes, offload: upcall.offload, key: upcall.key,
                actions: translation.actions),
            now: now)
    }

    /// An answer has no number: only a refusal comes back. A flow that was refused is missing in
    /// the next dump, and then leaves the ledger.
    private mutating func answer(_ answer: UpcallAnswer) {
        guard datapath.isOpen, answer.id != 0 else { return }
        answers.append(answer)
    }

    /// Answers and orders reach the datapath in the order in which they were decided.
    mutating func sealAnswers() {
        guard !answers.isEmpty else { return }
        effects.append(.answerUpcalls(answers))
        answers = []
    }

    /// Has the datapath carry out a packet's actions; what it cannot do is done here.
    private mutating func execute(_ packet: ExecutedPacket, now: Instant) {
        guard datapath.features.support(packet.actions) else {
            executeHere(packet, now: now)
            return
        }
        var packet = packet
        packet.actions = datapath.features.spoken(packet.actions)
        order(packet)
    }

    /// Mirrors see what is addressed to the switch, too.
    private mutating func executeCopies(
        of translation: Translation, _ upcall: Upcall, now: Instant
    ) {
        let copies = translation.actions.filter {
            if case .userspace = $0 { false } else { true }
        }
        guard !copies.isEmpty else { return }
        model.apply(
            translation.effects, now: now, packetCount: 1,
            byteCount: UInt64(upcall.originalByteCount))
        order(
            ExecutedPacket(
                bytes: upcall.bytes, offload: upcall.offload, key: upcall.key, actions: copies))
    }

    /// Puts a translation into the datapath, and its reasons into the ledger.
    /// One that the datapath cannot carry out is left out: each of its packets comes up.
    mutating func install(_ translation: Translation, key: FlowKey, now: Instant) {
        guard datapath.features.support(translation.actions) else { return }
        guard let mask = mask(of: translation, key: key) else { return }
        let identity = FlowIdentity(key: key, mask: mask)
        let flow = CachedFlow(
            key: identity.key, mask: identity.mask,
            actions: datapath.features.spoken(translation.actions))
        guard order(.putFlow(flow), .putFlow(identity)) != nil else { return }
        enter(key, mask, translation, now: now)
    }

    /// Whether one more flow may be installed; if not, that is counted.
    private mutating func hasRoom() -> Bool {
        guard ledger.count >= wanted.flowLimit else { return true }
        upcallCounts.refused += 1
        return false
    }

    /// Which packets a translation answers for; nil if there are as many flows as may be.
    private mutating func mask(of translation: Translation, key: FlowKey) -> FlowMask? {
        guard hasRoom() else { return nil }
        let mask = translation.mask
        return datapath.nature.isKernelModule ? mask.wholeShape(of: key) : mask
    }

    /// Notes a flow that the datapath is being given.
    private mutating func enter(
        _ key: FlowKey, _ mask: FlowMask, _ translation: Translation, now: Instant
    ) {
        upcallCounts.installed += 1
        ledger.put(
            key: key, mask: mask, FlowDecision(translation), generation: recheck.generation,
            since: now, dump: datapath.dump, keepsCounters: true)
    }

    /// A packet came up because a rule sends it to the controller.
    mutating func sendPacketIn(_ upcall: Upcall, cookie: [UInt8], now: Instant) {
        guard let cookie = ControllerCookie(cookie),
            let bridge = bridges.values.first(where: { $0.index == cookie.bridge })
        else { return }
        let packet = cookie.packetIn(
            bytes: upcall.bytes, totalByteCount: upcall.originalByteCount)
        tell(packet, controllerID: cookie.controllerID, bridge: bridge.wanted.name, now: now)
    }

    /// Runs a controller's packet-out.
    /// - Returns: What to refuse it with, or nil.
    mutating func execute(
        _ packet: PacketOut, bridge name: String, now: Instant
    ) -> OpenFlowErrorCode? {
        guard packet.bufferID == nil else { return .bufferUnknown }
        guard let bridge = bridges[name] else { return .notAllowed }
        // Safe: the array is not changed while its bytes are lent.
        let key = unsafe FlowKey.extract(
            frame: packet.bytes.span.bytes,
            inPort: model.datapathPort(of: packet.inPort, bridge: bridge.index) ?? UInt32.max
        ).key
        let translation: Translation
        do throws(FlowModError) {
            translation = try model.translate(
                packetOut: packet.actions, key: key, inPort: packet.inPort, bridge: bridge.index)
        } catch {
            return error.code
        }
        carryOut(translation, packet.bytes, key, now: now)
        return nil
    }

    /// Lets a packet go on that a controller was told of (NXT_RESUME).
    /// - Returns: What to refuse it with, or nil.
    mutating func resume(
        _ packet: PacketIn, _ bridge: PresentBridge, now: Instant
    ) -> OpenFlowErrorCode? {
        // Safe: the array is not changed while its bytes are lent.
        var key = unsafe FlowKey.extract(
            frame: packet.bytes.span.bytes,
            inPort: model.datapathPort(of: packet.inPort, bridge: bridge.index) ?? UInt32.max
        ).key
        key.packetMark = UInt32(truncatingIfNeeded: FlowField.packetMark.read(packet.match.key).low)
        var witness = SilentWitness()
        guard
            let translation = model.translate(
                resuming: packet, key: key, bridge: bridge.index, witness: &witness)
        else { return .resumeStale }
        carryOut(translation, packet.bytes, key, now: now)
        return nil
    }

    /// Does what a controller's packet leads to.
    private mutating func carryOut(
        _ translation: Translation, _ bytes: [UInt8], _ key: FlowKey, now: Instant
    ) {
        let byteCount = UInt64(bytes.count)
        model.credit(translation.rules, packets: 1, bytes: byteCount, usedAt: now)
        model.apply(translation.effects, now: now, packetCount: 1, byteCount: byteCount)
        model.snoop(translation.effects, frame: bytes, now: now)
        guard translation.end.isDelivery else { return }
        execute(ExecutedPacket(bytes: bytes, key: key, actions: translation.actions), now: now)
    }
}
