import Glibc
import OpenFlow

// One OpenFlow connection to a bridge's management socket, as plain as can be: what is measured is
// the switch at its other end.

struct OpenFlowClient: ~Copyable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let descriptor: Int32
    private var framing = OpenFlowFraming()
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    let dialect = OpenFlowDialect(.v13)

    /// Connects, and agrees on OpenFlow 1.3.
    init(socket path: String) throws {
        descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let octets = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard octets.count <= room else { throw Failure(description: "\(path) is too long") }
        // Safe: no more bytes than there is room for, and a zero behind them.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: octets)
        }
        // Safe: the address lives through the call, and its size is its own.
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "\(path): errno \(errno)") }
        try send(OpenFlowMessage(xid: 1, .hello(OpenFlowVersions([.v13]))))
        _ = try receive()
    }

    deinit { close(descriptor) }

    mutating func send(_ message: OpenFlowMessage) throws { try send(dialect.encode(message)) }

    /// Sends messages that are already written. Reads what comes meanwhile, so that neither end
    /// waits for the other for ever.
    mutating func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            var events = Int16(POLLOUT | POLLIN)
            events = try wait(events, milliseconds: 60_000)
            if events & Int16(POLLIN) != 0 { try read() }
            guard events & Int16(POLLOUT) != 0 else { continue }
            // Safe: the array's own bytes from `sent` on, during the call.
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress.unsafelyUnwrapped + sent, bytes.count - sent,
                    Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            guard count > 0 || errno == EAGAIN else {
                throw Failure(description: "the switch hung up")
            }
            sent += max(count, 0)
        }
    }

    /// The next message; nil: none came in time.
    mutating func receive(milliseconds: Int32 = 60_000) throws -> OpenFlowMessage? {
        while true {
            if let bytes = try framing.next() {
                let message = try dialect.decode(bytes)
                if case .echoRequest(let data) = message.body {
                    try send(OpenFlowMessage(xid: message.xid, .echoReply(data)))
                    continue
                }
                return message
            }
            guard try wait(Int16(POLLIN), milliseconds: milliseconds) != 0 else { return nil }
            try read()
        }
    }

    /// Waits until the switch has done everything so far.
    mutating func barrier() throws {
        try send(OpenFlowMessage(xid: 0xbbbb, .barrierRequest))
        while let message = try receive() {
            switch message.body {
            case .barrierReply where message.xid == 0xbbbb: return
            case .error(let report): throw Failure(description: "refused: \(report)")
            default: break
            }
        }
        throw Failure(description: "no barrier reply in a minute")
    }

    private func wait(_ events: Int16, milliseconds: Int32) throws -> Int16 {
        var poll = pollfd(fd: descriptor, events: events, revents: 0)
        // Safe: one entry, which lives through the call.
        guard unsafe Glibc.poll(&poll, 1, milliseconds) >= 0 else {
            throw Failure(description: "poll: errno \(errno)")
        }
        return poll.revents
    }

    private mutating func read() throws {
        // Safe: the chunk's own bytes.
        let count = unsafe recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { throw Failure(description: "the switch hung up") }
        framing.feed(chunk[..<count])
    }
}
