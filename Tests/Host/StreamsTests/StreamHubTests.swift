import Glibc
import Streams
import Synchronization
import Testing

/// Hubs that speak to each other over real sockets. An event that does not come is a test that does
/// not end, which the time limit turns into a failure.
@Suite(.timeLimit(.minutes(1))) struct StreamHubTests {
    let directory = TemporaryDirectory()

    @Test func carriesBytesBothWaysAndClosesOnce() async throws {
        let (server, client) = (Listening(), Listening())
        let path = directory.file("s")
        _ = try server.hub.listen(.passiveUnix(path: path))
        let stream = client.hub.connect(.unix(path: path))
        client.hub.send(Array("before it stands".utf8), on: stream)
        #expect(await client.next() == "connected")
        #expect(await server.next() == "accepted from unix")
        #expect(await server.next() == "received before it stands")
        server.hub.send(Array("answer".utf8), on: try #require(server.last))
        #expect(await client.next() == "received answer")
        client.hub.close(stream)
        client.hub.close(stream)
        #expect(await client.next() == "closed: closed by us")
        #expect(await server.next() == "closed: the peer closed the connection")
        client.stop()
        server.stop()
        #expect(await client.next() == "over")
        #expect(await server.next() == "over")
    }

    @Test func carriesBytesOverTCP() async throws {
        let (server, client) = (Listening(), Listening())
        let listener = try server.hub.listen(.passiveTCP(port: 0, host: "127.0.0.1"))
        let port = try #require(server.hub.port(of: listener))
        let stream = client.hub.connect(.tcp(host: "127.0.0.1", port: port))
        #expect(await client.next() == "connected")
        client.hub.send([104, 105], on: stream)
        #expect(await server.next() == "accepted from tcp:")
        #expect(await server.next() == "received hi")
        #expect(throws: StreamError.self) {
            try client.hub.listen(.passiveTCP(port: port, host: "127.0.0.1"))
        }
        server.stop()
        #expect(await client.next().hasPrefix("closed: "))
        client.stop()
    }

    /// Answers that are given while bytes are delivered take a shorter way than what other threads
    /// send; both arrive in the order in which they were sent.
    @Test func keepsTheOrderOfAnswersAndOfWhatOthersSend() async throws {
        let echo = Echo()
        let client = Listening()
        _ = try echo.hub.listen(.passiveUnix(path: directory.file("s")))
        let stream = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        var heard: [UInt8] = []
        client.hub.send([1], on: stream)
        for round in 1...200 {
            // One answer to what was received in the round before, and one that we send meanwhile.
            if round > 1 { echo.sendFromHere() }
            while heard.count < 2 * round - 1 {
                heard += await client.next().dropFirst("received ".count).utf8
            }
            client.hub.send([UInt8](repeating: 1, count: 1 + round % 3), on: stream)
        }
        while heard.count < 400 { heard += await client.next().dropFirst("received ".count).utf8 }
        #expect(heard == echo.sent)
        client.stop()
        echo.hub.shutdown()
    }

    /// A request to end is answered before the daemon that it ends has closed its socket.
    @Test func sendsWhatItAnsweredBeforeItsEnd() async throws {
        let leaver = Leaver()
        let client = Listening()
        _ = try leaver.hub.listen(.passiveUnix(path: directory.file("s")))
        let stream = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        client.hub.send(Array("exit".utf8), on: stream)
        #expect(await client.next() == "received bye")
        #expect(await client.next() == "closed: the peer closed the connection")
        client.stop()
        leaver.hub.shutdown()
    }

    /// A socket that somebody else made: datagrams come whole, and its maker goes on writing to it.
    @Test func hearsASocketOfSomebodyElse() async throws {
        let listening = Listening()
        var pair: [Int32] = [0, 0]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &pair) == 0)
        let (ours, theirs) = (pair[0], pair[1])
        let first = listening.hub.hear(ours, pieceByteCountMax: 65_536)
        #expect(await listening.next() == "connected")
        for text in ["one", "two", String(repeating: "x", count: 60_000)] {
            try #require(write(theirs, text, text.utf8.count) == text.utf8.count)
        }
        #expect(await listening.next() == "received one")
        #expect(await listening.next() == "received two")
        #expect(await listening.next().utf8.count == "received ".utf8.count + 60_000)
        // To be heard no longer does not close it.
        listening.hub.close(first)
        #expect(await listening.next() == "closed: closed by us")
        #expect(write(ours, "still there", 11) == 11)
        _ = listening.hub.hear(ours, pieceByteCountMax: 65_536)
        #expect(await listening.next() == "connected")
        close(theirs)
        #expect(await listening.next().hasPrefix("closed: "))
        close(ours)
        listening.stop()
    }

    /// Pieces that wait are told together, and then it is said once that all were told; more than
    /// are told in one turn come in the next.
    @Test(.timeLimit(.minutes(1))) func tellsWaitingPiecesTogether() async throws {
        var pair: [Int32] = [0, 0]
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        try #require(socketpair(AF_UNIX, kind, 0, &pair) == 0)
        let (ours, theirs) = (pair[0], pair[1])
        let count = 2 * StreamLimits().piecesPerTurn + 1
        for number in 0..<count {
            try #require(write(theirs, "\(number)", "\(number)".utf8.count) > 0)
        }
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let hub = StreamHub { event in
            if case .received(_, let bytes) = event {
                continuation.yield(String(decoding: bytes, as: UTF8.self))
            }
            return true
        } whenDrained: { continuation.yield("drained") }
        _ = hub.hear(ours, pieceByteCountMax: 1024)
        var (told, turns) = ([String](), 0)
        for await word in stream {
            if word == "drained" { turns += 1 } else { told.append(word) }
            if told.count == count, word == "drained" { break }
        }
        #expect(told == (0..<count).map { "\($0)" })
        #expect(turns == 3)
        hub.shutdown()
        close(theirs)
        close(ours)
    }

    /// What is done after the answers finds them at the other end.
    @Test func saysWhenItHasWrittenTheAnswers() async throws {
        let (words, continuation) = AsyncStream.makeStream(of: String.self)
        let answerer = Answerer { client in
            var bytes = [UInt8](repeating: 0, count: 16)
            let count = recv(client.descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            continuation.yield(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
        }
        let path = directory.file("s")
        _ = try answerer.hub.listen(.passiveUnix(path: path))
        try #require(answerer.client.connect(path))
        try #require(write(answerer.client.descriptor, "ask", 3) == 3)
        var iterator = words.makeAsyncIterator()
        #expect(await iterator.next() == "answer")
        answerer.hub.shutdown()
    }

    @Test func saysWhenADescriptorCannotBeHeard() async {
        let listening = Listening()
        _ = listening.hub.hear(-1, pieceByteCountMax: 1024)
        #expect(await listening.next().hasPrefix("closed: "))
        listening.stop()
    }

    @Test func sendsEverythingBeforeItCloses() async throws {
        let (server, client) = (Listening(), Listening())
        _ = try server.hub.listen(.passiveUnix(path: directory.file("s")))
        _ = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await server.next() == "accepted from unix")
        let stream = try #require(server.last)
        server.hub.send([UInt8](repeating: 7, count: 1 << 20), on: stream)
        server.hub.send([7], on: stream)
        server.hub.close(stream)
        let (byteCount, closedCount) = await client.drain()
        #expect(byteCount == (1 << 20) + 1)
        #expect(closedCount == 1)
        server.stop()
    }

    @Test(arguments: [
        ("nobody", "No such file or directory"),
        (String(repeating: "x", count: 120), "use a shorter directory"),
    ])
    func aFailedConnectionClosesOnce(_ name: String, _ words: String) async {
        let client = Listening()
        _ = client.hub.connect(.unix(path: directory.file(name)))
        let event = await client.next()
        #expect(event.hasPrefix("closed: ") && event.contains(words), "\(event)")
        client.stop()
        #expect(await client.next() == "over")
    }

    @Test func refusesToConnectToAPassiveRemote() async {
        let client = Listening()
        _ = client.hub.connect(.passiveUnix(path: directory.file("s")))
        #expect(await client.next().contains("a place to listen at"))
        client.stop()
    }

    /// A peer that never reads: the bound is reached by unsent bytes, whatever the kernel holds.
    @Test(arguments: [(-1, false), (0, false), (1, true)])
    func closesAPeerThatDoesNotRead(_ beyond: Int, _ isClosed: Bool) async throws {
        var limits = StreamLimits()
        limits.unsentByteCountMax = 4 << 20
        limits.lingerTimeout = .milliseconds(1)
        let server = Listening(limits)
        _ = try server.hub.listen(.passiveUnix(path: directory.file("s")))
        let peer = RawSocket()
        try #require(peer.connect(directory.file("s")))
        #expect(await server.next() == "accepted from unix")
        let stream = try #require(server.last)
        let byteCount = limits.unsentByteCountMax + beyond
        server.hub.send([UInt8](repeating: 1, count: byteCount), on: stream)
        #expect(server.hub.counters.overflowedCount == (isClosed ? 1 : 0))
        server.hub.close(stream)
        let reason = await server.next()
        #expect(reason.contains(isClosed ? "the peer does not read" : "closed by us"), "\(reason)")
        server.stop()
        #expect(await server.next() == "over")
    }

    @Test func refusesMoreStreamsThanAListenerMayHave() async throws {
        var limits = StreamLimits()
        limits.streamsPerListenerMax = 2
        let (server, client) = (Listening(limits), Listening())
        _ = try server.hub.listen(.passiveUnix(path: directory.file("s")))
        let peers = [RawSocket(), RawSocket()]
        for peer in peers {
            try #require(peer.connect(directory.file("s")))
            #expect(await server.next() == "accepted from unix")
        }
        #expect(server.hub.counters.refusedCount == 0)
        _ = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        #expect(await client.next().hasPrefix("closed: "))
        #expect(server.hub.counters.refusedCount == 1)

        shutdown(peers[0].descriptor, Int32(SHUT_RDWR))
        #expect(await server.next().hasPrefix("closed: "))
        _ = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        #expect(await server.next() == "accepted from unix")
        // A release build would otherwise end the second peer after its last use above.
        withExtendedLifetime(peers) {}
        client.stop()
        server.stop()
    }

    /// Eight pieces that each wait for the answer before earn a look; one in vain loses it.
    @Test func looksBeforeItSleepsForAsLongAsThatPays() async throws {
        let echo = Echo(polling: AdaptivePolling(processorCount: 2))
        let client = Listening()
        _ = try echo.hub.listen(.passiveUnix(path: directory.file("s")))
        let stream = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        for (pieces, looks) in [(7, 0), (1, 1), (7, 1), (1, 2)] as [(Int, UInt64)] {
            for _ in 1...pieces {
                client.hub.send([1], on: stream)
                #expect(await client.next().hasPrefix("received "))
            }
            // The answer is written before it looks. In vain, for we send nothing meanwhile.
            while echo.hub.counters.vainLookCount < looks { await Task.yield() }
            #expect(echo.hub.counters.lookCount == looks)
        }
        client.stop()
        echo.hub.shutdown()
    }

    /// Whoever sends several messages at once does not wait for each answer.
    @Test func doesNotLookWhereSeveralMessagesComeInOnePiece() async throws {
        let echo = Echo(polling: AdaptivePolling(processorCount: 2), further: 1)
        let client = Listening()
        _ = try echo.hub.listen(.passiveUnix(path: directory.file("s")))
        let stream = client.hub.connect(.unix(path: directory.file("s")))
        #expect(await client.next() == "connected")
        for _ in 1...20 {
            client.hub.send([1], on: stream)
            #expect(await client.next().hasPrefix("received "))
        }
        client.stop()
        echo.hub.shutdown()
        #expect(echo.hub.counters.lookCount == 0)
    }

    /// While the consumer takes nothing, the peer's writes come to a stop; then nothing is missing.
    @Test func aFullConsumerStopsThePeer() async throws {
        let isOpen = Atomic(false)
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        let hub = StreamHub { event in
            guard case .received(_, let bytes) = event else { return true }
            guard isOpen.load(ordering: .sequentiallyConsistent) else { return false }
            continuation.yield(bytes.count)
            return true
        }
        _ = try hub.listen(.passiveUnix(path: directory.file("s")))
        let peer = RawSocket()
        try #require(peer.connect(directory.file("s")))
        let piece = [UInt8](repeating: 1, count: 65_536)
        var sentByteCount = 0
        // Ends when the kernel takes no more for a second; 64 MiB would mean that nobody stops us.
        var waited = pollfd(fd: peer.descriptor, events: Int16(POLLOUT), revents: 0)
        while sentByteCount < 64 << 20, poll(&waited, 1, 1000) > 0 {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            sentByteCount += max(0, send(peer.descriptor, piece, piece.count, flags))
        }
        #expect(sentByteCount < 8 << 20)
        #expect(hub.counters.pauseCount == 1)
        isOpen.store(true, ordering: .sequentiallyConsistent)
        var receivedByteCount = 0
        for await byteCount in stream {
            receivedByteCount += byteCount
            if receivedByteCount == sentByteCount { break }
        }
        #expect(receivedByteCount == sentByteCount)
        hub.shutdown()
    }
}
