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
        var translation = model.translate(upcall.key)
        if let addressee = translation.addressee {
            switch addressee {
            case .lacp(let bridge, let port):
                receivedLACP(upcall.bytes, bridge: bridge, port: port, now: now)
            }
            return
        }
        let generation = model.generation
        let byteCount = UInt64(upcall.originalByteCount)
        model.apply(translation.effects, now: now, byteCount: byteCount)
        if model.generation != generation {
            // It taught a rule that the packet itself may meet: `learn(…),resubmit(,10)`.
            translation = model.translate(upcall.key)
            model.apply(translation.effects.filter(\.isContinuation), now: now)
        }
        model.credit(
            translation.rules, packets: 1, bytes: byteCount, usedAt: now)
        if !translation.isSlowPathOnly { install(translation, key: upcall.key, now: now) }
        guard translation.end.isDelivery else { return }
        order(
            .execute(
                ExecutedPacket(
                    bytes: upcall.bytes, offload: upcall.offload, key: upcall.key,
                    actions: translation.actions)),
            .execute)
    }

    /// Puts a translation into the datapath, and its reasons into the ledger.
    mutating func install(_ translation: Translation, key: FlowKey, now: Instant) {
        guard ledger.count < wanted.flowLimit else {
            upcallCounts.refused += 1
            return
        }
        let mask = translation.mask
        let identity = FlowIdentity(
            key: key, mask: datapath.nature.isKernelModule ? mask.wholeShape(of: key) : mask)
        let flow = CachedFlow(
            key: identity.key, mask: identity.mask, actions: translation.actions)
        guard order(.putFlow(flow), .putFlow(identity)) != nil else { return }
        upcallCounts.installed += 1
        let before = ledger.slot(of: identity).flatMap { ledger[$0] }
        ledger.put(
            LedgerEntry(
                identity: identity, actions: translation.actions, rules: translation.rules,
                effects: translation.effects, generation: recheck.generation,
                seen: before?.seen ?? FlowStatistics(), since: before?.since ?? now,
                dump: datapath.dump))
    }

    /// A packet came up because a rule sends it to the controller.
    private mutating func sendPacketIn(_ upcall: Upcall, cookie: [UInt8], now: Instant) {
        guard let cookie = ControllerCookie(cookie),
            let (_, bridge) = bridges.first(where: { $0.value.index == cookie.bridge })
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
        let inner = bridge.interface(numbered: packet.inPort)?.interface
        // Safe: the array is not changed while its bytes are lent.
        let key = unsafe FlowKey.extract(
            frame: packet.bytes.span.bytes, inPort: inner?.vport ?? UInt32.max
        ).key
        var witness = SilentWitness()
        let translation: Translation
        do throws(FlowModError) {
            translation = try model.translate(
                packetOut: packet.actions, key: key, inPort: packet.inPort, bridge: bridge.index,
                witness: &witness)
        } catch {
            return error.code
        }
        model.credit(
            translation.rules, packets: 1, bytes: UInt64(packet.bytes.count), usedAt: now)
        model.apply(translation.effects, now: now, byteCount: UInt64(packet.bytes.count))
        guard translation.end.isDelivery else { return nil }
        order(
            .execute(
                ExecutedPacket(bytes: packet.bytes, key: key, actions: translation.actions)),
            .execute)
        return nil
    }
}
