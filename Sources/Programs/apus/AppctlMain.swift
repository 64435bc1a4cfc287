// ovs-appctl: finds the daemon's control socket, sends the call, prints the answer.

import Glibc
import Product
import Streams
import Tools

let appctl = Tool(name: "appctl", summary: "asks and orders running daemons", run: runAppctl)

private func runAppctl(_ words: [String]) -> Int32 {
    do {
        switch try AppctlArguments(parsing: words) {
        case .help:
            printOut(AppctlArguments.helpText)
            return 0
        case .version:
            printOut(Product.versionLine(of: "ovs-appctl") + "\n")
            return 0
        case .call(let call):
            return try carryOut(call)
        }
    } catch {
        printError("ovs-appctl: \(error)\n")
        return 1
    }
}

private func carryOut(_ call: AppctlCall) throws -> Int32 {
    let (daemon, path) = try controlSocket(of: call.target, in: rundir)
    switch try answer(to: call, by: daemon, at: path) {
    case .success(let output):
        printOut(output)
        return 0
    case .refusal(let text):
        printError("\(text)ovs-appctl: \(daemon) refused \(call.command)\n")
        return 2
    }
}

/// Sends a call to the control socket at `path` and waits for the answer.
private func answer(
    to call: AppctlCall, by daemon: String, at path: String
) throws -> AppctlConversation.Outcome {
    var conversation = AppctlConversation(call)
    let client = try connect(to: path, of: daemon, timeout: call.timeout)
    client.send(conversation.opening)
    while true {
        if let answer = try conversation.receive(try client.receive()) { return answer }
    }
}

/// The path of the file behind a database, as the server says whose sockets are in `directory`;
/// `nil` if there is no server that can say it.
func databasePath(of database: String, servedIn directory: String) -> String? {
    do {
        let (daemon, path) = try controlSocket(
            of: .daemon(name: "ovsdb-server"), in: directory)
        let words = ["-T", "2", "ovsdb-server/get-db-file", database]
        guard case .call(let call) = try AppctlArguments(parsing: words),
            case .success(let text) = try answer(to: call, by: daemon, at: path)
        else { return nil }
        return String(text.prefix { $0 != "\n" })
    } catch {
        return nil  // Whoever asks says what to do without an answer.
    }
}

/// The daemon's name for messages, and the path of its control socket.
private func controlSocket(
    of target: AppctlTarget, in directory: String
) throws(ToolFailure) -> (daemon: String, path: String) {
    let name: String
    switch target {
    case .socket(let path): return ("the daemon", path)
    case .daemon(let named): name = named
    }
    let pidPath = "\(directory)/\(name).pid"
    switch readFile(pidPath, byteCountMax: 32) {
    case .failure(let error):
        throw ToolFailure(
            "\(name) does not run: \(pidPath): \(error)\(DaemonNames.startHint(for: name))")
    case .success(let bytes):
        let text = String(decoding: bytes, as: UTF8.self)
        guard let line = text.split(separator: "\n").first, let pid = UInt32(line) else {
            throw ToolFailure("\(pidPath) holds no process id")
        }
        return (name, "\(directory)/\(name).\(pid).ctl")
    }
}

/// Connects, or says whom nobody can talk to and how to start it.
func connect(
    to path: String, of daemon: String, timeout: Duration?
) throws(ToolFailure) -> StreamClient {
    do throws(StreamClientError) {
        return try StreamClient(connectingTo: .unix(path: path), of: daemon, timeout: timeout)
    } catch {
        throw ToolFailure("\(error)\(DaemonNames.startHint(for: daemon))")
    }
}
