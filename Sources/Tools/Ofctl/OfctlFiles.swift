import Packets
import Timekeeping

// `ofp-parse` and `ofp-parse-pcap`: OpenFlow that stands in a file.
//
//     messages, one after the other ─────────────────────────> snoop's text
//     pcap: frame ─> IPv4 or IPv6 ─> TCP ─> one stream each way ─> snoop's text

public enum OfctlFiles {
    /// What `bytes` say, as `snoop` would tell it.
    ///
    /// - Throws: where they cannot be understood; what stands before is lost.
    public static func messages(in bytes: [UInt8]) throws(OfctlFailure) -> String {
        var listener = try OfctlMachine(listening: ())
        return try text(of: listener.receive(bytes, now: .start))
    }

    private static func text(of effects: [OfctlEffect]) throws(OfctlFailure) -> String {
        var text = ""
        for effect in effects {
            switch effect {
            case .tell(let some): text += some
            case .complain(let some): throw OfctlFailure(String(some.dropFirst(11).dropLast()))
            case .send, .finish: break
            }
        }
        return text
    }

    /// What stands in the packets of a capture (pcap, Ethernet).
    ///
    /// - Parameter ports: Of TCP, on which OpenFlow is expected; empty: 6653 and 6633.
    /// - Throws: if it is no such capture.
    public static func capture(
        _ bytes: [UInt8], ports: [UInt16]
    ) throws(OfctlFailure) -> String {
        let ports = ports.isEmpty ? [6653, 6633] : ports
        var reader = try CaptureReader(bytes)
        var streams: [Segment.Stream: OfctlMachine] = [:]
        var expected: [Segment.Stream: UInt32] = [:]
        var result = ""
        while let frame = reader.next() {
            guard let segment = Segment(frame), !segment.payload.isEmpty,
                ports.contains(segment.stream.sourcePort)
                    || ports.contains(segment.stream.destinationPort)
            else { continue }
            // What was sent before is sent again: it has been told.
            if let next = expected[segment.stream],
                Int32(bitPattern: segment.sequence &- next) < 0
            {
                continue
            }
            expected[segment.stream] =
                segment.sequence &+ UInt32(truncatingIfNeeded: segment.payload.count)
            guard streams[segment.stream] != nil || streams.count < OfctlLimits.streams else {
                throw OfctlFailure("more than \(OfctlLimits.streams) connections")
            }
            var listener: OfctlMachine
            if let known = streams.removeValue(forKey: segment.stream) {
                listener = known
            } else {
                listener = try OfctlMachine(listening: ())
            }
            let text = try text(of: listener.receive(segment.payload, now: .start))
            streams[segment.stream] = listener
            if !text.isEmpty { result += "\(segment.stream):\n" + text }
        }
        return result
    }
}

extension OfctlMachine {
    /// One that tells what is said, and says nothing.
    fileprivate init(listening: Void) throws(OfctlFailure) {
        self.init(try OfctlCall("snoop", ["-"], OfctlOptions()))
        _ = start()
    }
}

/// The frames of a pcap file.
private struct CaptureReader {
    private let bytes: [UInt8]
    private let isBigEndian: Bool
    private var position = 24

    init(_ bytes: [UInt8]) throws(OfctlFailure) {
        self.bytes = bytes
        guard bytes.count >= 24 else { throw OfctlFailure("this is no pcap file: it is too short") }
        // Seconds with microseconds or nanoseconds, in the byte order of who wrote it.
        let magic = Array(bytes.prefix(4))
        let known: [[UInt8]] = [[0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d]]
        isBigEndian = known.contains(magic)
        guard isBigEndian || known.contains(Array(magic.reversed())) else {
            throw OfctlFailure("this is no pcap file: it does not begin like one")
        }
        guard number(at: 20) & 0xffff == 1 else {
            throw OfctlFailure("the pcap file holds no Ethernet frames")
        }
    }

    private func number(at offset: Int) -> UInt32 {
        let four = bytes[offset..<(offset + 4)]
        return (isBigEndian ? Array(four) : four.reversed()).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// nil: there is no further whole one.
    mutating func next() -> ArraySlice<UInt8>? {
        guard position + 16 <= bytes.count else { return nil }
        let byteCount = Int(number(at: position + 8))
        let start = position + 16
        guard byteCount <= bytes.count - start else { return nil }
        position = start + byteCount
        return bytes[start..<position]
    }
}

/// A TCP segment in an Ethernet frame.
private struct Segment {
    struct Stream: Hashable, CustomStringConvertible {
        var source: String
        var destination: String
        var sourcePort: UInt16
        var destinationPort: UInt16

        var description: String { "\(source).\(sourcePort) > \(destination).\(destinationPort)" }
    }

    var stream: Stream
    var sequence: UInt32
    var payload: [UInt8]

    /// nil: it is none, or not whole.
    init?(_ frame: ArraySlice<UInt8>) {
        let bytes = Array(frame)
        func number(_ at: Int, _ count: Int) -> UInt64? {
            guard at >= 0, at + count <= bytes.count else { return nil }
            return bytes[at..<(at + count)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        var at = 12
        while let type = number(at, 2), type == 0x8100 || type == 0x88a8 { at += 4 }
        guard let type = number(at, 2), let first = number(at + 2, 1) else { return nil }
        at += 2
        let end: Int
        let addresses: (String, String)
        switch type {
        case 0x0800:
            guard let total = number(at + 2, 2), number(at + 9, 1) == 6,
                let source = number(at + 12, 4), let destination = number(at + 16, 4)
            else { return nil }
            addresses = (
                "\(IPv4Address(bits: UInt32(source)))", "\(IPv4Address(bits: UInt32(destination)))"
            )
            end = at + Int(total)
            at += Int(first & 15) * 4
        case 0x86dd:
            guard let length = number(at + 4, 2), number(at + 6, 1) == 6,
                let high = number(at + 8, 8), let low = number(at + 16, 8),
                let highTo = number(at + 24, 8), let lowTo = number(at + 32, 8)
            else { return nil }
            addresses = (
                "\(IPv6Address(high: high, low: low))", "\(IPv6Address(high: highTo, low: lowTo))"
            )
            end = at + 40 + Int(length)
            at += 40
        default: return nil
        }
        guard let source = number(at, 2), let destination = number(at + 2, 2),
            let sequence = number(at + 4, 4), let offset = number(at + 12, 1)
        else { return nil }
        let start = at + Int(offset >> 4) * 4
        guard start <= end, end <= bytes.count else { return nil }
        stream = Stream(
            source: addresses.0, destination: addresses.1, sourcePort: UInt16(source),
            destinationPort: UInt16(destination))
        self.sequence = UInt32(sequence)
        payload = Array(bytes[start..<end])
    }
}
