// One command line against one database, from connecting to the exit status.
//
//     connecting --> synchronising --> run all on a draft --+--> nothing to change: exit 0
//                                        ^     ^            +--> refused: exit 1
//              wait-until: rows changed  |     | somebody   |
//                     or not yet --------'     | was faster v
//                                              '------- committing
//                                                           | printed; --no-wait: exit 0
//                                                           v
//           cur_cfg reaches our next_cfg: exit 0 or 65 <-- waiting for the switch
//
// Nothing is sent before every command of the line has run without complaint, and all of them are
// one transaction. Each phase can be ended by the clock, and each then says what is known of the
// change: not made, perhaps made, or made and not yet taken over.

import DatabaseHistory
import DatabaseProtocol
import DatabaseReplica

/// What the program has to do, in order.
public enum VsctlEffect: Equatable, Sendable {
    case send([UInt8])
    /// To standard output, as it is.
    case output(String)
    /// A line to standard error, after the program's name.
    case complain(String)
    /// Ends the program; nothing follows.
    case exit(Int32)
}

public struct VsctlMachine {
    private enum Phase {
        case connecting, synchronising
        /// For the picture to differ from that of `revision`: because `wait-until` is not content,
        /// or because the database said that somebody changed it and the change is not here yet.
        case waitingForRows(revision: UInt64, byWish: Bool)
        case committing(TransactionID, Run)
        case waitingForSwitch(configuration: Int64, interfaces: [UUIDValue])
        case finished
    }

    /// All commands carried out on a draft.
    private struct Run {
        var outputs: [VsctlOutput] = []
        var newInterfaces: [Atom] = []
        var transaction: VsctlTransaction?
        /// What it was made from.
        var picture: DatabaseReplica
    }

    private let line: VsctlCommandLine
    private let logDirectory: String
    private let files: VsctlFiles
    private var replica = DatabaseReplica(wish: .everything)
    private var phase = Phase.connecting
    private var attemptCount = 0
    private var warned: Set<String> = []

    /// - Parameters:
    ///   - logDirectory: Where the switch's log is, for a message.
    ///   - files: What the line says it wants.
    public init(
        _ line: VsctlCommandLine, logDirectory: String, files: VsctlFiles = VsctlFiles()
    ) {
        (self.line, self.logDirectory, self.files) = (line, logDirectory, files)
    }

    /// Instead of a connection, for a line that wants no server: reads the history alone.
    public mutating func runWithoutServer() -> [VsctlEffect] {
        phase = .finished
        var warnings: [String] = []
        do throws(VsctlStop) {
            let run = try run(on: replica, &warnings, files.history?.schema)
            return output(of: run) + [.exit(VsctlExit.success)]
        } catch {
            guard case .failure(let message) = error else { return [.exit(VsctlExit.failure)] }
            return fail(message)
        }
    }

    // MARK: What happens

    /// The database's socket is open.
    public mutating func connectionReady() -> [VsctlEffect] {
        phase = .synchronising
        return take(replica.connectionReady())
    }

    /// Bytes came from the database.
    public mutating func receive(_ bytes: [UInt8]) -> [VsctlEffect] {
        take(replica.receive(bytes))
    }

    /// The database's socket is closed, or never opened.
    public mutating func connectionLost(reason: String) -> [VsctlEffect] {
        defer { phase = .finished }
        switch phase {
        case .connecting, .synchronising, .waitingForRows:
            return fail("database connection failed (\(reason))")
        case .committing:
            return fail(
                "database connection failed (\(reason)) before the answer came; "
                    + "it is unknown whether the change was made")
        case .waitingForSwitch:
            return fail(
                "the change is saved in the database, but then the connection failed (\(reason)); "
                    + "it is unknown whether ovs-vswitchd took it over")
        case .finished: return []
        }
    }

    /// Time is over.
    ///
    /// - Parameter seconds: How long was waited, for the message.
    public mutating func timedOut(afterSeconds seconds: Int) -> [VsctlEffect] {
        defer { phase = .finished }
        let what: String
        switch phase {
        case .finished: return []
        case .connecting, .synchronising:
            what = "the database did not answer within \(seconds) s (is ovsdb-server running?)"
        case .waitingForRows(_, byWish: false):
            what = "others were changing the same rows for \(seconds) s; nothing was changed"
        case .waitingForRows(_, byWish: true):
            what = "what wait-until waits for did not happen within \(seconds) s"
        case .committing:
            what =
                "the database did not answer the transaction within \(seconds) s; "
                + "it is unknown whether the change was made"
        case .waitingForSwitch:
            what =
                "the change is saved in the database, but ovs-vswitchd did not take it over "
                + "within \(seconds) s (is it running? --no-wait does not wait)"
        }
        return [.complain(what), .exit(VsctlExit.timedOut)]
    }

    private mutating func fail(_ message: String) -> [VsctlEffect] {
        phase = .finished
        return [.complain(message), .exit(VsctlExit.failure)]
    }

    private mutating func take(_ effects: [ReplicaEffect]) -> [VsctlEffect] {
        var result: [VsctlEffect] = []
        for effect in effects {
            switch effect {
            case .send(let bytes): result.append(.send(bytes))
            case .synchronised: result += runCommands()
            case .changed: result += lookAgain()
            case .lock: break
            case .finished(let id, let outcome): result += transactionEnded(id, outcome)
            case .disconnect(let reason): result += connectionLost(reason: reason)
            }
            if case .finished = phase { break }
        }
        return result
    }

    // MARK: Phases

    private mutating func lookAgain() -> [VsctlEffect] {
        switch phase {
        case .waitingForRows(let revision, _) where revision != replica.revision:
            return runCommands()
        case .waitingForSwitch(let configuration, let interfaces):
            return lookAtSwitch(configuration, interfaces)
        case .waitingForRows, .connecting, .synchronising, .committing, .finished:
            return []
        }
    }

    private mutating func runCommands() -> [VsctlEffect] {
        var warnings: [String] = []
        do throws(VsctlStop) {
            let run = try run(on: replica, &warnings, replica.schema)
            let complaints = complaints(warnings)
            guard let transaction = run.transaction else {
                phase = .finished
                return complaints + output(of: run) + [.exit(VsctlExit.success)]
            }
            guard let (id, effects) = replica.transact(transaction.builder) else {
                return complaints + fail("the database takes no transactions")
            }
            phase = .committing(id, run)
            return complaints + take(effects)
        } catch {
            let complaints = complaints(warnings)
            switch error {
            case .failure(let message): return complaints + fail(message)
            case .exit(let status):
                phase = .finished
                return complaints + [.exit(status)]
            case .notYet:
                phase = .waitingForRows(revision: replica.revision, byWish: true)
                return complaints
            }
        }
    }

    /// Each warning once, however often the commands run.
    private mutating func complaints(_ warnings: [String]) -> [VsctlEffect] {
        warnings.filter { warned.insert($0).inserted }.map(VsctlEffect.complain)
    }

    private func run(
        on picture: DatabaseReplica, _ warnings: inout [String], _ schema: DatabaseSchema?,
        symbols: VsctlSymbols = VsctlSymbols()
    ) throws(VsctlStop) -> Run {
        guard let schema, let first = line.invocations.first else {
            throw .failure("the database has no schema")
        }
        var draft = VsctlDraft(of: picture, schema: schema, symbols: symbols)
        let root = draft.rows(of: "Open_vSwitch").first ?? draft.insert(into: "Open_vSwitch")
        var context = VsctlContext(draft: draft, root: root, invocation: first)
        context.files = files
        defer { warnings = context.warnings }
        for invocation in line.invocations {
            context.begin(invocation, isLast: false)
            try invocation.command.check?(&context)
        }
        var run = Run(picture: picture)
        for (place, invocation) in line.invocations.enumerated() {
            context.begin(invocation, isLast: place == line.invocations.count - 1)
            try invocation.command.run(&context)
            run.outputs.append(context.output)
        }
        context.warnings += try context.draft.symbols.check()
        guard !context.discardsDraft else { return run }
        run.newInterfaces = context.newInterfaces
        run.transaction = context.draft.transaction(
            waitingAt: line.options.waitsForSwitch ? root : nil,
            comment: context.comment.isEmpty ? line.text : "\(line.text)\n\(context.comment)",
            isDryRun: line.options.isDryRun)
        return run
    }

    private mutating func transactionEnded(
        _ id: TransactionID, _ outcome: TransactionOutcome
    ) -> [VsctlEffect] {
        guard case .committing(id, let run) = phase else { return [] }
        switch outcome {
        case .committed(let results): return committed(run, results)
        case .tryAgain:
            attemptCount += 1
            guard attemptCount < VsctlLimits.attemptCountMax else {
                return fail("the rows were changed by others \(attemptCount) times; gave up")
            }
            let revision = run.picture.revision
            guard replica.revision == revision else { return runCommands() }
            phase = .waitingForRows(revision: revision, byWish: false)
            return []
        case .notOwner: return fail("database not locked")
        case .refused(let name, let details, _):
            return fail("transaction error: \(Self.errorText(name, details))")
        case .unknown: return []
        }
    }

    /// The error as JSON, as Open vSwitch's tool shows it.
    private static func errorText(_ name: String, _ details: String) -> String {
        var error: JSONObject = [:]
        if !details.isEmpty { error["details"] = .string(details) }
        error["error"] = .string(name)
        return JSON.object(error).text
    }

    private mutating func committed(_ run: Run, _ results: TransactionResults) -> [VsctlEffect] {
        let effects = output(of: withPermanentNames(run, results))
        guard !line.options.isDryRun, let place = run.transaction?.nextConfigurationPlace,
            let next = results.rows(of: place).first?["next_cfg"]?.integer
        else {
            phase = .finished
            return effects + [.exit(VsctlExit.success)]
        }
        let interfaces = run.newInterfaces.compactMap { name in
            run.transaction?.insertPlaces[name].flatMap { results.insertedUUID(by: $0) }
        }
        phase = .waitingForSwitch(configuration: next, interfaces: interfaces)
        return effects + lookAtSwitch(next, interfaces)
    }

    private mutating func lookAtSwitch(
        _ configuration: Int64, _ interfaces: [UUIDValue]
    ) -> [VsctlEffect] {
        guard let root = replica.root(of: OpenVSwitchColumns.self),
            root.currentConfiguration >= configuration
        else { return [] }
        phase = .finished
        var effects: [VsctlEffect] = []
        for uuid in interfaces {
            guard let row = replica.row(Reference<InterfaceColumns>(uuid)), row.ofport ?? -1 == -1
            else { continue }
            let error = row.error.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
            effects.append(
                .complain(
                    "Error detected while setting up '\(row.name)'\(error).  "
                        + "See ovs-vswitchd log for details."))
        }
        guard !effects.isEmpty else { return [.exit(VsctlExit.success)] }
        effects.append(.complain("The default log directory is \"\(logDirectory)\"."))
        return effects + [.exit(VsctlExit.interfaceFailed)]
    }

    // MARK: Output

    /// The same commands on the same picture, but new rows are called what the database has called
    /// them: what is printed of a row names one that is there.
    private func withPermanentNames(_ run: Run, _ results: TransactionResults) -> Run {
        let names = (run.transaction?.insertPlaces ?? [:]).compactMapValues {
            results.insertedUUID(by: $0)
        }
        guard !names.isEmpty else { return run }
        // Said already.
        var warnings: [String] = []
        let symbols = VsctlSymbols(permanentNames: names)
        // Nothing is refused that was not the first time.
        return (try? self.run(on: run.picture, &warnings, replica.schema, symbols: symbols)) ?? run
    }

    private func output(of run: Run) -> [VsctlEffect] {
        var isFirstTable = true
        var text = ""
        for output in run.outputs {
            switch output {
            case .text(let lines): text += oneLine(lines.text(line.options.style))
            case .table(let table):
                text += table.text(line.options.style, isFirst: isFirstTable)
                isFirstTable = false
            }
        }
        return text.isEmpty ? [] : [.output(text)]
    }

    /// With `--oneline`, exactly one line for each command.
    private func oneLine(_ text: String) -> String {
        guard line.options.isOneLine else { return text }
        let lines = text.hasSuffix("\n") ? text.dropLast() : text[...]
        var result = ""
        for scalar in lines.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\\": result += "\\\\"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\n"
    }
}
