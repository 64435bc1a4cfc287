// What `ovs-appctl -t ovsdb-server` can ask. ovsdb-server(1), "Runtime management commands"; and
// get-db-file, by which `ovs-vsctl undo` finds the history.

import Daemon
import DatabaseEngine
import DatabaseProtocol
import DurableLog
import Logging
import Timekeeping

extension DatabaseDaemon {
    static let commands = [
        ControlCommand("memory/show"),
        ControlCommand("ovsdb-server/add-db", usage: "FILE", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/add-remote", usage: "REMOTE", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/compact", usage: "[DB]", argumentCounts: 0...1),
        ControlCommand("ovsdb-server/get-db-file", usage: "DB", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/get-db-storage-status", usage: "DB", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/list-dbs"),
        ControlCommand("ovsdb-server/list-remotes"),
        ControlCommand(
            "ovsdb-server/memory-trim-on-compaction", usage: "on|off", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/reconnect"),
        ControlCommand("ovsdb-server/remove-db", usage: "DB", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/remove-remote", usage: "REMOTE", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/sync-status"),
    ]

    func answer(_ request: ControlRequest, now: Instant) {
        do {
            control.reply(try text(request, now: now), to: request)
        } catch {
            control.fail("\(error)", request)
        }
    }

    private func text(_ request: ControlRequest, now: Instant) throws -> String {
        let argument = request.arguments.first ?? ""
        switch request.command {
        case "memory/show": return memoryText
        case "ovsdb-server/add-db":
            files.outbox.hold(try open(Places.absolute(argument), schemaIfNew: nil))
        case "ovsdb-server/add-remote": try reachability.add(argument, now: now)
        case "ovsdb-server/compact":
            for name in try databases(argument) { try compact(name) }
        case "ovsdb-server/get-db-file":
            return try databases(argument).compactMap { files.logs[$0]?.path }.joined()
        case "ovsdb-server/get-db-storage-status":
            _ = try databases(argument)
            return "status: ok"
        case "ovsdb-server/list-dbs":
            return server.databaseNames.map { $0 + "\n" }.joined()
        case "ovsdb-server/list-remotes": return reachability.text
        case "ovsdb-server/memory-trim-on-compaction":
            guard ["on", "off"].contains(argument) else { throw DaemonError("say on or off") }
            trimsMemory = argument == "on"
        case "ovsdb-server/reconnect":
            files.outbox.hold(server.closeAll(reason: "reconnection was asked for"))
        case "ovsdb-server/remove-db":
            guard let effects = server.remove(argument, random: &random) else {
                throw DaemonError("Database \(argument) not found")
            }
            try files.logs[argument]?.synchronize()
            files.remove(argument)
            files.outbox.hold(effects)
        case "ovsdb-server/remove-remote": try reachability.remove(argument, now: now)
        case "ovsdb-server/sync-status": return "state: active"
        default: throw DaemonError("\(request.command) is not answered here")
        }
        return ""
    }

    /// The stored database called `name`, or all of them if it is empty.
    private func databases(_ name: String) throws(DaemonError) -> [String] {
        let all = files.logs.keys.sorted()
        guard !name.isEmpty else { return all }
        guard all.contains(name) else { throw DaemonError("'\(name)' is not a known database") }
        return [name]
    }

    private var memoryText: String {
        let use = server.memoryUse
        return "cells:\(use.cellCount) monitors:\(use.monitorCount) rows:\(use.rowCount) "
            + "sessions:\(use.sessionCount) triggers:\(use.waitingCount) "
            + "unsent:\(files.outbox.heldCount)"
    }

    // MARK: Files written anew

    /// Puts one record in the place of all transactions of a database's file.
    func compact(_ name: String) throws {
        guard let log = files.logs[name], let snapshot = server.snapshot(name) else { return }
        let before = log.byteCount
        try files.replace(name, with: snapshot, comment: "compacting database online")
        logger.info("\(log.path): compacted from \(before) to \(log.byteCount) bytes")
        if trimsMemory { Memory.giveBack() }
    }

    /// Writes files anew that have grown far beyond what they hold.
    func compactWhatHasGrown() {
        for name in files.worthReplacing {
            do {
                try compact(name)
            } catch {
                logger.error("database \(name) cannot be compacted: \(error)")
            }
        }
    }

    /// Brings the switch's own database from an older schema to the one that we know.
    func convertToOwnSchema() throws {
        let own = DatabaseSchema.openVSwitch
        guard let old = server.schema(of: own.name), old.isOlder(than: own) else { return }
        try server.convert(own, random: &random, journal: files)
        logger.info("database \(own.name) converted from version \(old.version) to \(own.version)")
    }
}
