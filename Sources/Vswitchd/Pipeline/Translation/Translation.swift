public import Flows
public import OpenFlow
public import Switching

// What becomes of a packet, as the datapath is to be told.

/// A table that a packet was looked up in, and the rule that it met there.
public struct RuleReference: Hashable, Sendable {
    public var bridge: Int
    public var table: UInt8
    /// nil: no rule matched.
    public var rule: RuleID?
    /// Rules of a lower priority cannot change the answer; 0: any rule can.
    public var priority: UInt16
    public init(bridge: Int, table: UInt8, rule: RuleID?, priority: UInt16 = 0) {
        self.priority = priority
        self.bridge = bridge
        self.table = table
        self.rule = rule
    }
}

extension RuleID {
    /// No other rule of the bridge ever has it.
    public var number: UInt64 { birth }
}

/// Something that a packet teaches. Applied by `ForwardingModel.apply` at the translation of the
/// first packet and again, with the time of the last packet, whenever the cached flow was used.
/// Large cases are indirect: nearly all are a learned address.
public enum TranslationEffect: Hashable, Sendable {
    case learnMAC(bridge: Int, key: MACTable.Key, port: SwitchPort.ID)
    /// After `learnMAC` of the same key: a gratuitous ARP, see `MACTable.hold`.
    case holdMAC(bridge: Int, key: MACTable.Key)
    /// The packet leaves by bucket `hash & 255` of a bond.
    case useBond(bridge: Int, port: SwitchPort.ID, hash: UInt32)
    indirect case learnRule(bridge: Int, FlowMod)
    /// The mirror copied the packet.
    case mirror(bridge: Int, mirror: Mirror.ID)
    /// The packet tells multicast snooping something: see `ForwardingModel.snoop`.
    case snoop(bridge: Int, port: SwitchPort.ID, vlan: UInt16)
    /// The packet goes through a group, and through one of its buckets if that is named.
    case useGroup(bridge: Int, group: UInt32, bucket: UInt32?)
    /// The packet comes back under a recirculation id; always collected.
    indirect case continueLater(id: UInt32, Continuation)
    /// The packet ends a connection of a rule with `fin_timeout`; seconds, 0 = as it is.
    case shorten(bridge: Int, rule: RuleID, idle: UInt16, hard: UInt16)
}

extension TranslationEffect {
    /// Whether packets of the translation come back: must be applied before they are sent.
    public var isContinuation: Bool {
        if case .continueLater = self { true } else { false }
    }

    /// Whether it may change what the same packet translates to (`ForwardingModel.generation`).
    public var mayChangeTranslation: Bool {
        switch self {
        case .learnRule, .snoop: true
        default: false
        }
    }
}

/// A part of the switch that reads packets itself.
public enum Addressee: Hashable, Sendable {
    /// The LACP of the port that the packet came by.
    case lacp(bridge: Int, port: PortNumber)
    /// The spanning tree of the bridge.
    case spanningTree(bridge: Int, port: PortNumber)
    /// The LLDP of the interface that the packet came by.
    case lldp(bridge: Int, port: PortNumber)
}

/// The result of translating a packet: a cached flow in all but name. Any other packet whose key
/// agrees in the bits of `mask` translates to the same.
public struct Translation: Hashable, Sendable {
    /// What the datapath is to do. Never empty: a drop says why.
    public var actions: [DatapathAction]
    /// The bits of the packet's key that everything here depends on. All of them for what came from
    /// a controller's packet, which nobody caches: what it depends on was not found out.
    public var mask: FlowMask
    /// How the packet ends; a delivery, or why not.
    public var end: PacketEnd
    /// Lookups in order, a rule once for each time it was met.
    public var rules: [RuleReference]
    public var effects: [TranslationEffect]
    /// The actions are for this packet only and must not be cached: a controller sent it, or it is
    /// for the switch itself.
    public var isSlowPathOnly: Bool
    /// The packet is addressed to the switch, which is to read it.
    public var addressee: Addressee?
    /// The bridge that the packet entered; nil if its port belongs to none.
    public var bridge: Int?
}

extension ForwardingModel {
    /// Translates a packet that entered by datapath port `key.inPort`.
    ///
    /// Changes nothing: what is to be learned stands in `effects`, and takes part in translations
    /// only once it was applied. (Open vSwitch applies it in the middle of a translation; a packet
    /// that would meet the rule it has just taught meets it from the next translation on.)
    ///
    /// - Parameter collectsEffects: False leaves out `effects` that teach; nothing else changes.
    public func translate(
        _ key: FlowKey, collectsEffects: Bool = true, witness: inout some TranslationWitness
    ) -> Translation {
        let owner = owner(ofDatapathPort: key.inPort)
        let isNew = key.recirculationID == 0
        let target = isNew ? nil : recirculations[key.recirculationID]
        let continued = isNew ? nil : sight.continuations[key.recirculationID]?.bridge
        var translator = Translator(
            model: sight, packet: key, bridge: target?.bridge ?? continued ?? owner?.bridge,
            inPort: owner?.port ?? .none, collectsEffects: collectsEffects, witness: witness)
        if key.recirculationID >= ContinuationTable.firstID {
            translator.comeBack(key.recirculationID)
        } else if key.recirculationID != 0 {
            translator.continueAfterHash(target)
        } else if owner == nil {
            translator.failure = .portWithoutBridge
        } else {
            translator.enterFromPort()
        }
        let translation = translator.finish()
        witness = translator.witness
        witness.finished(translation)
        return translation
    }

    public func translate(_ key: FlowKey, collectsEffects: Bool = true) -> Translation {
        var witness = SilentWitness()
        return translate(key, collectsEffects: collectsEffects, witness: &witness)
    }

    /// Goes on with a packet that a `controller(pause)` told a controller of (NXT_RESUME), with
    /// `key` as it comes back. nil: nothing is known of it any more, or it was another bridge's.
    public func translate(
        resuming packet: PacketIn, key: FlowKey, bridge: Int,
        witness: inout some TranslationWitness
    ) -> Translation? {
        guard let token = packet.continuation.flatMap({ ContinuationToken($0) }),
            let continuation = sight.continuations[token.number], continuation.awaitsController,
            continuation.bridge == bridge
        else { return nil }
        var translator = Translator(
            model: sight, packet: key, bridge: bridge, inPort: continuation.inPort,
            collectsEffects: true, isCacheable: false, witness: witness)
        translator.resume(continuation, told: packet.match)
        let translation = translator.finish()
        witness = translator.witness
        witness.finished(translation)
        return translation
    }

    /// Runs a list of actions, as OFPT_PACKET_OUT asks, on a packet with `key`, as if it had
    /// entered bridge `bridge` by `inPort` (a real port, `.local`, `.controller` or `.none`).
    /// `key.inPort` does not count.
    ///
    /// - Throws: what the same actions would be refused for in a rule.
    public func translate(
        packetOut actions: [Action], key: FlowKey, inPort: PortNumber, bridge: Int,
        witness: inout some TranslationWitness
    ) throws(FlowModError) -> Translation {
        for action in actions { try InstructionCheck.check(action) }
        try sight.checkReferences(actions, bridge: bridge)
        var translator = Translator(
            model: sight, packet: key, bridge: bridge, inPort: inPort, collectsEffects: true,
            isPacketOut: true, isCacheable: false, witness: witness)
        translator.run(packetOut: actions)
        let translation = translator.finish()
        witness = translator.witness
        witness.finished(translation)
        return translation
    }
    /// As the same with a witness that nobody listens to.
    public func translate(
        packetOut actions: [Action], key: FlowKey, inPort: PortNumber, bridge: Int
    ) throws(FlowModError) -> Translation {
        var witness = SilentWitness()
        return try translate(
            packetOut: actions, key: key, inPort: inPort, bridge: bridge, witness: &witness)
    }
}
