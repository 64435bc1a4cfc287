import Streams
import Testing

/// The blocking client: it answers or throws, and never waits longer than it may.
@Suite(.timeLimit(.minutes(1))) struct StreamClientTests {
    let directory = TemporaryDirectory()

    @Test func asksAndIsAnswered() async throws {
        let server = Listening()
        let path = directory.file("s")
        _ = try server.hub.listen(.passiveUnix(path: path))
        let client = try StreamClient(
            connectingTo: .unix(path: path), of: "test", timeout: .seconds(30))
        client.send(Array("question".utf8))
        #expect(await server.next() == "accepted from unix")
        #expect(await server.next() == "received question")
        server.hub.send(Array("answer".utf8), on: try #require(server.last))
        #expect(try client.receive() == Array("answer".utf8))
        server.stop()
        for _ in 1...2 {
            let error = #expect(throws: StreamClientError.self) { try client.receive() }
            guard case .closed("test", .unix(path), _)? = error else {
                Issue.record("\(error?.description ?? "no error")")
                return
            }
        }
    }

    @Test func namesTheDaemonThatIsNotThere() {
        let remote = Remote.unix(path: directory.file("nobody"))
        let error = #expect(throws: StreamClientError.self) {
            try StreamClient(connectingTo: remote, of: "ovsdb-server", timeout: .seconds(30))
        }
        #expect(
            error
                == .closed(
                    daemon: "ovsdb-server", remote: remote, reason: "No such file or directory"))
    }

    @Test func givesUpOnADaemonThatIsMute() throws {
        let mute = RawSocket()
        let path = directory.file("s")
        try #require(mute.bind(path) && mute.listen())
        let client = try StreamClient(
            connectingTo: .unix(path: path), of: "mute", timeout: .milliseconds(20))
        client.send([1])
        for _ in 1...2 {
            let error = #expect(throws: StreamClientError.self) { try client.receive() }
            let expected = StreamClientError.timedOut(
                daemon: "mute", remote: .unix(path: path), after: .milliseconds(20))
            #expect(error == expected)
        }
    }
}
