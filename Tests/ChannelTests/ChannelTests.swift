import Channel
import DatapathMessages
import Flows
import Foundation
import Glibc
import Testing

/// A directory that goes away with the test.
final class TemporaryDirectory {
    let path: String
    init() {
        var template = Array("/tmp/apus-channel-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }
    deinit {
        unlink(path + "/apus-datapath.sock")
        rmdir(path)
    }
}

func connectedPair() throws -> (ChannelConnection, ChannelConnection) {
    var ends: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
    return (ChannelConnection(adopting: ends[0]), ChannelConnection(adopting: ends[1]))
}

func upcall(_ byteCount: Int) -> DatapathReply {
    .upcall(
        Upcall(
            reason: .miss, bytes: [UInt8](repeating: 7, count: byteCount),
            originalByteCount: byteCount, key: FlowKey()))
}

@Suite struct ChannelConnectionTests {
    @Test func messagesArriveInOrderAndPacked() throws {
        let (one, other) = try connectedPair()
        for sequence in 0..<5000 as Range<UInt32> {
            try one.send(.deletePort(number: sequence), sequence: sequence)
        }
        // 5,000 messages of 32 bytes are two datagrams: two system calls.
        #expect(one.unsentByteCount == 160_000)
        var received: [DatapathRequest] = []
        #expect(try one.flush())
        #expect(try other.receive(requests: { try? received.append($0.content.get()) }) == .drained)
        #expect(received == (0..<5000).map { .deletePort(number: $0) })
    }

    @Test(arguments: [1, 1500, 65_528, DatapathMessageLimits.frameByteCountMax])
    func bigFramesPass(byteCount: Int) throws {
        let (one, other) = try connectedPair()
        try one.send(upcall(byteCount), sequence: 0)
        #expect(try one.flush())
        var received: [DatapathReply] = []
        _ = try other.receive(replies: { try? received.append($0.content.get()) })
        #expect(received == [upcall(byteCount)])
    }

    /// A peer that does not read: the kernel fills, then we wait, then the bound refuses; and when
    /// it reads again nothing of what was accepted is missing.
    @Test func overflowIsRefusedAndLosesNothing() throws {
        let (one, other) = try connectedPair()
        var accepted = 0
        var refusal: ChannelSendError?
        while refusal == nil {
            do throws(ChannelSendError) {
                try one.send(upcall(60_000), sequence: 0)
                accepted += 1
            } catch { refusal = error }
            _ = try one.flush()
        }
        guard case .channel(.overflow(let byteCount)) = try #require(refusal) else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(byteCount >= ChannelLimits.outgoingByteCountMax)
        #expect(byteCount < ChannelLimits.outgoingByteCountMax + 128 * 1024)
        #expect(one.wantsToWrite && !one.hasRoomForUpcalls)
        var received = 0
        while received < accepted {
            _ = try other.receive(replies: { _ in received += 1 })
            _ = try one.flush()
        }
        #expect(try one.flush() && one.hasRoomForUpcalls)
    }

    @Test func aPeersDeathIsSeenAtBothCalls() throws {
        var pair: (ChannelConnection, ChannelConnection)? = try connectedPair()
        let survivor = pair!.0
        try pair!.1.send(.done, sequence: 3)
        try pair!.1.flush()
        pair = nil
        var last: [UInt32] = []
        var reception = ChannelConnection.Reception.more
        while reception == .more || last.isEmpty {
            reception = try survivor.receive(replies: { last.append($0.sequence) })
        }
        #expect(last == [3])
        #expect(try survivor.receive(replies: { _ in }) == .closed)
        try survivor.send(.done, sequence: 4)
        #expect(throws: ChannelError.closed) { try survivor.flush() }
    }

    @Test func whatIsNoMessageComesAsAnError() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        let connection = ChannelConnection(adopting: ends[0])
        let noise = [UInt8](repeating: 0xa5, count: 100)
        #expect(write(ends[1], noise, noise.count) == noise.count)
        var failures = 0
        _ = try connection.receive(requests: { if case .failure = $0.content { failures += 1 } })
        #expect(failures == 1)
        close(ends[1])
    }
}

@Suite struct ChannelListenerTests {
    @Test func acceptsReplacesStaleRefusesLive() throws {
        let directory = TemporaryDirectory()
        var first: ChannelListener? = try ChannelListener(runDirectory: directory.path)
        let path = try #require(first?.path)
        var status = stat()
        #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
        #expect(throws: ChannelError.alreadyServed(path)) {
            try ChannelListener(runDirectory: directory.path)
        }
        // A process that died leaves its file behind: rename keeps it while the listener goes.
        #expect(rename(path, path + ".kept") == 0)
        first = nil
        #expect(rename(path + ".kept", path) == 0)
        #expect(throws: ChannelError.notReachable(path, code: ECONNREFUSED)) {
            try ChannelConnection(path: path)
        }
        let second = try ChannelListener(runDirectory: directory.path)
        let client = try ChannelConnection(path: path)
        // The refused ChannelListener's own probe of the first listener died with that listener.
        let served = try #require(try second.accept(clientCount: 0))
        try client.send(.listPorts, sequence: 1)
        try client.flush()
        var requests: [DatapathRequest] = []
        _ = try served.receive(requests: { try? requests.append($0.content.get()) })
        #expect(requests == [.listPorts])
    }

    @Test func aFileIsNeverTakenAway() throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/apus-datapath.sock"
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: ChannelError.notASocket(path)) { try ChannelListener(path: path) }
    }

    @Test(arguments: [("", false), (String(repeating: "x", count: 108), false)])
    func pathsAreBounded(path: String, fits: Bool) {
        #expect(throws: ChannelError.invalidPath(path)) { try ChannelConnection(path: path) }
    }

    @Test func oneClientTooManyIsClosedAndCounted() throws {
        let directory = TemporaryDirectory()
        let listener = try ChannelListener(runDirectory: directory.path)
        let client = try ChannelConnection(runDirectory: directory.path)
        #expect(try listener.accept(clientCount: ChannelLimits.clientCountMax) == nil)
        #expect(listener.refusedCount == 1)
        #expect(try client.receive(replies: { _ in }) == .closed)
        let next = try ChannelConnection(runDirectory: directory.path)
        #expect(try listener.accept(clientCount: ChannelLimits.clientCountMax - 1) != nil)
        _ = next
    }
}

@Suite struct DatapathClientTests {
    @Test func nobodyThereNamesTheFix() {
        let error = #expect(throws: DatapathClientError.self) {
            try DatapathClient(runDirectory: "/tmp/apus-nowhere", timeout: .seconds(1))
        }
        #expect(error?.description.contains("is apus-datapath running?") == true)
    }

    /// A datapath that lets clients in and never answers.
    @Test func silenceIsNamed() throws {
        let directory = TemporaryDirectory()
        let listener = try ChannelListener(runDirectory: directory.path)
        let client = try DatapathClient(
            runDirectory: directory.path, timeout: .milliseconds(20))
        let error = #expect(throws: DatapathClientError.self) { try client.request(.listFlows) }
        let text = "did not answer on \(listener.path) within 0.02 s"
        #expect(error?.description.contains(text) == true)
    }

    /// Answers from another thread: items, a refusal, the end, and going away.
    @Test func answersAndRefusals() throws {
        let directory = TemporaryDirectory()
        let listener = try ChannelListener(runDirectory: directory.path)
        // Connected before the server looks, so that it finds a client at once.
        let client = try DatapathClient(runDirectory: directory.path, timeout: .seconds(60))
        let connection = try #require(try listener.accept(clientCount: 0))
        nonisolated(unsafe) let server = connection
        Thread.detachNewThread {
            for _ in 0..<4 {
                var entry = pollfd(fd: server.descriptor, events: Int16(POLLIN), revents: 0)
                poll(&entry, 1, 60_000)
                _ = try? server.receive { (received: Received<DatapathRequest>) in
                    self.answer(received, on: server)
                }
                _ = try? server.flush()
            }
            shutdown(server.descriptor, Int32(SHUT_RDWR))
        }
        #expect(try client.request(.listPorts).count == 2)
        #expect(throws: DatapathClientError.refused(code: EBUSY, text: "no, not now")) {
            try client.request(.flushFlows)
        }
        #expect(try client.request(.takeUpcalls).isEmpty)
        #expect(throws: DatapathClientError.channel(.closed)) { try client.request(.listFlows) }
    }

    private func answer(_ received: Received<DatapathRequest>, on connection: ChannelConnection) {
        let sequence = received.sequence
        let port = DatapathReply.port(Vport(number: 1, kind: .netdev, name: "a"))
        switch try? received.content.get() {
        case .listPorts:
            try? connection.send(upcall(10), sequence: 0)
            try? connection.send(port, sequence: sequence, inDump: true)
            try? connection.send(port, sequence: sequence, inDump: true)
            try? connection.send(.done, sequence: sequence, inDump: true)
        case .flushFlows:
            try? connection.send(.failed(errno: EBUSY, text: "no, not now"), sequence: sequence)
        case .takeUpcalls: try? connection.send(.done, sequence: sequence)
        default: break
        }
    }
}
