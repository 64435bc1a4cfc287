import DatapathMessages
public import Execution
public import Flows
public import Packets

/// Counts what ports do, and takes what goes to userspace, for the packet that is underway.
@usableFromInline
struct Ledger: PacketLedger, ~Copyable {
    @usableFromInline var ports = PortTable()
    @usableFromInline var upcalls: UpcallQueues
    /// Whether somebody takes upcalls.
    @usableFromInline var hasVswitchd = false
    /// Place of the port that the packet underway came by.
    @usableFromInline var place = 0

    init(upcalls: consuming UpcallQueues) { self.upcalls = upcalls }

    @inlinable
    func hasPort(_ port: UInt32) -> Bool { ports.place(of: port) != 0 }

    @inlinable
    mutating func didOffer(port: UInt32, byteCount: Int, end: PacketEnd) {
        ports.count(at: ports.place(of: port)) { record in
            if end == .forwarded {
                record.txPackets &+= 1
                record.txBytes &+= UInt64(truncatingIfNeeded: byteCount)
            } else {
                record.txDropped &+= 1
            }
        }
    }

    @usableFromInline
    mutating func upcall(
        _ frame: Frame, key: FlowKey, cookie: RawSpan, originalByteCount: Int
    ) -> PacketEnd {
        guard hasVswitchd else { return .noVswitchd }
        guard unsafe upcalls.admits(byteCount: frame.wireByteCount, at: place) else {
            return .upcallQueueFull
        }
        let reason = Upcall.Reason.action(
            cookie: (0..<cookie.byteCount).map { cookie.octet(at: $0) })
        unsafe append(frame, reason, key, originalByteCount)
        return .actionUpcall
    }

    /// No cached flow knew the packet.
    @usableFromInline
    mutating func miss(_ frame: Frame, key: FlowKey) -> PacketEnd {
        guard hasVswitchd else { return .noVswitchd }
        guard unsafe upcalls.admits(byteCount: frame.wireByteCount, at: place) else {
            return .upcallQueueFull
        }
        unsafe append(frame, .miss, key, frame.wireByteCount)
        return .missUpcall
    }

    private mutating func append(
        _ frame: Frame, _ reason: Upcall.Reason, _ key: FlowKey, _ originalByteCount: Int
    ) {
        let (bytes, offload) = unsafe frame.carried()
        upcalls.append(
            Upcall(
                reason: reason, bytes: bytes, originalByteCount: originalByteCount,
                offload: offload, key: key),
            at: place)
    }
}
