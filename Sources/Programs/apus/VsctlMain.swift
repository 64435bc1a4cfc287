// ovs-vsctl: finds the database, lets the machine of Tools/Vsctl talk to it, prints what it says.

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
        switch try VsctlCommandLine.parse(words, timeoutVariable: variable("OVS_CTL_TIMEOUT")) {
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
        do {
            let remote = try Remote(parsing: place, defaultPort: 6640)
            guard !remote.isPassive else {
                complain("\(place): one cannot connect to that; use unix:PATH or tcp:HOST:PORT")
                return VsctlExit.failure
            }
            client = try connect(remote)
        } catch let error as StreamClientError {
            return cannotConnect(error)
        } catch {
            complain("\(error)")
            return VsctlExit.failure
        }
        return converse(client)
    }

    private func converse(_ client: StreamClient) -> Int32 {
        var machine = VsctlMachine(
            line, logDirectory: variable("OVS_LOGDIR") ?? Product.logdir)
        var effects = machine.connectionReady()
        while true {
            for effect in effects {
                switch effect {
                case .send(let bytes): client.send(bytes)
                case .output(let text): printOut(text)
                case .complain(let text): complain(text)
                case .exit(let status): return status
                }
            }
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

    /// Connects; with `--retry`, again and again until the time is over.
    private func connect(_ remote: Remote) throws(StreamClientError) -> StreamClient {
        while true {
            let left = timeout.map { $0 - (ContinuousClock.now - start) }
            do throws(StreamClientError) {
                return try StreamClient(
                    connectingTo: remote, of: "ovsdb-server",
                    timeout: left.map { max($0, .milliseconds(1)) })
            } catch {
                guard line.options.retries, case .closed = error, left ?? .seconds(1) > .zero
                else { throw error }
                usleep(Self.retryIntervalMicroseconds)
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
