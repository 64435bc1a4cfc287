// The older way to attach the dropping program: rtnetlink requests to tc.
//
// Each request is written into a byte array (nlmsghdr, tcmsg, attributes) and answered with one
// acknowledgement. It happens twice in a port's life.

internal import CLinuxPacket
internal import Glibc

/// A filter with the program of a `HostIngressDrop`, in the ingress of a clsact qdisc.
enum ClsactFilter {
    private static let priority: UInt32 = 0xa905
    private static let filterHandle: UInt32 = 1
    private static let qdiscHandle: UInt32 = 0xffff_0000
    private static let qdiscParent: UInt32 = 0xffff_fff1  // TC_H_CLSACT
    private static let ingress: UInt32 = 0xffff_fff2  // TC_H_CLSACT, TC_H_MIN_INGRESS
    private static let everyProtocol = UInt32(UInt16(ETH_P_ALL).bigEndian)

    /// Attaches `program`; a filter left by a process that died is replaced.
    ///
    /// - Returns: Whether the qdisc was made too, and should go with the filter.
    static func attach(program: CInt, to interface: InterfaceFacts) throws(PortError) -> Bool {
        var qdisc = Request(
            type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, interface: interface.index,
            handle: qdiscHandle, parent: qdiscParent)
        qdisc.append(attribute: UInt16(TCA_KIND), text: "clsact")
        let qdiscError = try qdisc.send(for: interface, call: "rtnetlink(RTM_NEWQDISC)")
        guard qdiscError == 0 || qdiscError == EEXIST else {
            throw error(qdiscError, interface, "rtnetlink(RTM_NEWQDISC clsact)")
        }
        var filter = Request(
            type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_REPLACE, interface: interface.index,
            handle: filterHandle, parent: ingress, info: priority << 16 | everyProtocol)
        filter.append(attribute: UInt16(TCA_KIND), text: "bpf")
        filter.appendNest(attribute: UInt16(TCA_OPTIONS)) { options in
            options.append(attribute: UInt16(TCA_BPF_FD), number: UInt32(program))
            options.append(attribute: UInt16(TCA_BPF_NAME), text: "apus_drop")
            options.append(
                attribute: UInt16(TCA_BPF_FLAGS), number: UInt32(TCA_BPF_FLAG_ACT_DIRECT))
        }
        let filterError = try filter.send(for: interface, call: "rtnetlink(RTM_NEWTFILTER)")
        guard filterError == 0 else {
            throw error(filterError, interface, "rtnetlink(RTM_NEWTFILTER bpf)")
        }
        return qdiscError == 0
    }

    /// Takes the filter away again, and the qdisc if it was made for it.
    static func detach(from interface: InterfaceFacts, withQdisc: Bool) {
        let request =
            withQdisc
            ? Request(
                type: RTM_DELQDISC, flags: 0, interface: interface.index, handle: qdiscHandle,
                parent: qdiscParent)
            : Request(
                type: RTM_DELTFILTER, flags: 0, interface: interface.index, handle: filterHandle,
                parent: ingress, info: priority << 16 | everyProtocol)
        // Whatever the kernel says now, the port is being closed: an interface that is gone took
        // its filter along.
        do { _ = try request.send(for: interface, call: "rtnetlink") } catch { return }
    }

    private static func error(
        _ number: CInt, _ interface: InterfaceFacts, _ call: String
    ) -> PortError {
        guard number != ENOENT else {
            return PortError(
                .unsupported, interface: interface.name, call: call, errorNumber: number)
        }
        return PortError(interface: interface.name, call: call, errorNumber: number)
    }
}

/// One rtnetlink request about traffic control: `nlmsghdr` (16 bytes), `tcmsg` (20), attributes.
private struct Request {
    private var octets: [UInt8] = []

    init(
        type: Int, flags: CInt, interface: CInt, handle: UInt32, parent: UInt32, info: UInt32 = 0
    ) {
        append(UInt32(0))
        append(UInt16(type))
        append(UInt16(NLM_F_REQUEST | NLM_F_ACK | flags))
        append(UInt32(1))
        append(UInt32(0))
        append(UInt32(AF_UNSPEC))
        append(UInt32(bitPattern: interface))
        append(handle)
        append(parent)
        append(info)
    }

    mutating func append(attribute: UInt16, number: UInt32) {
        append(UInt16(8))
        append(attribute)
        append(number)
    }

    mutating func append(attribute: UInt16, text: String) {
        append(UInt16(4 + text.utf8.count + 1))
        append(attribute)
        octets += Array(text.utf8) + [0]
        while octets.count % 4 != 0 { octets.append(0) }
    }

    mutating func appendNest(attribute: UInt16, _ body: (inout Request) -> Void) {
        let start = octets.count
        append(UInt16(0))
        append(attribute)
        body(&self)
        replace(UInt16(octets.count - start), at: start)
    }

    /// Sends the request and waits for its acknowledgement, which the kernel has made when the
    /// sending call returns.
    ///
    /// - Returns: The error that the kernel answers with, 0 if none.
    func send(for interface: InterfaceFacts, call: String) throws(PortError) -> CInt {
        let socket = try Descriptor(
            socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), NETLINK_ROUTE),
            interface: interface.name, call: "socket(AF_NETLINK)")
        var request = self
        request.replace(UInt32(octets.count), at: 0)
        let bytes = request.octets
        // Safe: the array's own bytes for the length of the call.
        guard unsafe Glibc.send(socket.number, bytes, bytes.count, 0) == bytes.count else {
            throw PortError(interface: interface.name, call: call)
        }
        var answer = [UInt8](repeating: 0, count: 4096)
        // Safe: writes at most `answer.count` bytes into the array.
        let count = unsafe recv(socket.number, &answer, answer.count, CInt(MSG_DONTWAIT))
        guard count >= 20 else { throw PortError(interface: interface.name, call: call) }
        // nlmsgerr: the negative error follows the header of 16 bytes.
        let number = answer[16..<20].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return -CInt(bitPattern: number)
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        octets += Self.octets(of: number)
    }

    private mutating func replace(_ number: some FixedWidthInteger, at offset: Int) {
        let new = Self.octets(of: number)
        octets.replaceSubrange(offset..<offset + new.count, with: new)
    }

    private static func octets<Number: FixedWidthInteger>(of number: Number) -> [UInt8] {
        // In the machine's own byte order, which rtnetlink uses.
        (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
