// A stream for a program that has nothing else to do but wait for it: a command-line tool.
//
// Everything it does ends by one deadline, so no tool hangs; and every error names the daemon that
// was waited for, since "connection refused" alone helps nobody. A unix socket or a TCP address is
// waited for by this thread itself, because people feel how long a tool takes to start a second.

import Glibc
import Timekeeping

public final class StreamClient {
    /// Whom to blame in errors: "ovs-vswitchd".
    public let daemon: String
    public let remote: Remote
    private let timeout: Duration?
    private let way: Way

    private enum Way {
        case socket(SocketClient)
        case hub(HubClient)
    }

    /// Connects, or throws by the deadline.
    ///
    /// - Parameters:
    ///   - daemon: The name to use in errors.
    ///   - timeout: For connecting and everything after it together; `nil` waits for ever.
    ///   - tls: Keys and certificates for `ssl:`.
    public init(
        connectingTo remote: Remote, of daemon: String, timeout: Duration?, tls: TLSFiles? = nil
    ) throws(StreamClientError) {
        self.daemon = daemon
        self.remote = remote
        self.timeout = timeout
        if let address = SocketAddress(remote) {
            do throws(SocketClient.End) {
                way = .socket(try SocketClient(connectingTo: address, timeout: timeout))
            } catch {
                throw Self.error(error, daemon, remote, timeout)
            }
        } else {
            way = .hub(try Self.connect(remote, daemon, timeout, tls))
        }
    }

    /// Sends without waiting for the peer to read.
    public func send(_ bytes: [UInt8]) {
        switch way {
        case .socket(let socket): socket.send(bytes)
        case .hub(let hub): hub.send(bytes)
        }
    }

    /// The next bytes, however many have come.
    ///
    /// - Throws: `.closed` if the peer ended the stream, `.timedOut` at the deadline.
    public func receive() throws(StreamClientError) -> [UInt8] {
        switch way {
        case .socket(let socket):
            do throws(SocketClient.End) {
                return try socket.receive()
            } catch {
                throw Self.error(error, daemon, remote, timeout)
            }
        case .hub(let hub):
            guard case .received(_, let bytes) = try Self.next(hub, daemon, remote, timeout) else {
                preconditionFailure("a stream connected twice")
            }
            return bytes
        }
    }

    /// Connects by a hub. A first connection whose only fruit is the authority's certificate
    /// (`TLSFiles.bootstrapsAuthority`) is followed by one that relies on it.
    private static func connect(
        _ remote: Remote, _ daemon: String, _ timeout: Duration?, _ tls: TLSFiles?
    ) throws(StreamClientError) -> HubClient {
        let start = ContinuousClock.now
        let bootstraps = tls?.awaitsAuthority ?? false
        let client = HubClient(connectingTo: remote, timeout: timeout, tls: tls)
        do throws(StreamClientError) {
            _ = try next(client, daemon, remote, timeout)
            return client
        } catch {
            guard bootstraps, tls?.awaitsAuthority == false, case .closed = error else {
                throw error
            }
            let left = timeout.map { max($0 - (ContinuousClock.now - start), .milliseconds(1)) }
            return try connect(remote, daemon, left, tls)
        }
    }

    private static func next(
        _ hub: HubClient, _ daemon: String, _ remote: Remote, _ timeout: Duration?
    ) throws(StreamClientError) -> StreamEvent {
        switch hub.next() {
        case nil: throw error(.timedOut, daemon, remote, timeout)
        case .closed(_, let reason): throw error(.closed(reason), daemon, remote, timeout)
        case let event?: return event
        }
    }

    private static func error(
        _ end: SocketClient.End, _ daemon: String, _ remote: Remote, _ timeout: Duration?
    ) -> StreamClientError {
        switch end {
        case .closed(let reason): .closed(daemon: daemon, remote: remote, reason: reason)
        case .timedOut: .timedOut(daemon: daemon, remote: remote, after: timeout ?? .zero)
        }
    }
}

/// Why a tool could not talk to a daemon.
public enum StreamClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody answered there, or the peer ended the stream.
    case closed(daemon: String, remote: Remote, reason: String)
    /// The daemon is there, but did not do what was asked in time.
    case timedOut(daemon: String, remote: Remote, after: Duration)

    public var description: String {
        switch self {
        case .closed(let daemon, let remote, let reason):
            "cannot talk to \(daemon) at \(remote): \(reason)"
        case .timedOut(let daemon, let remote, let timeout):
            "\(daemon) at \(remote) did not answer within \(timeout.inSeconds) s"
        }
    }
}
