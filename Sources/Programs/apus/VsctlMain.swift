// ovs-vsctl: finds the database, lets the machine of Tools/Vsctl talk to it, prints what it says.

import DatabaseHistory
import DatabaseProtocol
import Glibc
import Product
import Streams
import Tools

let vsctl = Tool(
    name: "vsctl", summary: "looks at and changes the configuration of the switch", run: runVsctl)

private func runVsctl(_ words: [String]) -> Int32 {
    let place = "unix:\(rundir)/db.sock"
    do throws(VsctlStop) {
        switch try VsctlCommandLine.parse(
            words, timeoutVariable: variable("OVS_CTL_TIMEOUT"), invoker: invoker)
        {
        case .help:
            printOut(VsctlHelp.text(database: place))
            return VsctlExit.success
        case .version:
            printOut(
                Product.versionLine(of: "ovs-vsctl") + "\nDB Schema "
                    + DatabaseSchema.openVSwitch.version + "\n")
            return VsctlExit.success
        case .run(let line):
            return VsctlSession(line, defaultPlace: place).run()
        }
    } catch {
        guard case .failure(let message) = error else { return VsctlExit.failure }
        complain(message)
        return VsctlExit.failure
    }
}

/// Who started us: the program, and the user if the environment tells.
private var invoker: String? {
    guard case .success(let bytes) = readFile("/proc/\(getppid())/comm", byteCountMax: 64) else {
        return nil
    }
    let program = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    let user = variable("SUDO_USER") ?? variable("USER")
    return user.map { "\(program), user \($0)" } ?? program
}

/// Where the history is of the database that `place` leads to: where its server says, and, if that
/// is the usual place and cannot say it, where the file usually is.
private func historyPath(_ line: VsctlCommandLine, _ place: String) throws(ToolFailure) -> String {
    if let path = line.historyPath { return path }
    let standard = "\(variable("OVS_DBDIR") ?? Product.dbdir)/conf.db"
    let isUsual = place == "unix:\(rundir)/db.sock"
    guard place.hasPrefix("unix:"), let slash = place.lastIndex(of: "/") else {
        throw ToolFailure(
            "\(place): the history is in the database's file, on the machine of ovsdb-server: name "
                + "it with --file")
    }
    let directory = String(place[place.index(place.startIndex, offsetBy: 5)..<slash])
    if let path = databasePath(of: "Open_vSwitch", servedIn: directory) { return path }
    guard isUsual else {
        throw ToolFailure(
            "\(place): its server does not say which file the history is in: name it with --file")
    }
    return standard
}

/// Reads what `log`, `undo` and `diff` want.
private func files(
    for line: VsctlCommandLine, _ place: String
) throws(ToolFailure) -> VsctlFiles {
    var files = VsctlFiles()
    if line.wantsHistory {
        let path = try historyPath(line, place)
        switch readFile(path, byteCountMax: HistoryLimits.fileByteCountMax + 1) {
        case .failure(let error):
            throw ToolFailure(
                "\(path): \(error) (the history is in the database's file: name it with --file, on "
                    + "the machine of ovsdb-server and as a user who may read it)")
        case .success(let bytes):
            guard bytes.count <= HistoryLimits.fileByteCountMax else {
                throw ToolFailure("\(path): more than \(HistoryLimits.fileByteCountMax) bytes")
            }
            do throws(HistoryError) {
                files.history = try History(reading: bytes)
            } catch {
                throw ToolFailure("\(path): \(error)")
            }
        }
    }
    for path in line.changePaths {
        let name = path == "-" ? "/dev/stdin" : path
        switch readFile(name, byteCountMax: VsctlLimits.changeFileByteCountMax + 1) {
        case .failure(let error): throw ToolFailure("\(path): \(error)")
        case .success(let bytes):
            guard bytes.count <= VsctlLimits.changeFileByteCountMax else {
                throw ToolFailure(
                    "\(path): more than \(VsctlLimits.changeFileByteCountMax) bytes")
            }
            files.texts[path] = String(decoding: bytes, as: UTF8.self)
        }
    }
    return files
}

private func complain(_ message: String) { printError("ovs-vsctl: \(message)\n") }

/// One connection to the database, and the machine at its end.
private struct VsctlSession {
    private static let retryIntervalMicroseconds: UInt32 = 100_000

    private let line: VsctlCommandLine
    private let place: String
    /// For everything together; `nil` waits for ever.
    private let timeout: Duration?
    private let start = ContinuousClock.now

    init(_ line: VsctlCommandLine, defaultPlace: String) {
        self.line = line
        place = line.options.database ?? defaultPlace
        timeout =
            line.options.timeoutSeconds.map { .seconds($0) }
            ?? (line.waitsForOthers ? nil : VsctlLimits.timeoutDefault)
    }

    func run() -> Int32 {
        let client: StreamClient
        let machine: VsctlMachine
        do {
            machine = VsctlMachine(
                line, logDirectory: variable("OVS_LOGDIR") ?? Product.logdir,
                files: try files(for: line, place))
            guard line.wantsServer else { return converse(machine, nil) }
            let tls = try tlsFiles()
            var remotes: [Remote] = []
            for place in VsctlCommandLine.places(in: place) {
                let remote = try Remote(parsing: place, defaultPort: 6640)
                guard !remote.isPassive else {
                    throw ToolFailure(
                        "\(place): one cannot connect to that; use unix:PATH, tcp:HOST:PORT or "
                            + "ssl:HOST:PORT")
                }
                guard !remote.usesTLS || tls != nil else {
                    throw ToolFailure(
                        "\(place): TLS needs --private-key, --certificate and --ca-cert (or "
                            + "--bootstrap-ca-cert)")
                }
                remotes.append(remote)
            }
            client = try connect(remotes, tls)
        } catch let error as StreamClientError {
            return cannotConnect(error)
        } catch {
            complain("\(error)")
            return VsctlExit.failure
        }
        return converse(machine, client)
    }

    /// - Parameter client: `nil` if nothing but files is wanted.
    private func converse(_ machine: VsctlMachine, _ client: StreamClient?) -> Int32 {
        var machine = machine
        var effects = client == nil ? machine.runWithoutServer() : machine.connectionReady()
        while true {
            for effect in effects {
                switch effect {
                case .send(let bytes): client?.send(bytes)
                case .output(let text): printOut(text)
                case .complain(let text): complain(text)
                case .exit(let status): return status
                }
            }
            guard let client else { return VsctlExit.failure }
            do throws(StreamClientError) {
                effects = machine.receive(try client.receive())
            } catch {
                switch error {
                case .timedOut:
                    effects = machine.timedOut(
                        afterSeconds: Int(timeout?.components.seconds ?? 0))
                case .closed(_, _, let reason):
                    effects = machine.connectionLost(reason: reason)
                }
            }
        }
    }

    /// `nil` without any option that names a file.
    private func tlsFiles() throws(ToolFailure) -> TLSFiles? {
        let options = line.options.tls
        guard let key = options.privateKey, let certificate = options.certificate,
            let authority = options.authority
        else {
            guard options == VsctlTLSOptions() else {
                throw ToolFailure(
                    "TLS needs all of --private-key, --certificate and --ca-cert (or "
                        + "--bootstrap-ca-cert)")
            }
            return nil
        }
        var files = TLSFiles(privateKey: key, certificate: certificate, authority: authority)
        files.bootstrapsAuthority = options.bootstraps
        files.shownAuthority = options.shownAuthority
        (files.versions, files.ciphers) = (options.versions, options.ciphers)
        return files
    }

    /// Connects to the first that answers; with `--retry`, again and again until the time is over.
    private func connect(
        _ remotes: [Remote], _ tls: TLSFiles?
    ) throws(StreamClientError) -> StreamClient {
        while true {
            for (place, remote) in remotes.enumerated() {
                let left = timeout.map { $0 - (ContinuousClock.now - start) }
                do throws(StreamClientError) {
                    return try StreamClient(
                        connectingTo: remote, of: "ovsdb-server",
                        timeout: left.map { max($0, .milliseconds(1)) }, tls: tls)
                } catch {
                    guard place == remotes.count - 1 else { continue }
                    guard line.options.retries, case .closed = error, left ?? .seconds(1) > .zero
                    else { throw error }
                    usleep(Self.retryIntervalMicroseconds)
                }
            }
        }
    }

    private func cannotConnect(_ error: StreamClientError) -> Int32 {
        let hint = DaemonNames.startHint(for: "ovsdb-server")
        switch error {
        case .closed(_, _, let reason):
            complain("\(place): database connection failed (\(reason))\(hint)")
            return VsctlExit.failure
        case .timedOut:
            let seconds = timeout?.components.seconds ?? 0
            complain("\(place): database connection failed (no answer within \(seconds) s)\(hint)")
            return VsctlExit.timedOut
        }
    }
}
