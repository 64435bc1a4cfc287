public import Flows
public import OpenFlow
public import Switching
public import Timekeeping

// What becomes of a packet, as the datapath is to be told.

/// A rule that a packet met.
public struct RuleReference: Hashable, Sendable {
    public var bridge: Int
    public var table: UInt8
    public var rule: RuleID
}

/// Something that a packet teaches. Applied by `ForwardingModel.apply`, at the translation of the
/// first packet and again, with the time of the last packet, whenever the cached flow was used.
public enum TranslationEffect: Hashable, Sendable {
    case learnMAC(bridge: Int, key: MACTable.Key, port: SwitchPort.ID)
    case learnRule(bridge: Int, FlowMod)
}

/// The result: a cached flow in all but name.
public struct Translation: Hashable, Sendable {
    /// What the datapath is to do. Never empty: a drop says why.
    public var actions: [DatapathAction]
    /// The bits of the packet's key that the result depends on.
    public var mask: FlowMask
    /// How the packet ends; a delivery, or why not.
    public var end: PacketEnd
    /// Rules met, in order, a rule once for each time.
    public var rules: [RuleReference]
    public var effects: [TranslationEffect]
    /// The actions hold for this packet only: do not cache them.
    public var isSlowPathOnly: Bool
    /// The bridge that the packet entered; nil if its port belongs to none.
    public var bridge: Int?
}

extension ForwardingModel {
    /// Translates a packet that entered by datapath port `key.inPort`.
    ///
    /// - Parameter collectsEffects: False leaves `effects` empty; nothing else changes.
    public func translate(
        _ key: FlowKey, now: Instant, collectsEffects: Bool = true,
        witness: inout some TranslationWitness
    ) -> Translation { fatalError() }

    public func translate(
        _ key: FlowKey, now: Instant, collectsEffects: Bool = true
    ) -> Translation {
        var witness = SilentWitness()
        return translate(
            key, now: now, collectsEffects: collectsEffects, witness: &witness)
    }

    /// Runs a list of actions, as OFPT_PACKET_OUT asks, on a packet with `key`, as if it had
    /// entered bridge `bridge` by `inPort` (a real port, `.local`, `.controller` or `.none`).
    public func translate(
        packetOut actions: [Action], key: FlowKey, inPort: PortNumber, bridge: Int, now: Instant,
        witness: inout some TranslationWitness
    ) -> Translation { fatalError() }
}
