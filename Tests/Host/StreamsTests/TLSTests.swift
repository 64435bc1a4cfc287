import Glibc
import Testing

@testable import Streams

/// Hubs and clients that speak TLS to each other: who is believed, who is refused, and what both
/// are told.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    let directory = TemporaryDirectory()

    /// A server that shows `certificate` and believes `authority`, and its port.
    private func server(_ files: TLSFiles?) throws -> (Listening, UInt16) {
        let server = Listening()
        server.hub.useTLS(files)
        let listener = try server.hub.listen(.passiveTLS(port: 0, host: "127.0.0.1"))
        return (server, try #require(server.hub.port(of: listener)))
    }

    @Test func bothEndsShowWhoTheyAre() async throws {
        let files = TestCertificates.trusted(in: directory)
        let (server, port) = try server(files)
        let client = Listening()
        client.hub.useTLS(files)
        let stream = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        client.hub.send(Array("early".utf8), on: stream)
        #expect(await client.next() == "connected")
        #expect(await server.next() == "accepted from ssl:")
        #expect(await server.next() == "received early")
        server.hub.send(Array("answer".utf8), on: try #require(server.last))
        #expect(await client.next() == "received answer")
        client.hub.close(stream)
        #expect(await client.next() == "closed: closed by us")
        #expect(await server.next() == "closed: the peer closed the connection")
        client.stop()
        server.stop()
    }

    @Test func aStrangerIsRefusedAndTold() async throws {
        let (server, port) = try server(TestCertificates.trusted(in: directory))
        let client = Listening()
        client.hub.useTLS(TestCertificates.stranger(in: directory))
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(
            await server.next()
                == "distrusted: the TLS handshake failed: certificate verify failed")
        // With TLS 1.3 a client may be through before it hears that it is not believed.
        var told = await client.next()
        if told == "connected" { told = await client.next() }
        #expect(told.hasPrefix("closed: "))
        #expect(server.hub.counters.distrustedCount == 1)
        #expect(server.hub.counters.acceptedCount == 1)
        client.stop()
        server.stop()
    }

    @Test func aServerNobodyVouchesForIsNotSpokenTo() async throws {
        let (server, port) = try server(TestCertificates.stranger(in: directory))
        let client = Listening()
        client.hub.useTLS(TestCertificates.trusted(in: directory))
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(
            await client.next() == "closed: the TLS handshake failed: certificate verify failed")
        client.stop()
        server.stop()
    }

    @Test func whoeverSpeaksPlainlyIsRefused() async throws {
        let (server, port) = try server(TestCertificates.trusted(in: directory))
        let client = try StreamClient(
            connectingTo: .tcp(host: "127.0.0.1", port: port), of: "test", timeout: .seconds(30))
        client.send(Array("GET / HTTP/1.0\r\n\r\n".utf8))
        #expect(await server.next().hasPrefix("distrusted: the TLS handshake failed"))
        server.stop()
    }

    @Test func silenceIsNoHandshake() async throws {
        var limits = StreamLimits()
        limits.handshakeTimeout = .milliseconds(20)
        let server = Listening(limits)
        server.hub.useTLS(TestCertificates.trusted(in: directory))
        let listener = try server.hub.listen(.passiveTLS(port: 0, host: "127.0.0.1"))
        let port = try #require(server.hub.port(of: listener))
        let mute = try StreamClient(
            connectingTo: .tcp(host: "127.0.0.1", port: port), of: "test", timeout: .seconds(30))
        #expect(await server.next() == "distrusted: no TLS handshake within 0.02 s")
        withExtendedLifetime(mute) {}
        server.stop()
    }

    @Test func withoutFilesNothingIsSpoken() async throws {
        let (server, port) = try server(nil)
        let client = Listening()
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(await client.next().hasPrefix("closed: TLS needs a private key"))
        client.hub.useTLS(TestCertificates.trusted(in: directory))
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(await server.next().hasPrefix("distrusted: TLS needs a private key"))
        client.stop()
        server.stop()
    }

    @Test func aChangedFileIsReadAgain() async throws {
        let (server, port) = try server(TestCertificates.stranger(in: directory))
        let client = Listening()
        client.hub.useTLS(TestCertificates.trusted(in: directory))
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(await client.next().hasPrefix("closed: "))
        _ = directory.write(TestCertificates.key, to: "stranger-key.pem")
        _ = directory.write(TestCertificates.certificate, to: "stranger.pem")
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(await client.next() == "connected")
        client.stop()
        server.stop()
    }

    /// The first connection brings the authority's certificate, the second relies on it.
    @Test func aToolLearnsTheAuthority() async throws {
        var files = TestCertificates.trusted(in: directory)
        files.shownAuthority = files.authority
        let (server, port) = try server(files)
        var learning = files
        learning.authority = directory.file("learned.pem")
        learning.bootstrapsAuthority = true
        #expect(learning.awaitsAuthority)
        let client = try StreamClient(
            connectingTo: .tls(host: "127.0.0.1", port: port), of: "test", timeout: .seconds(30),
            tls: learning)
        #expect(!learning.awaitsAuthority)
        #expect(directory.read("learned.pem") == TestCertificates.authority)
        client.send(Array("hi".utf8))
        #expect(await server.next().hasPrefix("distrusted: "))
        #expect(await server.next() == "accepted from ssl:")
        #expect(await server.next() == "received hi")
        server.stop()
    }

    @Test func anAuthorityThatIsNotShownCannotBeLearned() async throws {
        var files = TestCertificates.trusted(in: directory)
        let (server, port) = try server(files)
        files.authority = directory.file("learned.pem")
        files.bootstrapsAuthority = true
        let client = Listening()
        client.hub.useTLS(files)
        _ = client.hub.connect(.tls(host: "127.0.0.1", port: port))
        #expect(await client.next().contains("did not show its authority's certificate"))
        #expect(files.awaitsAuthority)
        client.stop()
        server.stop()
    }

    @Test(arguments: [
        (nil, "1.2 to 1.3"), ("TLSv1.2", "1.2 to 1.2"), ("TLSv1.3", "1.3 to 1.3"),
        ("TLSv1.2,TLSv1.3", "1.2 to 1.3"), ("TLSv1,TLSv1.1 TLSv1.2", "1.2 to 1.2"),
        ("TLSv1.2+", "1.2 to 1.3"), ("TLSv1,TLSv1.1", "refused"), ("SSLv3", "refused"),
        ("", "refused"),
    ])
    func nothingOlderThan12IsSpoken(_ text: String?, _ expected: String) {
        let name: String
        do throws(TLSFilesError) {
            let versions = try TLSVersions(parsing: text)
            name =
                (versions.minimum == .tlsv12 ? "1.2" : "1.3") + " to "
                + (versions.maximum == .tlsv12 ? "1.2" : "1.3")
        } catch {
            name = "refused"
        }
        #expect(name == expected)
    }

    @Test func everyTruncatedCertificateIsNotSelfIssued() throws {
        let lines = TestCertificates.authority.split(separator: "\n").dropFirst().dropLast()
        let bytes = try #require(Self.base64(lines.joined()))
        #expect(AuthorityBootstrap.isSelfIssued(bytes))
        #expect(AuthorityBootstrap.pem(bytes) == TestCertificates.authority)
        for count in bytes.indices {
            #expect(!AuthorityBootstrap.isSelfIssued(Array(bytes.prefix(count))))
        }
        let leaf = TestCertificates.certificate.split(separator: "\n").dropFirst().dropLast()
        #expect(!AuthorityBootstrap.isSelfIssued(try #require(Self.base64(leaf.joined()))))
    }

    private static func base64(_ text: String) -> [UInt8]? {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bytes: [UInt8] = []
        var (bits, count) = (0, 0)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let digit = digits.firstIndex(of: byte) else { return nil }
            bits = bits << 6 | digit
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
        return bytes
    }
}
