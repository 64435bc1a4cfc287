public import Flows
public import Packets

// Passing a meter, and being marked down by it.
//
// A band that marks lets the packet go on, but says to the routers behind that it may be dropped
// sooner than others of its class. Only the classes of Assured Forwarding have such an order
// (RFC 2597 §6): AF11 is dropped later than AF12, and that later than AF13.
//
//      0   1   2   3   4   5   6   7
//     +---+---+---+---+---+---+---+---+
//     |   class   | prec. | 0 |  ECN  |   class 1 to 4, drop precedence 1 to 3
//     +---+---+---+---+---+---+---+---+

/// The drop precedence in the octet that IPv4 calls type of service and IPv6 traffic class.
enum DropPrecedence {
    /// The octet with its drop precedence raised by `level`, to 3 at most; class and ECN stay.
    ///
    /// Octets that are not of Assured Forwarding stay as they are: the other code points (default,
    /// class selectors, Expedited Forwarding) have no drop precedence, and to change one would move
    /// the packet to another class, better or worse.
    static func raised(_ octet: UInt8, by level: UInt8) -> UInt8 {
        let precedence = octet >> 3 & 3
        guard (1...4).contains(octet >> 5), precedence > 0, octet & 4 == 0 else { return octet }
        return octet & 0b1110_0111 | min(precedence + min(level, 3), 3) << 3
    }
}

extension PacketRun {
    /// Whether the packet goes on through a meter, which may have marked it then.
    @inlinable
    mutating func passes<Sink: PacketSink & ~Copyable>(
        _ step: Step, _ state: inout ExecutionState, _ sink: inout Sink
    ) -> Bool {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        let now = state.now
        let byteCount = unsafe frame.wireByteCount
        switch state.meters.judge(step.immediate, byteCount: byteCount, now: now) {
        case .pass: return true
        case .drop:
            unsafe settle(.droppedByMeter)
            return false
        case .remark(let level):
            guard let octet = unsafe remarked(by: level) else { return true }
            guard unsafe own(&sink) else {
                unsafe settle(.actionLimit)
                return false
            }
            unsafe mark(octet)
            return true
        }
    }

    /// The octet that the packet is to have; nil: none, or the one that it has.
    @usableFromInline
    func remarked(by level: UInt8) -> UInt8? {
        let at = unsafe Int(layout.network)
        let octet: UInt8
        if unsafe has(.ipv4) {
            octet = unsafe FrameBytes(frame).load(UInt8.self, at: at + 1)
        } else if unsafe has(.ipv6) {
            octet = UInt8(
                truncatingIfNeeded: unsafe FrameBytes(frame).load(UInt16.self, at: at) >> 4)
        } else {
            return nil
        }
        let raised = DropPrecedence.raised(octet, by: level)
        return raised == octet ? nil : raised
    }

    @usableFromInline
    func mark(_ octet: UInt8) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        let old = unsafe bytes.load(UInt16.self, at: at)
        guard unsafe layout.networkKind == .ipv4 else {
            return unsafe bytes.store(old & 0xf00f | UInt16(octet) << 4, at: at)
        }
        let new = old & 0xff00 | UInt16(octet)
        var header = SumDifference()
        header.replace(old, by: new)
        unsafe bytes.store(new, at: at)
        let checksum = unsafe bytes.load(UInt16.self, at: at + 10)
        unsafe bytes.store(header.applied(toFinished: checksum), at: at + 10)
    }
}
