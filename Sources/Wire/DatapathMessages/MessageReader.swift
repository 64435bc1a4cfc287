import CMnl
import Packets

// A datagram as the messages in it.

/// One message of a datagram, answered for by its sequence number whether it could be read or not.
public struct Received<Content: Sendable>: Sendable {
    /// `nlmsg_seq`: pairs a reply with its request; 0 for upcalls and for what has no header.
    public var sequence: UInt32
    public var content: Result<Content, DatapathMessageError>

    public init(sequence: UInt32, content: Result<Content, DatapathMessageError>) {
        self.sequence = sequence
        self.content = content
    }
}

/// Where a message's parts lie in its datagram.
struct MessageHeader {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    /// First byte of the netlink header.
    var offset: Int
    /// What follows the netlink header.
    var payload: Range<Int>

    var isDump: Bool { flags & UInt16(NLM_F_DUMP) == UInt16(NLM_F_DUMP) }
}

/// A message of one of the four families.
struct FamilyMessage {
    var command: UInt8
    var attributes: Range<Int>
    /// Bytes of `struct genlmsghdr` and `struct ovs_header`.
    static let headerByteCount = 8
}

enum MessageReader {
    /// Calls `body` for each message of `datagram` in order. A message that does not lie in the
    /// datagram ends it, as one that failed.
    static func messages<Content: Sendable>(
        in datagram: RawSpan,
        _ body: (MessageHeader) throws(DatapathMessageError) -> Content?
    ) -> [Received<Content>] {
        var received = [Received<Content>]()
        var offset = 0
        while offset < datagram.byteCount {
            guard let header = header(datagram, at: offset) else {
                let error = DatapathMessageError.truncatedMessage(
                    offset: offset, available: datagram.byteCount - offset)
                received.append(Received(sequence: 0, content: .failure(error)))
                break
            }
            do throws(DatapathMessageError) {
                if let content = try body(header) {
                    received.append(Received(sequence: header.sequence, content: .success(content)))
                }
            } catch {
                received.append(Received(sequence: header.sequence, content: .failure(error)))
            }
            offset = (header.payload.upperBound + 3) & ~3
        }
        return received
    }

    private static func header(_ datagram: RawSpan, at offset: Int) -> MessageHeader? {
        let left = datagram.byteCount - offset
        guard left >= 16 else { return nil }
        return unsafe datagram.withUnsafeBytes { memory in
            guard let base = memory.baseAddress else { return nil }
            // In bounds: 16 bytes are left; mnl_nlmsg_ok then holds the length against `left`.
            let header = unsafe (base + offset).assumingMemoryBound(to: nlmsghdr.self)
            // mnl_nlmsg_ok compares as signed numbers and so believes a length above 2³¹.
            guard unsafe mnl_nlmsg_ok(header, Int32(clamping: left)),
                unsafe Int(header.pointee.nlmsg_len) <= left
            else { return nil }
            let end = unsafe offset + 16 + mnl_nlmsg_get_payload_len(header)
            return unsafe MessageHeader(
                type: header.pointee.nlmsg_type, flags: header.pointee.nlmsg_flags,
                sequence: header.pointee.nlmsg_seq, offset: offset, payload: offset + 16..<end)
        }
    }

    /// The generic-netlink header and the datapath's, behind the netlink header.
    static func family(
        _ datagram: RawSpan, _ header: MessageHeader
    ) throws(DatapathMessageError) -> FamilyMessage {
        guard header.payload.count >= FamilyMessage.headerByteCount else {
            throw .truncatedMessage(offset: header.offset, available: header.payload.count + 16)
        }
        let start = header.payload.lowerBound
        return FamilyMessage(
            command: datagram.octet(at: start),
            attributes: start + FamilyMessage.headerByteCount..<header.payload.upperBound)
    }

    /// `body` on `datagram`, or on an aligned copy of it: libmnl reads words.
    static func withAligned<Result>(_ datagram: RawSpan, _ body: (RawSpan) -> Result) -> Result {
        // Reads no byte, only the address.
        let isAligned = unsafe datagram.withUnsafeBytes {
            UInt(bitPattern: $0.baseAddress) & 3 == 0
        }
        if isAligned { return body(datagram) }
        // Copied within the closure.
        let copy = unsafe datagram.withUnsafeBytes { unsafe [UInt8]($0) }
        // Safe: the array outlives the call, and its elements are plain bytes.
        return unsafe body(copy.span.bytes)
    }
}

extension DatagramWriter {
    /// Begins a message of a family: netlink header, `struct genlmsghdr`, `struct ovs_header`.
    mutating func begin(
        family: UInt16, command: UInt32, version: UInt8, flags: Int32, sequence: UInt32
    ) -> Bool {
        guard begin(type: family, flags: UInt16(truncatingIfNeeded: flags), sequence: sequence)
        else { return false }
        var fields = Fields()
        fields.put(UInt8(truncatingIfNeeded: command))
        fields.put(version)
        fields.put(host: UInt16(0))
        fields.put(host: destination.interfaceIndex)
        putExtraHeader(fields)
        return true
    }
}
