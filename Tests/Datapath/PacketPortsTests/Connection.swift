// A TCP connection between two network namespaces, and a transfer over it on two threads of its
// own, while the caller relays its packets.

import Glibc
import Synchronization
import Testing

final class Connection: Sendable {
    private struct State {
        var runningCount = 2
        var problems: [String] = []
    }
    private let state = Mutex(State())

    /// Starts to send `byteCount` bytes from one address to the other, which answers with 4 bytes
    /// when it has got them all and found them right.
    init(
        from client: NetworkNamespace, _ clientAddress: String, to server: NetworkNamespace,
        _ serverAddress: String, byteCount: Int
    ) throws {
        let listener = try server.run { try Self.listen(serverAddress) }
        start {
            defer { close(listener) }
            guard waitUntilReadable(listener, milliseconds: 10_000) else { return "no connection" }
            let connection = accept(listener, nil, nil)
            defer { close(connection) }
            var received = 0
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while received < byteCount {
                guard waitUntilReadable(connection, milliseconds: 10_000) else {
                    return "silence after \(received) bytes"
                }
                let count = read(connection, &buffer, min(buffer.count, byteCount - received))
                guard count > 0 else { return "end after \(received) bytes: \(errno)" }
                for index in 0..<count where buffer[index] != Self.octet(received + index) {
                    return "byte \(received + index) is wrong"
                }
                received += count
            }
            return write(connection, "done", 4) == 4 ? nil : "no answer sent"
        }
        let socket = try client.run { try Self.plainSocket() }
        start {
            defer { close(socket) }
            guard Self.connect(socket, serverAddress) else { return "connect: \(errno)" }
            var sent = 0
            while sent < byteCount {
                let octets = (sent..<min(byteCount, sent + 1 << 16)).map(Self.octet)
                let count = write(socket, octets, octets.count)
                guard count > 0 else { return "send after \(sent) bytes: \(errno)" }
                sent += count
            }
            var answer: [UInt8] = [0, 0, 0, 0]
            guard waitUntilReadable(socket, milliseconds: 10_000) else { return "no answer" }
            return read(socket, &answer, 4) == 4 ? nil : "half an answer"
        }
    }

    var isFinished: Bool { state.withLock { $0.runningCount == 0 } }

    func check() throws {
        let problems = state.withLock { $0.problems }
        #expect(problems == [])
    }

    /// Not periodic in any frame's length.
    private static func octet(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (index &* 0x9e37_79b1) >> 13)
    }

    private func start(_ body: @escaping @Sendable () -> String?) {
        final class Task {
            let body: () -> Void
            init(_ body: @escaping () -> Void) { self.body = body }
        }
        let task = Task { [self] in
            let problem = body()
            state.withLock {
                $0.runningCount -= 1
                if let problem { $0.problems.append(problem) }
            }
        }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Task>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(task).toOpaque())
        precondition(result == 0)
        pthread_detach(thread)
    }

    private static let port: UInt16 = 5001

    private static func plainSocket() throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Refused(description: "socket: \(errno)") }
        return descriptor
    }

    private static func withAddress<Result>(
        _ text: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, text, &address.sin_addr)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func listen(_ address: String) throws -> CInt {
        let descriptor = try plainSocket()
        guard withAddress(address, { bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, 1) == 0
        else { throw Refused(description: "listen on \(address): \(errno)") }
        return descriptor
    }

    private static func connect(_ descriptor: CInt, _ address: String) -> Bool {
        withAddress(address) { Glibc.connect(descriptor, $0, $1) } == 0
    }
}
