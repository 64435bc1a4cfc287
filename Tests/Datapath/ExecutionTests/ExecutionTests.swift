import Execution
import Flows
import Packets
import Testing

/// A ledger that knows ports 1 to 2000 and keeps upcalls.
struct RecordingLedger: PacketLedger, ~Copyable {
    var offers: [String] = []
    var upcalls: [(key: FlowKey, cookie: [UInt8], byteCount: Int, original: Int)] = []

    func hasPort(_ port: UInt32) -> Bool { (1...2000).contains(port) }
    mutating func didOffer(port: UInt32, byteCount: Int, end: PacketEnd) {
        offers.append("\(port):\(byteCount):\(end.name)")
    }
    mutating func upcall(
        _ frame: Frame, key: FlowKey, cookie: RawSpan, originalByteCount: Int
    ) -> PacketEnd {
        let cookie = (0..<cookie.byteCount).map { cookie.octet(at: $0) }
        upcalls.append((key, cookie, frame.wireByteCount, originalByteCount))
        return .actionUpcall
    }
}

struct Result {
    var end: PacketEnd?
    var sent: [RecordingSink.Sent]
    var copies: Int
    var offers: [String]
    var upcalls: [(key: FlowKey, cookie: [UInt8], byteCount: Int, original: Int)]
    /// Keys of what is to be looked up again.
    var continued: [FlowKey]
}

/// Runs actions on a frame that came by port 7.
func run(
    _ actions: [DatapathAction], on bytes: [UInt8], tag: (tpid: UInt16, tci: UInt16) = (0, 0),
    offload: Offload = .none, headroom: Int = 64, scratchLimit: Int = 100
) throws -> Result {
    var store = ProgramStore()
    let program = try store.store(actions)
    #expect(store.actions(of: program) == actions)
    let memory = UnsafeMutableRawPointer.allocate(
        byteCount: headroom + bytes.count, alignment: 16)
    defer { memory.deallocate() }
    (memory + headroom).copyMemory(from: bytes, byteCount: bytes.count)
    let frame = Frame(
        start: memory + headroom, byteCount: bytes.count, headroom: headroom,
        vlanTPID: tag.tpid, vlanTCI: tag.tci, offload: offload)
    let extraction = FlowKey.extract(frame, inPort: 7)
    var sink = RecordingSink()
    sink.scratchLimit = scratchLimit
    var ledger = RecordingLedger()
    var state = ExecutionState(seed: 1)
    let end = store.run(
        program, on: frame, extraction, state: &state, sink: &sink, ledger: &ledger)
    var continued: [FlowKey] = []
    while let next = state.nextContinuation() { continued.append(next.extract().key) }
    return Result(
        end: end, sent: sink.sent(), copies: sink.memory.count, offers: ledger.offers,
        upcalls: ledger.upcalls, continued: continued)
}

extension [UInt8] {
    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

let plain = Build.ethernet(0x1234, [1, 2, 3, 4, 5, 6, 7, 8])
let newSource = HeaderRewrite.ethernet(
    source: Masked(MACAddress(bits: 0xaa), mask: .broadcast),
    destination: Masked(.zero, mask: .zero))
let plainWithNewSource = Array(plain[..<6]) + [0, 0, 0, 0, 0, 0xaa] + Array(plain[12...])

struct ExecutionTests {
    @Test func outputsAloneCopyNothing() throws {
        let result = try run([.output(port: 1), .output(port: 2)], on: plain)
        #expect(result.sent.map(\.bytes) == [plain, plain])
        #expect(result.copies == 0 && result.end == .forwarded)
        #expect(result.offers == ["1:22:forwarded", "2:22:forwarded"])
    }

    @Test func editThenOutputsCopyNothing() throws {
        let result = try run(
            [.set(newSource), .output(port: 1), .output(port: 2)], on: plain)
        #expect(result.sent.map(\.bytes) == [plainWithNewSource, plainWithNewSource])
        #expect(result.copies == 0)
    }

    @Test func editAfterOutputCopiesOnce() throws {
        let other = HeaderRewrite.ethernet(
            source: Masked(.zero, mask: .zero),
            destination: Masked(.broadcast, mask: .broadcast))
        let result = try run(
            [.output(port: 1), .set(newSource), .set(other), .output(port: 2), .output(port: 3)],
            on: plain)
        let both = [UInt8](repeating: 0xff, count: 6) + plainWithNewSource[6...]
        #expect(result.sent.map(\.bytes) == [plain, both, both])
        #expect(result.copies == 1)
        let thrice = try run(
            [.output(port: 1), .set(newSource), .output(port: 2), .set(other), .output(port: 3)],
            on: plain)
        #expect(thrice.sent.map(\.bytes) == [plain, plainWithNewSource, both])
        #expect(thrice.copies == 2)
    }

    /// Flooding to access and trunk ports.
    @Test func tagsBesideTheBytesCopyNothing() throws {
        let result = try run(
            [
                .output(port: 1), .popVLAN, .output(port: 2), .pushVLAN(tpid: 0x8100, tci: 0x1066),
                .output(port: 3),
            ], on: plain, tag: (0x8100, 0xa065))
        #expect(result.sent.map(\.bytes) == [plain, plain, plain])
        #expect(result.sent.map(\.tag.tci) == [0xa065, 0, 0x0066])
        #expect(result.sent.map(\.tag.tpid) == [0x8100, 0, 0x8100])
        #expect(result.copies == 0)
        #expect(result.offers == ["1:26:forwarded", "2:22:forwarded", "3:26:forwarded"])
    }

    @Test(arguments: [
        (headroom: 64, isLent: false), (0, false), (3, false), (4, false), (64, true),
    ])
    func secondTagGoesIntoTheBytes(row: (headroom: Int, isLent: Bool)) throws {
        let offload = Offload(
            flags: 1, segmentation: 1, headerByteCount: 54, segmentByteCount: 1448,
            checksumStart: 34, checksumOffset: 16)
        let frame = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp(.zeros(100))))
        let result = try run(
            (row.isLent ? [.output(port: 1)] : [])
                + [
                    .pushVLAN(tpid: 0x88a8, tci: 0x1007), .output(port: 2), .popVLAN,
                    .output(port: 3),
                ],
            on: frame, tag: (0x8100, 0x2065), offload: offload, headroom: row.headroom)
        let inner = Array(frame[..<12]) + [0x81, 0, 0x20, 0x65] + frame[12...]
        var moved = offload
        moved.checksumStart = 38
        moved.headerByteCount = 58
        #expect(result.sent.suffix(2).map(\.bytes) == [inner, inner])
        #expect(result.sent.suffix(2).map(\.tag.tpid) == [0x88a8, 0])
        #expect(result.sent.suffix(2).map(\.offload) == [moved, moved])
        #expect(result.copies == (row.isLent || row.headroom < 4 ? 1 : 0))
        if row.isLent {
            #expect(result.sent[0].bytes == frame && result.sent[0].offload == offload)
        }
    }

    @Test func popTakesATagOutOfTheBytes() throws {
        let frame = Build.ethernet(0x1234, tags: [(0x8100, 5)], [1, 2, 3])
        let result = try run([.output(port: 1), .popVLAN, .output(port: 2)], on: frame)
        #expect(result.sent.map(\.bytes) == [frame, Build.ethernet(0x1234, [1, 2, 3])])
        #expect(result.copies == 1)
        let untagged = try run([.popVLAN, .output(port: 2)], on: plain)
        #expect(untagged.sent.map(\.bytes) == [plain])
    }

    /// After a tag has gone in or out, the layout still finds the headers.
    @Test func headersAreFoundAfterTagEdits() throws {
        let frame = Transport.filled(Build.ethernet(0x0800, Build.ipv4(17, Build.udp([1, 2, 3]))))
        let result = try run(
            [
                .pushVLAN(tpid: 0x88a8, tci: 7),
                .set(
                    .ports(
                        ipProtocol: 17, source: Masked(7, mask: .max),
                        destination: Masked(0, mask: 0))),
                .popVLAN, .popVLAN, .output(port: 1),
            ], on: frame, tag: (0x8100, 5))
        let bytes = try #require(result.sent.first).bytes
        #expect(Array(bytes[34..<36]) == [0, 7])
        #expect(Transport.isRight(bytes))
    }

    @Test func truncationLastsForOneOutput() throws {
        let long = Build.ethernet(0x1234, .zeros(200))
        let result = try run(
            [
                .truncate(byteCount: 100), .output(port: 1), .output(port: 2),
                .truncate(byteCount: 1),
                .output(port: 3),
            ], on: long)
        #expect(result.sent.map(\.bytes.count) == [100, 214, 14])
        let tagged = try run(
            [.truncate(byteCount: 100), .output(port: 1)], on: long, tag: (0x8100, 1))
        #expect(tagged.offers == ["1:100:forwarded"])
    }

    @Test func truncatedSuperFrameIsNotCutAgain() throws {
        let offload = Offload(
            flags: 1, segmentation: 1, headerByteCount: 54, segmentByteCount: 1000,
            checksumStart: 34, checksumOffset: 16)
        let frame = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp(.zeros(5000))))
        let result = try run(
            [
                .truncate(byteCount: 3000), .output(port: 1), .truncate(byteCount: 1000),
                .output(port: 2), .truncate(byteCount: 51), .output(port: 3),
            ], on: frame, offload: offload)
        #expect(result.sent[0].offload == offload)
        #expect(!result.sent[1].offload.isSuperFrame && result.sent[1].offload.needsChecksum)
        #expect(result.sent[2].offload == .none)
    }

    @Test func upcallHasTheKeyOfTheEditedFrame() throws {
        let result = try run(
            [
                .userspace(cookie: [1, 2, 3, 4, 5, 6, 7, 8, 9]), .set(newSource), .popVLAN,
                .set(.packetMark(Masked(0x55, mask: 0xff))), .set(.priority(Masked(9, mask: .max))),
                .truncate(byteCount: 20), .userspace(cookie: []),
            ], on: plain, tag: (0x8100, 5))
        #expect(result.end == .actionUpcall)
        #expect(result.upcalls[0].cookie == [1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(result.upcalls[0].key.vlan0TCI == 0x1005 && result.upcalls[0].byteCount == 26)
        let second = result.upcalls[1]
        #expect(second.key.vlan0TCI == 0 && second.key.ethSrc == MACAddress(bits: 0xaa))
        #expect(second.key.inPort == 7 && second.key.packetMark == 0x55 && second.key.priority == 9)
        #expect(second.byteCount == 20 && second.original == 22 && second.cookie.isEmpty)
    }

    @Test(
        arguments: [
            ([], .droppedByRule),
            ([.drop(.vlanNotAllowed)], .vlanNotAllowed),
            ([.drop(.vlanNotAllowed), .output(port: 1)], .vlanNotAllowed),
            ([.output(port: 1), .drop(.vlanNotAllowed)], .forwarded),
            ([.popVLAN, .set(newSource)], .actionsWithoutOutput),
            ([.set(.priority(Masked(1, mask: .max)))], .actionsWithoutOutput),
            ([.output(port: 9999)], .outputPortGone),
            ([.output(port: 9999), .output(port: 1)], .forwarded),
            ([.output(port: 1), .output(port: 9999)], .forwarded),
            ([.output(port: 1500)], .sendFailed),
            ([.userspace(cookie: [])], .actionUpcall),
            ([.userspace(cookie: []), .output(port: 1500)], .actionUpcall),
            ([.userspace(cookie: []), .output(port: 1)], .forwarded),
            ([.output(port: 1), .userspace(cookie: [])], .forwarded),
            ([.output(port: 9999), .userspace(cookie: [])], .actionUpcall),
        ] as [([DatapathAction], PacketEnd)])
    func onePacketOneEnd(row: ([DatapathAction], PacketEnd)) throws {
        #expect(try run(row.0, on: plain).end == row.1)
    }

    @Test func withoutMemoryForACopyNothingIsSpoilt() throws {
        let result = try run(
            [.output(port: 1), .set(newSource), .output(port: 2)], on: plain, scratchLimit: 0)
        #expect(result.sent.map(\.bytes) == [plain] && result.end == .forwarded)
        let alone = try run(
            [.pushVLAN(tpid: 0x8100, tci: 1), .output(port: 2)], on: plain, tag: (0x8100, 2),
            headroom: 0, scratchLimit: 0)
        #expect(alone.sent.isEmpty && alone.end == .actionLimit)
    }

    @Test(arguments: [4095, 4096, 4097])
    func listsAreBounded(count: Int) throws {
        var store = ProgramStore()
        // 4095 steps and the end are exactly 32 KiB.
        let actions = [DatapathAction](repeating: .output(port: 1), count: count)
        switch count {
        case 4095: #expect(store.actions(of: try store.store(actions)) == actions)
        case 4096:
            #expect(throws: ProgramRefusal.tooLarge(byteLimit: 32768)) { try store.store(actions) }
        default:
            #expect(throws: ProgramRefusal.tooManyActions(limit: 4096)) {
                try store.store(actions)
            }
        }
        #expect(throws: ProgramRefusal.tooLarge(byteLimit: 32768)) {
            try store.store([.userspace(cookie: .zeros(40_000))])
        }
        #expect(store.count == (count == 4095 ? 1 : 0))
    }

    @Test func programsKeepApartWhenBlocksAreReused() throws {
        var store = ProgramStore()
        var chance = Chance(seed: 11)
        var kept: [(ProgramHandle, [DatapathAction])] = []
        for _ in 0..<3000 {
            if kept.count > 100 || (!kept.isEmpty && chance.oneIn(3)) {
                let (handle, actions) = kept.remove(at: chance.below(kept.count))
                #expect(store.actions(of: handle) == actions)
                store.release(handle)
            } else {
                let actions = (0..<chance.below(40)).map { _ in
                    DatapathAction.output(port: UInt32(chance.below(1000)))
                }
                kept.append((try store.store(actions), actions))
            }
        }
        for (handle, actions) in kept { #expect(store.actions(of: handle) == actions) }
        #expect(store.count == kept.count)
    }
    /// What is stored twice in a row is one program with two uses, until both are given back.
    @Test func equalListsInARowShareAProgram() throws {
        var store = ProgramStore()
        let (out, drop) = ([DatapathAction.output(port: 7)], [DatapathAction.popVLAN])
        let first = try store.store(out)
        let again = try store.store([.output(port: 7)])
        let other = try store.store(drop)
        #expect(first == again && other != first && store.count == 3)
        store.release(first)
        #expect(store.actions(of: again) == out && store.count == 2)
        store.release(other)
        // What was stored last is gone: its block is another's now.
        let new = try store.store(out)
        #expect(new != again && store.actions(of: new) == out)
        store.release(again)
        #expect(store.actions(of: new) == out && store.count == 1)
        store.removeAll()
        let afresh = try store.store(drop)
        #expect(store.actions(of: afresh) == drop && store.count == 1)
    }
}
