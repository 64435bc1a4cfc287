// Small frames, as many and as different as asked for, at a price that disappears beside a switch.
//
//     template ──> 64 frames in a row, two numbers of each rewritten ──> one sendmmsg
//
// A flow is a source address and a source port of UDP over IPv4; the rest is the same in all. The
// numbers run through all flows in turn, which is the worst order for a cache that is too small.

import Flows
import Glibc
import PacketPorts
import Packets

struct BadAddress: Error, CustomStringConvertible {
    var description: String { "an Ethernet address is six pairs of hexadecimal digits" }
}

/// Sends from one interface. Not for two threads.
@safe
struct Flood: ~Copyable {
    /// Without the frame check sequence: 64 bytes on a wire.
    private static let byteCount = 60
    private static let batchCount = PortLimits.sendBatchCount
    /// Source ports of one source address.
    private static let portsPerAddress = 1 << 14

    private static let allFlowCount = 1 << 30

    private var sender: FrameSender
    private let frames: UnsafeMutableRawPointer
    private let flowCount: Int
    private var next: Int

    /// - Parameters:
    ///   - flowCount: 0 means that no flow comes twice (until 2³⁰ of them have been).
    ///   - first: Number of the first flow.
    init(
        interface: String, to address: String, from source: String?, flowCount: Int,
        first: Int
    ) throws {
        let facts = try InterfaceFacts(name: interface)
        let own = (0..<6).map { UInt8(truncatingIfNeeded: facts.address.bits >> (40 - 8 * $0)) }
        var frame = try Self.octets(address) + (source.map(Self.octets) ?? own) + [8, 0]
        frame += [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 128, 0, 0, 10, 9, 0, 250]
        // No checksum, which UDP over IPv4 allows (RFC 768).
        frame += [0, 0, 0, 9, 0, 26, 0, 0]
        frame += [UInt8](repeating: 0x55, count: Self.byteCount - frame.count)
        sender = try FrameSender(interface: facts)
        self.flowCount = flowCount == 0 ? Self.allFlowCount : flowCount
        next = first % self.flowCount
        // Freed in deinit; each frame has its place.
        unsafe frames = .allocate(byteCount: Self.batchCount * Self.byteCount, alignment: 64)
        for index in 0..<Self.batchCount {
            unsafe (frames + index * Self.byteCount).copyMemory(
                from: frame, byteCount: Self.byteCount)
        }
    }

    private static func octets(_ address: String) throws -> [UInt8] {
        let octets = address.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        guard octets.count == 6 else { throw BadAddress() }
        return octets
    }

    deinit { unsafe frames.deallocate() }

    /// - Parameter rate: Frames per second; 0 for as many as can be.
    /// - Returns: How many frames the interface took.
    mutating func run(seconds: Double, rate: Int) -> Int {
        let begin = Self.nanoseconds()
        let end = begin + UInt64(seconds * 1e9)
        // A tenth of a millisecond's worth at a time, so that a slow flood is an even one.
        let perBatch = rate == 0 ? Self.batchCount : min(max(rate / 10_000, 1), Self.batchCount)
        var (sent, tried) = (0, 0)
        while true {
            let now = Self.nanoseconds()
            if now >= end && tried > 0 { return sent }
            if rate > 0 && tried > 0 {
                let due = begin + UInt64(Double(tried) / Double(rate) * 1e9)
                if due > now {
                    Self.sleep(nanoseconds: min(due, end) - now)
                    continue
                }
            }
            for index in 0..<perBatch { append(index) }
            sent += sender.flush().sentCount
            tried += perBatch
        }
    }

    private mutating func append(_ index: Int) {
        // Safe here and below: `index` is below batchCount, and offsets are inside of a frame.
        let frame = unsafe frames + index * Self.byteCount
        let address = UInt32(0x0a80_0000) + UInt32(truncatingIfNeeded: next / Self.portsPerAddress)
        let port = UInt16(1024 + next % Self.portsPerAddress)
        unsafe frame.storeBytes(of: address.bigEndian, toByteOffset: 26, as: UInt32.self)
        unsafe frame.storeBytes(of: port.bigEndian, toByteOffset: 34, as: UInt16.self)
        unsafe frame.storeBytes(
            of: Self.checksum(address).bigEndian, toByteOffset: 24, as: UInt16.self)
        next += 1
        if next == flowCount { next = 0 }
        unsafe sender.append(Frame(start: frame, byteCount: Self.byteCount))
    }

    /// Of the IPv4 header: only its source address varies (RFC 1071).
    private static func checksum(_ source: UInt32) -> UInt16 {
        var sum: UInt32 = 0x4500 + 46 + 0x4011 + 0x0a09 + 250
        sum += source >> 16 + source & 0xffff
        sum = sum & 0xffff + sum >> 16
        sum = sum & 0xffff + sum >> 16
        return ~UInt16(truncatingIfNeeded: sum)
    }

    static func nanoseconds() -> UInt64 {
        var time = timespec()
        // Safe: `time` lives through the call.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func sleep(nanoseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // Safe: as above. Whether it was cut short shows at the next look at the clock.
        unsafe nanosleep(&time, nil)
    }
}
