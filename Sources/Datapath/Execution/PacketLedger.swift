public import Flows
public import Packets

/// Knows the ports, counts what they send, and takes what goes to userspace. Implemented by
/// Forwarding; a generic parameter of `ProgramStore.run`, never an existential.
public protocol PacketLedger: ~Copyable {
    /// Whether there is such a port.
    func hasPort(_ port: UInt32) -> Bool

    /// The sink was offered a frame of `byteCount` bytes (its tag included) for `port`, which
    /// exists, and answered `end`.
    mutating func didOffer(port: UInt32, byteCount: Int, end: PacketEnd)

    /// A `userspace` action. The frame's bytes are copied before this returns.
    ///
    /// - Parameters:
    ///   - key: The key of the frame as it is now.
    ///   - originalByteCount: Bytes of the frame, with its tag, before `truncate` cut it.
    /// - Returns: `.actionUpcall`, or why not: `.upcallQueueFull`, `.noVswitchd`.
    mutating func upcall(
        _ frame: Frame, key: FlowKey, cookie: RawSpan, originalByteCount: Int
    ) -> PacketEnd
}
