import Streams
import Testing

/// Each text and what it means, or which words its error must have.
@Suite struct RemoteTests {
    @Test(arguments: [
        ("punix:/run/apus/db.sock", Remote.passiveUnix(path: "/run/apus/db.sock")),
        ("unix:a:b", .unix(path: "a:b")),
        ("ptcp:6640", .passiveTCP(port: 6640, host: nil)),
        ("ptcp:0:127.0.0.1", .passiveTCP(port: 0, host: "127.0.0.1")),
        ("ptcp:6640:[::1]", .passiveTCP(port: 6640, host: "::1")),
        ("tcp:10.0.0.1:65535", .tcp(host: "10.0.0.1", port: 65535)),
        ("tcp:[fe80::1]:6653", .tcp(host: "fe80::1", port: 6653)),
        ("pssl:6640", .passiveTLS(port: 6640, host: nil)),
        ("pssl:0:[::1]", .passiveTLS(port: 0, host: "::1")),
        ("ssl:[::1]:6640", .tls(host: "::1", port: 6640)),
        ("tcp:controller.example:6653", .tcp(host: "controller.example", port: 6653)),
    ])
    func readsAndWritesTheSameText(_ text: String, _ remote: Remote) throws {
        #expect(try Remote(parsing: text) == remote)
        #expect(remote.description == text)
    }

    @Test(arguments: [
        ("ptcp:", Remote.passiveTCP(port: 6640, host: nil)),
        ("ptcp::127.0.0.1", .passiveTCP(port: 6640, host: "127.0.0.1")),
        ("tcp:10.0.0.1", .tcp(host: "10.0.0.1", port: 6640)),
        ("tcp:[::1]", .tcp(host: "::1", port: 6640)),
        ("tcp:10.0.0.1:1", .tcp(host: "10.0.0.1", port: 1)),
    ])
    func takesTheDefaultPort(_ text: String, _ remote: Remote) throws {
        #expect(try Remote(parsing: text, defaultPort: 6640) == remote)
    }

    @Test(arguments: [
        ("", "no method"), ("db.sock", "no method"), ("http:x", "method is unknown"),
        ("ssl:10.0.0.1:", "port is missing"), ("pssl:65536", "from 0 to 65535"),
        ("unix:", "path of the socket is missing"), ("punix:", "path of the socket is missing"),
        ("unix:a\u{0}b", "zero byte"),
        ("punix:/" + String(repeating: "x", count: 107), "108 bytes"),
        ("ptcp:", "port is missing"), ("ptcp:-1", "from 0 to 65535"),
        ("ptcp:65536", "from 0 to 65535"), ("ptcp:+1", "from 0 to 65535"),
        ("ptcp:1:h:3:4", "square brackets"), ("ptcp:1:h:3", "METHOD:PORT:HOST"),
        ("ptcp:1:", "host is missing"), ("tcp:", "host is missing"), ("tcp::1", "host is missing"),
        ("tcp:h", "port is missing"), ("tcp:h:", "port is missing"), ("tcp:h:0", "port 0"),
        ("tcp:fe80::1:6640", "square brackets"), ("tcp:[fe80::1:6640", "closing ]"),
        ("tcp:[::1]6640", "may follow the ]"),
    ])
    func refusesAndNamesTheFix(_ text: String, _ words: String) {
        let error = #expect(throws: RemoteError.self) { try Remote(parsing: text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.text == text)
    }

    @Test func thePathMayHave107Bytes() throws {
        let path = "/" + String(repeating: "x", count: 106)
        #expect(try Remote(parsing: "unix:" + path) == .unix(path: path))
    }
}
