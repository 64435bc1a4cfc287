// Where a stream comes from or goes to, in the words that Open vSwitch's users type.

/// The name of a place to listen at or to connect to. ovsdb(7), "Connection Methods".
///
///     punix:PATH        listen on a unix socket      unix:PATH       connect to one
///     ptcp:PORT[:HOST]  listen on TCP                tcp:HOST:PORT   connect by TCP
///     pssl:PORT[:HOST]  listen, and speak TLS        ssl:HOST:PORT   connect by TLS
///
/// A host that is an IPv6 address stands in square brackets.
public enum Remote: Hashable, Sendable {
    case passiveUnix(path: String)
    case unix(path: String)
    /// Port 0 lets the kernel choose. No host means every IPv4 address of the machine.
    case passiveTCP(port: UInt16, host: String?)
    case tcp(host: String, port: UInt16)
    /// As `passiveTCP`, with the hub's keys.
    case passiveTLS(port: UInt16, host: String?)
    case tls(host: String, port: UInt16)

    /// - Parameters:
    ///   - text: As above.
    ///   - defaultPort: The port of `ptcp:` and `tcp:HOST` that name none: 6640 for a database,
    ///     6653 for OpenFlow, `nil` where one must be given.
    /// - Throws: A `RemoteError` whose text names the fix.
    public init(parsing text: String, defaultPort: UInt16? = nil) throws(RemoteError) {
        guard let colon = text.firstIndex(of: ":") else {
            throw RemoteError(text: text, problem: "it names no method; \(Self.methods)")
        }
        let rest = text[text.index(after: colon)...]
        switch text[..<colon] {
        case "punix": self = .passiveUnix(path: try Self.path(rest, in: text))
        case "unix": self = .unix(path: try Self.path(rest, in: text))
        case "ptcp":
            let (port, host) = try Self.passive(rest, in: text, defaultPort)
            self = .passiveTCP(port: port, host: host)
        case "pssl":
            let (port, host) = try Self.passive(rest, in: text, defaultPort)
            self = .passiveTLS(port: port, host: host)
        case "tcp":
            let (host, port) = try Self.active(rest, in: text, defaultPort)
            self = .tcp(host: host, port: port)
        case "ssl":
            let (host, port) = try Self.active(rest, in: text, defaultPort)
            self = .tls(host: host, port: port)
        default:
            throw RemoteError(text: text, problem: "its method is unknown; \(Self.methods)")
        }
    }

    /// Whether one listens here, rather than connects.
    public var isPassive: Bool {
        switch self {
        case .passiveUnix, .passiveTCP, .passiveTLS: true
        case .unix, .tcp, .tls: false
        }
    }

    /// Whether the peer proves who it is, and nobody between reads along.
    public var usesTLS: Bool {
        switch self {
        case .passiveTLS, .tls: true
        case .passiveUnix, .unix, .passiveTCP, .tcp: false
        }
    }

    /// Whether the peer can vanish without a word, so that one has to ask now and then.
    public var canFallSilent: Bool {
        switch self {
        case .passiveUnix, .unix: false
        case .passiveTCP, .tcp, .passiveTLS, .tls: true
        }
    }

    private static let methods =
        "use punix:PATH, unix:PATH, ptcp:PORT[:HOST], tcp:HOST:PORT, pssl:PORT[:HOST] or "
        + "ssl:HOST:PORT"

    private static func path(_ rest: Substring, in text: String) throws(RemoteError) -> String {
        guard !rest.isEmpty else {
            throw RemoteError(text: text, problem: "the path of the socket is missing")
        }
        guard !rest.utf8.contains(0) else {
            throw RemoteError(text: text, problem: "the path contains a zero byte")
        }
        guard rest.utf8.count <= unixSocketPathByteCountMax else {
            throw RemoteError(text: text, problem: Self.pathIsTooLong(String(rest)))
        }
        return String(rest)
    }

    static func pathIsTooLong(_ path: String) -> String {
        "the path has \(path.utf8.count) bytes, and Linux allows "
            + "\(unixSocketPathByteCountMax); use a shorter directory"
    }

    private static func passive(
        _ rest: Substring, in text: String, _ defaultPort: UInt16?
    ) throws(RemoteError) -> (port: UInt16, host: String?) {
        let colon = rest.firstIndex(of: ":")
        let port = try Self.port(rest[..<(colon ?? rest.endIndex)], in: text, defaultPort)
        guard let colon else { return (port, nil) }
        let (host, left) = try Self.host(rest[rest.index(after: colon)...], in: text)
        guard left == nil else {
            throw RemoteError(text: text, problem: "write it as METHOD:PORT:HOST")
        }
        return (port, host)
    }

    private static func active(
        _ rest: Substring, in text: String, _ defaultPort: UInt16?
    ) throws(RemoteError) -> (host: String, port: UInt16) {
        let (host, left) = try Self.host(rest, in: text)
        let port = try Self.port(left ?? "", in: text, defaultPort)
        guard port > 0 else {
            throw RemoteError(text: text, problem: "nobody can be reached at port 0")
        }
        return (host, port)
    }

    /// Splits `HOST[:REST]`, where HOST may be in square brackets.
    private static func host(
        _ rest: Substring, in text: String
    ) throws(RemoteError) -> (host: String, left: Substring?) {
        var host = rest
        var left: Substring?
        if rest.first == "[" {
            guard let bracket = rest.firstIndex(of: "]") else {
                throw RemoteError(text: text, problem: "the closing ] is missing")
            }
            host = rest[rest.index(after: rest.startIndex)..<bracket]
            let after = rest[rest.index(after: bracket)...]
            guard after.isEmpty || after.first == ":" else {
                throw RemoteError(text: text, problem: "only :PORT may follow the ]")
            }
            left = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = rest.firstIndex(of: ":") {
            host = rest[..<colon]
            left = rest[rest.index(after: colon)...]
            guard left?.contains(":") == false else {
                throw RemoteError(
                    text: text, problem: "write an IPv6 address in square brackets")
            }
        }
        guard !host.isEmpty else {
            throw RemoteError(text: text, problem: "the host is missing")
        }
        return (String(host), left)
    }

    private static func port(
        _ word: Substring, in text: String, _ defaultPort: UInt16?
    ) throws(RemoteError) -> UInt16 {
        if word.isEmpty, let defaultPort { return defaultPort }
        guard !word.isEmpty else {
            throw RemoteError(text: text, problem: "the port is missing")
        }
        guard word.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(word) else {
            throw RemoteError(text: text, problem: "a port is a number from 0 to 65535")
        }
        return port
    }
}

extension Remote: CustomStringConvertible {
    /// The text that `init(parsing:)` reads.
    public var description: String {
        switch self {
        case .passiveUnix(let path): "punix:\(path)"
        case .unix(let path): "unix:\(path)"
        case .passiveTCP(let port, nil): "ptcp:\(port)"
        case .passiveTCP(let port, let host?): "ptcp:\(port):\(Self.bracketed(host))"
        case .tcp(let host, let port): "tcp:\(Self.bracketed(host)):\(port)"
        case .passiveTLS(let port, nil): "pssl:\(port)"
        case .passiveTLS(let port, let host?): "pssl:\(port):\(Self.bracketed(host))"
        case .tls(let host, let port): "ssl:\(Self.bracketed(host)):\(port)"
        }
    }

    private static func bracketed(_ host: String) -> String {
        host.contains(":") ? "[\(host)]" : host
    }
}

/// Why a text is no remote. Its description is a sentence that names the text and the fix.
public struct RemoteError: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public let problem: String

    public var description: String { "\"\(text)\" is no remote: \(problem)" }
}
