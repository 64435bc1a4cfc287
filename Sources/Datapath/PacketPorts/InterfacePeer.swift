// Whether frames may be handed to the other end of an interface at once.
//
// A veth is two ends; what one end sends waits in the kernel's queue until the other end receives
// it. The kernel can leave this wait out (`bpf_redirect_peer`) if the other end is in another
// network namespace. Then whatever this end does to frames on their way out is left out too, so it
// is right only where this end does nothing: no queueing discipline, no XDP program.
//
//     RTM_GETLINK ──> kind of link, namespace of its other end, queueing discipline, XDP

internal import CLinuxPacket
internal import Glibc

extension InterfaceFacts {
    /// Whether this is a veth without queueing discipline and XDP program whose other end is in
    /// another network namespace, as it is now. One netlink request; false if that fails.
    public var leadsToOtherNamespace: Bool {
        do {
            return try LinkAnswer(interface: self).leadsToOtherNamespace
        } catch {
            // An interface that is gone leads nowhere.
            return false
        }
    }
}

/// The attributes of one interface as rtnetlink tells them.
private struct LinkAnswer {
    private static let headerByteCount = 32
    /// `IFLA_*` of `linux/if_link.h`.
    private static let queueing: UInt16 = 6
    private static let info: UInt16 = 18
    private static let infoKind: UInt16 = 1
    private static let otherNamespace: UInt16 = 37
    private static let xdp: UInt16 = 43
    private static let xdpAttached: UInt16 = 2
    private static let answerByteCount = 16 * 1024

    private var answer: [UInt8]

    init(interface: InterfaceFacts) throws(PortError) {
        let socket = try Descriptor(
            socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_ROUTE),
            interface: interface.name, call: "socket(AF_NETLINK)")
        // nlmsghdr (length, type, flags, sequence, port), ifinfomsg (family, type, index, …).
        var request: [UInt32] = [
            UInt32(Self.headerByteCount), UInt32(RTM_GETLINK) | UInt32(NLM_F_REQUEST) << 16, 1, 0,
            0, UInt32(bitPattern: interface.index), 0, 0,
        ]
        // Safe: the array's own bytes for the length of the call.
        guard unsafe send(socket.number, &request, Self.headerByteCount, 0) > 0 else {
            throw PortError(interface: interface.name, call: "rtnetlink(RTM_GETLINK)")
        }
        answer = [UInt8](repeating: 0, count: Self.answerByteCount)
        // Safe: writes at most `answer.count` bytes into the array.
        let count = unsafe recv(socket.number, &answer, answer.count, CInt(MSG_DONTWAIT))
        guard count > Self.headerByteCount, answer[4] == UInt8(RTM_NEWLINK) else {
            throw PortError(interface: interface.name, call: "rtnetlink(RTM_GETLINK)")
        }
        answer.removeSubrange(count...)
    }

    var leadsToOtherNamespace: Bool {
        let attributes = Self.attributes(answer[Self.headerByteCount...])
        guard let info = attributes[Self.info], attributes[Self.otherNamespace] != nil,
            Self.attributes(info)[Self.infoKind].map(Self.text) == "veth",
            attributes[Self.queueing].map(Self.text) == "noqueue"
        else { return false }
        let attached = attributes[Self.xdp].flatMap { Self.attributes($0)[Self.xdpAttached]?.first }
        return (attached ?? 0) == 0
    }

    /// Attributes by their type: length and type (16 bits each), content, filled up to 4 bytes.
    private static func attributes(_ octets: ArraySlice<UInt8>) -> [UInt16: ArraySlice<UInt8>] {
        var found: [UInt16: ArraySlice<UInt8>] = [:]
        var rest = octets
        while rest.count >= 4 {
            let start = rest.startIndex
            let length = Int(rest[start]) | Int(rest[start + 1]) << 8
            let type = UInt16(rest[start + 2]) | UInt16(rest[start + 3]) << 8
            guard length >= 4, length <= rest.count else { break }
            // The two highest bits are flags (`NLA_F_NESTED`).
            found[type & 0x3fff] = rest[(start + 4)..<(start + length)]
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return found
    }

    private static func text(_ octets: ArraySlice<UInt8>) -> String {
        String(decoding: octets.prefix { $0 != 0 }, as: UTF8.self)
    }
}
