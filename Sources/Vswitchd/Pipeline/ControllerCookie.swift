public import OpenFlow

// What a `userspace` action of the datapath carries, so that the packet that comes back with it
// can be turned into a packet-in without asking any table again.

/// The cookie of a packet on its way to a controller.
public struct ControllerCookie: Hashable, Sendable {
    public var bridge: Int
    public var reason: PacketIn.Reason
    public var controllerID: UInt16
    /// At most this many bytes of the packet.
    public var maxLength: UInt16
    public var table: UInt8
    /// The rule's cookie; all ones if no rule sent it (packet-out, table miss).
    public var ruleCookie: UInt64
    public var inPort: PortNumber
    public var metadata: UInt64
    /// reg0 to reg15.
    public var registers: [UInt32]

    public var encoded: [UInt8] { [] }
    /// nil: not a cookie of this layout.
    public init?(_ bytes: [UInt8]) { nil }
    /// The packet-in for a packet that came up with this cookie. `totalByteCount` is its length
    /// before the datapath cut it.
    public func packetIn(bytes: [UInt8], totalByteCount: Int) -> PacketIn { fatalError() }
}
