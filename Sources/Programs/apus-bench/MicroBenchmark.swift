// What single steps of a packet's journey cost, in one thread and without a kernel: the median of
// several rounds, each long enough for the clock.

import DatapathMessages
import Execution
import FlowCache
import Flows
import Forwarding
import Glibc
import KernelPrograms
import Packets
import Timekeeping

/// Takes frames and forgets them.
private struct NowhereSink: PacketSink, ExpressTier, ~Copyable {
    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd { .forwarded }
    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? { nil }
}

enum MicroBenchmark {
    struct Result {
        var name: String
        var unit: String
        var value: Double
        var text: String { "\((value * 10).rounded() / 10)" }
    }

    private static let rounds = 9
    private static let flowCount = 1_000_000

    private static let nowhere = IPv4Address(bits: 0)

    static func run() throws -> [Result] {
        var results = [extraction(), try microflowHit()]
        for count in [1, 10, 100] { results.append(try megaflowHit(masks: count)) }
        results += try millionFlows()
        results.append(try journey("known packet: extract, look up, output", [.output(port: 2)]))
        results.append(
            try journey(
                "known packet: extract, look up, set MAC and TTL, output",
                [
                    .set(
                        .ethernet(
                            source: Masked(MACAddress(bits: 7), mask: .broadcast),
                            destination: Masked(.zero, mask: .zero))),
                    .set(
                        .ipv4(
                            source: Masked(nowhere, mask: nowhere),
                            destination: Masked(nowhere, mask: nowhere),
                            tos: Masked(0, mask: 0), ttl: Masked(63, mask: 0xff))),
                    .output(port: 2),
                ]))
        return results
    }

    /// The median cost of one of `count` calls.
    private static func measure(
        _ name: String, count: Int, _ body: (Int) -> Void
    ) -> Result {
        var costs: [Double] = []
        for _ in 0..<rounds {
            let begin = Flood.nanoseconds()
            for index in 0..<count { body(index) }
            costs.append(Double(Flood.nanoseconds() - begin) / Double(count))
        }
        return Result(name: name, unit: "ns", value: costs.sorted()[rounds / 2])
    }

    /// UDP over IPv4, 60 bytes; `number` is in source address and port.
    private static func frame(_ number: Int) -> [UInt8] {
        var octets: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        octets += [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10]
        octets += [UInt8(number >> 16 & 0xff), UInt8(number >> 8 & 0xff), UInt8(number & 0xff)]
        octets += [10, 9, 0, 250, 4, UInt8(number & 0xff), 0, 9, 0, 26, 0, 0]
        return octets + [UInt8](repeating: 0, count: 60 - octets.count)
    }

    private static func key(_ number: Int) -> FlowKey {
        // Safe: the array's own bytes, used during the call only.
        unsafe frame(number).withUnsafeBytes {
            unsafe FlowKey.extract(frame: $0.bytes, inPort: 1).key
        }
    }

    private static func extraction() -> Result {
        let octets = frame(5)
        var sum: UInt64 = 0
        let result = unsafe octets.withUnsafeBytes { bytes in
            // Safe: the bytes are the array's for the length of this closure.
            measure("key extraction", count: 1_000_000) { _ in
                sum &+= unsafe FlowKey.extract(frame: bytes.bytes, inPort: 1).key.words[3]
            }
        }
        precondition(sum != 0, "the key has an Ethernet address")
        return result
    }

    private static let wholeMask: FlowMask = {
        var mask = FlowMask()
        (mask.inPort, mask.ethType, mask.nwProto) = (.max, .max, .max)
        (mask.nwSrc, mask.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
        (mask.tpSrc, mask.tpDst) = (.max, .max)
        return mask
    }()

    private static func microflowHit() throws -> Result {
        var tables = FlowTables(flowLimit: 10, microflowCount: 8192, seed: 1)
        var mask = FlowMask()
        mask.inPort = .max
        _ = try tables.megaflows.put(key: key(0), mask: mask, program: 0)
        let octets = (0..<256).map(frame)
        return measure("microflow hit, key extraction included", count: 1_000_000) { index in
            // Safe: the array's own bytes, used during the call only.
            unsafe octets[index & 255].withUnsafeBytes {
                _ = tables.lookup(unsafe FlowKey.extract(frame: $0.bytes, inPort: 1).key)
            }
        }
    }

    /// Flows spread evenly over masks that differ in how much of an address they look at.
    private static func megaflowHit(masks: Int) throws -> Result {
        var table = MegaflowTable(flowLimit: 1024, seed: 1)
        var keys: [FlowKey] = []
        for number in 0..<1000 {
            var (mask, key) = (wholeMask, key(number))
            // A distinct set of bits for each mask: of a field that these packets do not have.
            mask.arpSHA = MACAddress(bits: UInt64(number % masks) + 1)
            key.tpDst = UInt16(number)
            keys.append(key)
            _ = try table.put(key: key, mask: mask, program: 0)
        }
        var found = 0
        let result = measure("megaflow hit, \(masks) masks", count: 200_000) { index in
            if table.lookup(keys[index % 1000]) != nil { found += 1 }
        }
        precondition(found == 200_000 * rounds, "every key has a flow")
        return result
    }

    /// Each packet of another megaflow, in an order that no cache foresees; and what they weigh.
    private static func millionFlows() throws -> [Result] {
        var settings = ForwarderSettings(hashSeed: 1)
        settings.flowLimit = flowCount
        var forwarder = Forwarder(settings)
        try forwarder.addPort(1)
        let before = residentByteCount()
        for number in 0..<flowCount {
            var flow = CachedFlow(
                key: key(number), mask: wholeMask, actions: [.output(port: 2)])
            flow.ufid = UFID(high: UInt64(number), low: 0)
            try forwarder.install(flow)
        }
        let weight = Double(residentByteCount() - before) / Double(flowCount)
        var sink = NowhereSink()
        let now = Instant(nanosecondsSinceStart: 1_000_000_000)
        var octets = frame(0)
        var number = 1
        let result = measure("known packet, one of 1000000 megaflows", count: 200_000) { _ in
            number = (number &* 48_271) % 2_147_483_647
            let flow = number % flowCount
            octets[27] = UInt8(flow >> 16 & 0xff)
            octets[28] = UInt8(flow >> 8 & 0xff)
            octets[29] = UInt8(flow & 0xff)
            octets[35] = UInt8(flow & 0xff)
            // Safe: the array's own bytes, used during the call only.
            unsafe octets.withUnsafeMutableBytes {
                unsafe forwarder.process(
                    Frame(start: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count), from: 1,
                    now: now, into: &sink)
            }
        }
        precondition(forwarder.statistics.misses == 0, "every packet has a flow")
        return [result, Result(name: "memory of a megaflow", unit: "bytes", value: weight)]
    }

    private static func journey(_ name: String, _ actions: [DatapathAction]) throws -> Result {
        var forwarder = Forwarder(ForwarderSettings(hashSeed: 1))
        try forwarder.addPort(1)
        var mask = FlowMask()
        mask.inPort = .max
        try forwarder.install(CachedFlow(key: key(0), mask: mask, actions: actions))
        var sink = NowhereSink()
        let now = Instant(nanosecondsSinceStart: 1_000_000_000)
        var octets = frame(0)
        return measure(name, count: 500_000) { _ in
            // Safe: the array's own bytes, used during the call only.
            unsafe octets.withUnsafeMutableBytes {
                unsafe forwarder.process(
                    Frame(start: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count), from: 1,
                    now: now, into: &sink)
            }
        }
    }

    /// Of this process.
    private static func residentByteCount() -> Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        // Safe: the file is open, and both numbers live through the call.
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard unsafe fgets(&line, 256, file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        let numbers = text.split(separator: " ").compactMap { Int($0) }
        return numbers.count > 1 ? numbers[1] * Int(getpagesize()) : 0
    }
}
