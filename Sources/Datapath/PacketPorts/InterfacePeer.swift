// Whether frames may be handed to the other end of an interface at once.
//
// A veth is two ends; what one end sends waits in the kernel's queue until the other end receives
// it. The kernel can leave this wait out (`bpf_redirect_peer`) if the other end is in another
// network namespace. Then whatever this end does to frames on their way out is left out too, so it
// is right only where this end does nothing: no queueing discipline, no XDP program. And the other
// end takes whatever is handed to it for its own, where it would else have looked whom the frame is
// for: a host that routes would send on what a switch only flooded. So it is right only for frames
// to the other end's own address.
//
//     RTM_GETLINK ──> kind of link, queueing discipline, XDP, where the other end is
//     RTM_GETLINK, there ──> its address

internal import CLinuxPacket
internal import Glibc
public import Packets

/// What is to be known of an interface's other end.
public struct OtherEnd: Hashable, Sendable {
    /// Frames to this address may be handed over at once; nil: none may.
    public var address: MACAddress?

    public init(address: MACAddress?) { self.address = address }

    /// Whether frames that agree with a flow's key under its mask are all for the other end.
    public func receivesAll(to destination: MACAddress, mask: MACAddress) -> Bool {
        mask == .broadcast && destination == address
    }
}

extension InterfaceFacts {
    /// The other end of a veth without queueing discipline and XDP program, if that is in another
    /// network namespace, as it is now. Two netlink requests; no address if they fail.
    public var otherEnd: OtherEnd {
        do {
            let near = try LinkAnswer(index: index, namespace: nil, name: name)
            guard let place = near.otherEnd else { return OtherEnd(address: nil) }
            let far = try LinkAnswer(index: place.index, namespace: place.namespace, name: name)
            return OtherEnd(address: far.address)
        } catch {
            // An interface that is gone leads nowhere.
            return OtherEnd(address: nil)
        }
    }
}

/// The attributes of one interface as rtnetlink tells them.
private struct LinkAnswer {
    private static let headerByteCount = 32
    /// `IFLA_*` of `linux/if_link.h`.
    private static let hardwareAddress: UInt16 = 1
    private static let otherIndex: UInt16 = 5
    private static let queueing: UInt16 = 6
    private static let info: UInt16 = 18
    private static let infoKind: UInt16 = 1
    private static let otherNamespace: UInt16 = 37
    private static let xdp: UInt16 = 43
    private static let xdpAttached: UInt16 = 2
    private static let askedNamespace: UInt16 = 46
    private static let answerByteCount = 16 * 1024

    private var attributes: [UInt16: ArraySlice<UInt8>]

    /// - Parameters:
    ///   - namespace: This namespace's number of the one that the interface is in; nil: its own.
    ///   - name: Of the interface that errors are about.
    init(index: CInt, namespace: UInt32?, name: String) throws(PortError) {
        let socket = try Descriptor(
            socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_ROUTE),
            interface: name, call: "socket(AF_NETLINK)")
        // nlmsghdr (length, type, flags, sequence, port), ifinfomsg (family, type, index, …).
        var request: [UInt32] = [
            0, UInt32(RTM_GETLINK) | UInt32(NLM_F_REQUEST) << 16, 1, 0,
            0, UInt32(bitPattern: index), 0, 0,
        ]
        if let namespace { request += [8 | UInt32(Self.askedNamespace) << 16, namespace] }
        let byteCount = request.count * 4
        request[0] = UInt32(byteCount)
        // Safe: the array's own bytes for the length of the call.
        guard unsafe send(socket.number, &request, byteCount, 0) > 0 else {
            throw PortError(interface: name, call: "rtnetlink(RTM_GETLINK)")
        }
        var answer = [UInt8](repeating: 0, count: Self.answerByteCount)
        // Safe: writes at most `answer.count` bytes into the array.
        let count = unsafe recv(socket.number, &answer, answer.count, CInt(MSG_DONTWAIT))
        guard count > Self.headerByteCount, answer[4] == UInt8(RTM_NEWLINK) else {
            throw PortError(interface: name, call: "rtnetlink(RTM_GETLINK)")
        }
        attributes = Self.attributes(answer[Self.headerByteCount..<count])
    }

    /// Where the other end is, if frames may be handed to it.
    var otherEnd: (index: CInt, namespace: UInt32)? {
        guard let info = attributes[Self.info],
            Self.attributes(info)[Self.infoKind].map(Self.text) == "veth",
            attributes[Self.queueing].map(Self.text) == "noqueue",
            let namespace = attributes[Self.otherNamespace].flatMap(Self.number),
            let index = attributes[Self.otherIndex].flatMap(Self.number)
        else { return nil }
        let attached = attributes[Self.xdp].flatMap { Self.attributes($0)[Self.xdpAttached]?.first }
        guard (attached ?? 0) == 0 else { return nil }
        return (CInt(bitPattern: index), namespace)
    }

    /// Its Ethernet address.
    var address: MACAddress? {
        guard let octets = attributes[Self.hardwareAddress], octets.count == 6 else { return nil }
        return MACAddress(bits: octets.reduce(0) { $0 << 8 | UInt64($1) })
    }

    private static func number(_ octets: ArraySlice<UInt8>) -> UInt32? {
        octets.count == 4 ? octets.reversed().reduce(0) { $0 << 8 | UInt32($1) } : nil
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
