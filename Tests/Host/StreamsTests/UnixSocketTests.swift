import Glibc
import Streams
import Testing

/// What may stand where a unix socket is to be made.
@Suite struct UnixSocketTests {
    let directory = TemporaryDirectory()
    let hub = StreamHub { _ in true }

    private func listen(_ name: String) throws {
        _ = try hub.listen(.passiveUnix(path: directory.file(name)))
    }

    private func mode(_ name: String) -> mode_t? {
        var status = stat()
        return stat(directory.file(name), &status) == 0 ? status.st_mode : nil
    }

    @Test func aSocketIsForOwnerAndGroupAndGoesWithTheHub() throws {
        try listen("s")
        #expect(mode("s") == S_IFSOCK | 0o660)
        hub.shutdown()
        #expect(mode("s") == nil)
    }

    @Test func aStaleSocketIsReplaced() throws {
        do {
            let dead = RawSocket()
            try #require(dead.bind(directory.file("s")))
        }
        try #require(mode("s") != nil)
        try listen("s")
        #expect(RawSocket().connect(directory.file("s")))
        hub.shutdown()
    }

    @Test func aLiveSocketIsRefusedAndKept() throws {
        let live = RawSocket()
        try #require(live.bind(directory.file("s")) && live.listen())
        let error = #expect(throws: StreamError.self) { try listen("s") }
        #expect(error == .addressInUse(.passiveUnix(path: directory.file("s"))))
        hub.shutdown()
        #expect(RawSocket().connect(directory.file("s")))
    }

    @Test func anotherFileIsRefusedAndKept() throws {
        close(creat(directory.file("f"), 0o600))
        let error = #expect(throws: StreamError.self) { try listen("f") }
        #expect(error?.description.contains("no socket") == true)
        #expect(mode("f") != nil)
        hub.shutdown()
    }

    @Test(arguments: [
        ("nowhere/s", "No such file or directory"),
        (String(repeating: "x", count: 120), "use a shorter directory"),
    ])
    func aBadPathIsRefused(_ name: String, _ words: String) {
        let error = #expect(throws: StreamError.self) { try listen(name) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        hub.shutdown()
    }

    @Test func anActiveRemoteIsRefused() {
        let remote = Remote.unix(path: directory.file("s"))
        let error = #expect(throws: StreamError.self) { try hub.listen(remote) }
        #expect(error == .notPassive(remote))
        hub.shutdown()
    }

    @Test func onlyTheOwnFileIsRemoved() throws {
        try listen("s")
        unlink(directory.file("s"))
        let other = RawSocket()
        try #require(other.bind(directory.file("s")))
        hub.shutdown()
        #expect(mode("s") != nil)
    }

    @Test func aClosedListenerMakesRoom() throws {
        let listener = try hub.listen(.passiveUnix(path: directory.file("s")))
        hub.closeListener(listener)
        #expect(mode("s") == nil)
        try listen("s")
        hub.shutdown()
    }
}
