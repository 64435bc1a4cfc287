import ArgumentParser
import Flows
import Glibc
import OpenFlow
import PacketPorts
import Packets

// What tools/bench-tables does to a switch, ours or another, by its OpenFlow socket and its ports.
// Each prints one number.

/// The same list for everybody: the rules that are added, and the packets that meet them.
private let listSeed: UInt64 = 7

private func perSecond(_ count: Int, since begin: UInt64) -> Int {
    Int(Double(count) / (Double(max(Flood.nanoseconds() - begin, 1)) / 1e9))
}

struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Prints an access list as lines for ovs-ofctl add-flows.")

    @Option(help: "Rules.") var count = 1_000
    @Option(help: "What each does.") var actions = "drop"

    func run() throws {
        for rule in AccessList(count: count, seed: listSeed).rules {
            let match = FlowText.text(rule.match)
            let comma = match.isEmpty ? "" : ","
            print("priority=\(rule.priority),\(match)\(comma)actions=\(actions)")
        }
    }
}

struct FlowModsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow-mods", abstract: "Adds rules and prints how many a second.")

    @Option(help: "The bridge's management socket.") var socket: String
    @Option(help: "Rules.") var count = 1_000
    @Flag(help: "Wait for a barrier after each.") var waits = false

    func run() throws {
        var client = try OpenFlowClient(socket: socket)
        let rules = AccessList(count: count, seed: listSeed).rules
        let messages = rules.map { rule -> [UInt8] in
            var rule = rule
            rule.instructions = Instructions()
            return client.dialect.encode(OpenFlowMessage(xid: 5, .flowMod(rule)))
        }
        let begin = Flood.nanoseconds()
        if waits {
            for message in messages {
                try client.send(message)
                try client.barrier()
            }
        } else {
            try client.send(Array(messages.joined()))
            try client.barrier()
        }
        print(perSecond(count, since: begin))
    }
}

struct LookupsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lookups",
        abstract: "Has the switch look up packets that no cache answers for.",
        discussion: """
            Packet-outs, each of which rewrites its addresses and ports and goes through table 0 a \
            hundred times.
            """)

    @Option(help: "The bridge's management socket.") var socket: String
    @Option(help: "Rules that were added.") var count = 1_000
    @Option(help: "Lookups.") var lookups = 100_000

    private static let lookupsPerMessage = 100

    func run() throws {
        var client = try OpenFlowClient(socket: socket)
        var list = AccessList(count: count, seed: listSeed)
        var keys: [UInt8: [FlowKey]] = [6: [], 17: []]
        for _ in 0..<20_000 {
            let key = list.packet()
            keys[key.nwProto]?.append(key)
        }
        var messages: [[UInt8]] = []
        for ipProtocol in [6, 17] as [UInt8] {
            let all = keys[ipProtocol] ?? []
            for start in stride(from: 0, to: all.count, by: Self.lookupsPerMessage) {
                let part = all[start..<min(all.count, start + Self.lookupsPerMessage)]
                guard part.count == Self.lookupsPerMessage else { continue }
                messages.append(Self.message(Array(part), client.dialect))
            }
        }
        let rounds = max(lookups / Self.lookupsPerMessage / messages.count, 1)
        let begin = Flood.nanoseconds()
        for _ in 0..<rounds { for message in messages { try client.send(message) } }
        try client.barrier()
        print(perSecond(rounds * messages.count * Self.lookupsPerMessage, since: begin))
    }

    private static func message(_ keys: [FlowKey], _ dialect: OpenFlowDialect) -> [UInt8] {
        let isTCP = keys[0].nwProto == 6
        var actions: [Action] = []
        for key in keys {
            let source = FieldValue(low: UInt64(key.nwSrc.bits))
            let target = FieldValue(low: UInt64(key.nwDst.bits))
            actions += [
                .setField(.ipv4Src, source), .setField(.ipv4Dst, target),
                .setField(isTCP ? .tcpSrc : .udpSrc, FieldValue(low: UInt64(key.tpSrc))),
                .setField(isTCP ? .tcpDst : .udpDst, FieldValue(low: UInt64(key.tpDst))),
                .resubmit(inPort: nil, table: 0),
            ]
        }
        let packet = PacketOut(
            inPort: PortNumber(3), actions: actions, bytes: ListFrames.frame(keys[0]))
        return dialect.encode(OpenFlowMessage(xid: 6, .packetOut(packet)))
    }
}

struct PacketsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packets", abstract: "Sends packets that meet an access list.")

    @Option(help: "By which interface they leave.") var interface: String
    @Option(help: "Rules of the list.") var count = 1_000
    @Option(help: "Packets.") var packets = 20_000
    @Option(help: "Packets per second.") var rate = 5_000

    func run() throws {
        var list = AccessList(count: count, seed: listSeed)
        var frames = ListFrames(sender: try FrameSender(interface: InterfaceFacts(name: interface)))
        let begin = Flood.nanoseconds()
        var sent = 0
        for number in 0..<packets {
            let due = begin + UInt64(Double(number) / Double(rate) * 1e9)
            while Flood.nanoseconds() < due { usleep(200) }
            sent += frames.send(ListFrames.frame(list.packet()))
        }
        print(sent)
    }
}

struct RoundTripsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "round-trips",
        abstract: "Answers packet-ins with packet-outs and prints how many arrive a second.")

    @Option(help: "The bridge's management socket.") var socket: String
    @Option(help: "Where packets are sent from.") var interface: String
    @Option(help: "Where the packet-outs arrive.") var arrival: String
    @Option(help: "Port of the packet-outs.") var port: UInt16 = 4
    @Option(help: "Packets under way at once.") var window = 1
    @Option(help: "How long, in seconds.") var seconds = 2.0

    func run() throws {
        var client = try OpenFlowClient(socket: socket)
        // Without this a tool is sent no packet-ins.
        try client.send(
            OpenFlowMessage(xid: 2, .setConfig(SwitchConfig(missSendLength: 0xffff))))
        try client.barrier()
        var frames = ListFrames(sender: try FrameSender(interface: InterfaceFacts(name: interface)))
        var list = AccessList(count: 16, seed: listSeed)
        let frame = ListFrames.frame(list.packet())
        let before = try arrived()
        let begin = Flood.nanoseconds()
        let end = begin + UInt64(seconds * 1e9)
        for _ in 0..<window { _ = frames.send(frame) }
        while Flood.nanoseconds() < end {
            guard let message = try client.receive(milliseconds: 100) else {
                // All are lost: begin anew.
                for _ in 0..<window { _ = frames.send(frame) }
                continue
            }
            guard case .packetIn(let packet) = message.body else { continue }
            let answer = PacketOut(
                inPort: packet.inPort, actions: [.output(port: PortNumber(port), maxLength: 0)],
                bytes: packet.bytes)
            try client.send(OpenFlowMessage(xid: 7, .packetOut(answer)))
            _ = frames.send(frame)
        }
        print(perSecond(try arrived() - before, since: begin))
    }

    private func arrived() throws -> Int {
        let path = "/sys/class/net/\(arrival)/statistics/rx_packets"
        guard let file = unsafe fopen(path, "r") else {
            throw OpenFlowClient.Failure(description: "no interface \(arrival)")
        }
        defer { unsafe fclose(file) }
        var digits = [UInt8](repeating: 0, count: 32)
        // Safe: the array's own bytes.
        let count = unsafe fread(&digits, 1, digits.count, file)
        return digits[..<count].filter { (48...57).contains($0) }.reduce(0) {
            $0 * 10 + Int($1 - 48)
        }
    }
}

/// Frames of an access list's packets, one at a time.
@safe
private struct ListFrames: ~Copyable {
    private static let byteCount = 60

    private var sender: FrameSender
    private let memory: UnsafeMutableRawPointer

    init(sender: consuming FrameSender) {
        self.sender = sender
        // Freed in deinit.
        unsafe memory = .allocate(byteCount: Self.byteCount, alignment: 16)
    }

    deinit { unsafe memory.deallocate() }

    /// - Returns: How many the interface took: 1 or 0.
    mutating func send(_ bytes: [UInt8]) -> Int {
        // Safe: a frame of `byteCount` bytes, and as much memory.
        unsafe memory.copyMemory(from: bytes, byteCount: min(bytes.count, Self.byteCount))
        unsafe sender.append(Frame(start: memory, byteCount: Self.byteCount))
        return sender.flush().sentCount
    }

    /// TCP, UDP or ICMP over IPv4.
    static func frame(_ key: FlowKey) -> [UInt8] {
        func octets(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
        }
        var bytes = octets(key.ethDst.bits, 6) + octets(key.ethSrc.bits, 6) + [8, 0]
        var header: [UInt8] = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, key.nwProto, 0, 0]
        header += octets(UInt64(key.nwSrc.bits), 4) + octets(UInt64(key.nwDst.bits), 4)
        var sum: UInt32 = 0
        for place in stride(from: 0, to: header.count - 1, by: 2) {
            sum += UInt32(header[place]) << 8 | UInt32(header[place + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        (header[10], header[11]) = (UInt8(~sum >> 8 & 0xff), UInt8(~sum & 0xff))
        bytes += header
        switch key.nwProto {
        case 1: bytes += [8, 0, 0, 0, 0, 1, 0, 1]
        case 17:
            bytes += octets(UInt64(key.tpSrc), 2) + octets(UInt64(key.tpDst), 2) + [0, 26, 0, 0]
        default:
            bytes += octets(UInt64(key.tpSrc), 2) + octets(UInt64(key.tpDst), 2)
            bytes += [0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0x20, 0, 0, 0, 0, 0]
        }
        return bytes + [UInt8](repeating: 0, count: max(byteCount - bytes.count, 0))
    }
}
