public import Flows
public import OpenFlow
public import Switching

// Who is told, step by step, what translation does. `ofproto/trace` is forwarding with a witness
// that writes; forwarding is translation with one that says nothing and costs nothing.

/// Sees a translation happen. Every call stands where the thing itself is done, so a trace cannot
/// tell another story than forwarding. `depth` counts nested tables and patch ports from 0.
public protocol TranslationWitness {
    /// False: nothing but `finished` is called.
    var isListening: Bool { get }
    /// The packet enters a bridge, for the first time or by a patch port.
    mutating func entered(bridge: ForwardingBridge, port: PortNumber, depth: Int)
    /// nil: no rule matched.
    mutating func lookedUp(table: UInt8, rule: Rule?, depth: Int)
    mutating func acting(_ action: Action, depth: Int)
    mutating func startedActionSet(depth: Int)
    mutating func decidedNormal(
        _ decision: NormalDecision, in bridge: ForwardingBridge, depth: Int)
    mutating func sent(to port: BridgePort, depth: Int)
    /// An output that does not happen, or the end of the packet; `why` in words.
    mutating func dropped(_ end: PacketEnd, why: String, depth: Int)
    mutating func learned(_ effect: TranslationEffect, depth: Int)
    /// Anything else worth a line.
    mutating func noted(_ text: String, depth: Int)
    mutating func finished(_ translation: Translation)
}

/// Says nothing.
public struct SilentWitness: TranslationWitness {
    public init() {}
    public var isListening: Bool { false }
    public mutating func entered(bridge: ForwardingBridge, port: PortNumber, depth: Int) {}
    public mutating func lookedUp(table: UInt8, rule: Rule?, depth: Int) {}
    public mutating func acting(_ action: Action, depth: Int) {}
    public mutating func startedActionSet(depth: Int) {}
    public mutating func decidedNormal(
        _ decision: NormalDecision, in bridge: ForwardingBridge, depth: Int
    ) {}
    public mutating func sent(to port: BridgePort, depth: Int) {}
    public mutating func dropped(_ end: PacketEnd, why: String, depth: Int) {}
    public mutating func learned(_ effect: TranslationEffect, depth: Int) {}
    public mutating func noted(_ text: String, depth: Int) {}
    public mutating func finished(_ translation: Translation) {}
}
