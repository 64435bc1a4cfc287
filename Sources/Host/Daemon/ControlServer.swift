// The control socket: what `ovs-appctl` talks to.
//
// A request is one JSON-RPC call whose parameters are strings; the answer is one text. What every
// daemon can answer (its commands, its version, its logging, its end) is answered here, on the
// hub's thread. Everything else goes to the machine, which answers when it likes.

public import DatabaseProtocol
import Glibc
import Logging
public import Streams
import Synchronization

public final class ControlServer: Sendable {
    /// Largest request in bytes; a longer one ends its connection.
    public static let requestByteCountMax = 1 << 20

    private let name: String
    private let log: Log
    private let commands: [String: ControlCommand]
    /// Names of commands that are answered here.
    private let own: Set<String>
    private let deliver: @Sendable (ControlRequest) -> Bool
    private let hub = Mutex<StreamHub?>(nil)
    private let connections = Mutex<[StreamID: Connection]>([:])

    private struct Connection {
        var input = JSONStream(messageByteCountMax: ControlServer.requestByteCountMax)
        var wantsJSON = false
    }

    /// Listens on the daemon's control socket, if it is to have one.
    ///
    /// - Parameters:
    ///   - commands: What the machine answers. One of the same name as one of ours replaces ours.
    ///   - sharing: A hub whose thread to use; it must be shut down after `close` was called here.
    ///   - deliver: Called on the hub's thread. `false` means that the request was not taken, and
    ///     the client is told that the daemon is busy. Whoever takes a request answers it, once.
    public convenience init(
        of process: DaemonProcess, commands: [ControlCommand], sharing other: StreamHub? = nil,
        deliver: @escaping @Sendable (ControlRequest) -> Bool
    ) throws(DaemonError) {
        try self.init(
            name: process.name, log: process.log, path: process.controlSocketPath,
            commands: commands, sharing: other, deliver: deliver)
        process.hasControlSocket = true
    }

    init(
        name: String, log: Log, path: String?, commands: [ControlCommand],
        sharing other: StreamHub? = nil, deliver: @escaping @Sendable (ControlRequest) -> Bool
    ) throws(DaemonError) {
        self.name = name
        self.log = log
        self.deliver = deliver
        self.commands = Dictionary(
            (ControlCommand.standard + commands).map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        own = Set(ControlCommand.standard.map(\.name)).subtracting(commands.map(\.name))
        guard let path else { return }
        let hub = StreamHub(sharing: other) { [weak self] in
            self?.receive($0)
            return true
        }
        self.hub.withLock { $0 = hub }
        do throws(StreamError) {
            _ = try hub.listen(.passiveUnix(path: path))
        } catch {
            hub.shutdown()
            throw DaemonError("no control socket: \(error)")
        }
    }

    /// Ends the control socket and removes its file. Answers given before it are sent.
    public func close() { hub.withLock { $0 }?.shutdown() }

    /// Answers a request; a line feed is added if the text is not empty and has none at its end. If
    /// the client is gone, nothing happens.
    public func reply(_ text: String, to request: ControlRequest) {
        let text = Self.line(text)
        let plain: JSON = ["reply": .string(text), "reply-format": "plain"]
        answer(.reply(result: request.wantsJSON ? plain : .string(text), id: request.id), request)
    }

    /// Answers a request of a client that `wantsJSON`; others get it as text.
    public func reply(json: JSON, to request: ControlRequest) {
        answer(
            .reply(
                result: request.wantsJSON ? json : .string(Self.line(json.text)), id: request.id),
            request)
    }

    /// Answers that it could not be done, and why: `ovs-appctl` prints that and exits with 2.
    public func fail(_ text: String, _ request: ControlRequest) {
        answer(.failure(error: .string(Self.line(text)), id: request.id), request)
    }

    private static func line(_ text: String) -> String {
        text.isEmpty || text.last == "\n" ? text : text + "\n"
    }

    private func answer(_ message: RPCMessage, _ request: ControlRequest) {
        hub.withLock { $0 }?.send(message.bytes, on: request.stream)
    }

    // MARK: On the hub's thread

    private func receive(_ event: StreamEvent) {
        switch event {
        case .accepted(let stream, _, _):
            connections.withLock { $0[stream] = Connection() }
        case .received(let stream, let bytes):
            connections.withLock { $0[stream]?.input.append(bytes) }
            takeRequests(from: stream)
        case .closed(let stream, _):
            connections.withLock { $0[stream] = nil }
        case .connected, .distrusted:
            break  // Never: this hub opens no connection, and speaks no TLS.
        }
    }

    private func takeRequests(from stream: StreamID) {
        do {
            while let json = try connections.withLock({ try $0[stream]?.input.next() }) {
                guard
                    case .request(let method, let parameters, let id) =
                        try RPCMessage(parsing: json)
                else { continue }
                let wantsJSON = connections.withLock { $0[stream]?.wantsJSON ?? false }
                handle(
                    ControlRequest(
                        command: method, arguments: parameters.compactMap(\.string), id: id,
                        wantsJSON: wantsJSON, stream: stream),
                    isOfStrings: parameters.allSatisfy { $0.string != nil })
            }
        } catch {
            Logger(label: "unixctl").warning("a control connection is closed: \(error)")
            hub.withLock { $0 }?.close(stream)
        }
    }

    private func handle(_ request: ControlRequest, isOfStrings: Bool) {
        guard let command = commands[request.command] else {
            return fail(
                "\"\(request.command)\" is no command of \(name); list-commands shows them",
                request)
        }
        guard isOfStrings else { return fail("the arguments must be strings", request) }
        let count = request.arguments.count
        guard command.argumentCounts.contains(count) else {
            return fail(
                "\(count) arguments given to: \(command.name) \(command.usage)", request)
        }
        if own.contains(request.command) {
            answerOwn(request)
        } else if !deliver(request) {
            fail("\(name) is busy; try again", request)
        }
    }

    private func answerOwn(_ request: ControlRequest) {
        switch request.command {
        case "list-commands", "help": reply(commandsText, to: request)
        case "version": reply(DaemonOptions.version(of: name), to: request)
        case "vlog/list": reply(log.levelsText, to: request)
        case "vlog/set":
            attempt(request) { () throws(DaemonError) in
                let specifications = request.arguments.isEmpty ? [""] : request.arguments
                for specification in specifications { try log.apply(specification) }
            }
        case "vlog/reopen":
            attempt(request) { () throws(DaemonError) in try log.reopen() }
        case "set-options": setOptions(request)
        default:
            // "exit": the way of all ends is the signal, which the machine's loop is waiting for.
            reply("", to: request)
            kill(getpid(), SIGTERM)
        }
    }

    private func attempt(_ request: ControlRequest, _ act: () throws(DaemonError) -> Void) {
        do throws(DaemonError) {
            try act()
            reply("", to: request)
        } catch {
            fail(error.description, request)
        }
    }

    /// `--format FORMAT`, by which newer clients choose how to be answered on this connection.
    private func setOptions(_ request: ControlRequest) {
        guard request.arguments.first == "--format", let format = request.arguments.last,
            ["json", "text"].contains(format)
        else { return fail("use: set-options --format json|text", request) }
        connections.withLock { $0[request.stream]?.wantsJSON = format == "json" }
        reply("", to: request)
    }

    private var commandsText: String {
        commands.keys.sorted().reduce(into: "The available commands are:\n") { text, name in
            let usage = commands[name]?.usage ?? ""
            let space = String(repeating: " ", count: max(0, 23 - name.count))
            text += usage.isEmpty ? "  \(name)\n" : "  \(name)\(space) \(usage)\n"
        }
    }
}
