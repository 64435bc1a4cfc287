// One request of a client, answered. RFC 7047 §4.1 and ovsdb-server(7).

import DatabaseProtocol
import Timekeeping

/// A request and where it came from.
struct Call {
    let method: String
    let parameters: [JSON]
    let id: JSON
    let session: SessionID

    func reply(_ result: JSON) -> DatabaseEffect {
        .send(RPCMessage.reply(result: result, id: id).bytes, session)
    }

    /// - Parameter write: Appends the result's text.
    func reply(writing write: (inout [UInt8]) -> Void) -> DatabaseEffect {
        .send(RPCMessage.reply(id: id, writing: write), session)
    }

    func failure(_ error: JSON) -> DatabaseEffect {
        .send(RPCMessage.failure(error: error, id: id).bytes, session)
    }

    /// The parameter at `place`; `null` if there are not so many.
    func parameter(_ place: Int) -> JSON { place < parameters.count ? parameters[place] : .null }

    var all: JSON { .array(parameters) }
}

extension DatabaseServer {
    mutating func handle(
        _ call: Call, now: Instant, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) -> [DatabaseEffect] {
        do throws(DatabaseError) {
            switch call.method {
            case "echo": return [call.reply(call.all)]
            case "list_dbs": return [call.reply(.array(databaseNames.map(JSON.string)))]
            case "get_schema": return [call.reply(try served(call).schemaJSON)]
            case "get_server_id": return [call.reply(.string(identity.description))]
            case "set_db_change_aware":
                guard let isAware = call.parameter(0).bool, call.parameters.count == 1 else {
                    throw DatabaseError(.syntaxError, "true or false expected", syntax: call.all)
                }
                sessions[call.session]?.isChangeAware = isAware
                return [call.reply([:])]
            case "transact":
                return try transact(call, now: now, random: &random, journal: journal)
            case "convert": return try convert(call, random: &random, journal: journal)
            case "monitor": return try beginMonitor(call, .update)
            case "monitor_cond": return try beginMonitor(call, .update2)
            case "monitor_cond_since": return try beginMonitor(call, .update3)
            case "monitor_cond_change": return try changeMonitor(call)
            case "monitor_cancel":
                guard call.parameters.count == 1 else {
                    return [call.failure(.string(DatabaseError.Name.invalidParameters.rawValue))]
                }
                guard let place = sessions[call.session]?.place(ofMonitor: call.parameter(0)) else {
                    return [call.failure(.string(DatabaseError.Name.unknownMonitor.rawValue))]
                }
                sessions[call.session]?.monitors.remove(at: place)
                noteWatchers()
                return [call.reply([:])]
            case "lock", "steal", "unlock": return try handleLock(call)
            default: return [call.failure(.string(DatabaseError.Name.unknownMethod.rawValue))]
            }
        } catch {
            return [call.failure(error.json)]
        }
    }

    /// The database that the first parameter names.
    func database(_ call: Call) throws(DatabaseError) -> Database { try served(call).database }

    /// The name of that database, which is served.
    func databaseName(_ call: Call) throws(DatabaseError) -> String {
        guard let name = call.parameters.first?.string else {
            throw DatabaseError(
                .syntaxError, "the first parameter must be a database name", syntax: call.all)
        }
        guard databases.index(forKey: name) != nil else {
            throw DatabaseError(
                .unknownDatabase, "\(call.method) request specifies unknown database \(name)",
                syntax: call.all)
        }
        return name
    }

    private func served(_ call: Call) throws(DatabaseError) -> ServedDatabase {
        let name = try databaseName(call)
        // It is there, as has just been looked up.
        return databases[name]!
    }

    private mutating func handleLock(_ call: Call) throws(DatabaseError) -> [DatabaseEffect] {
        guard let name = call.parameter(0).string, isLockName(name) else {
            throw DatabaseError(.syntaxError, "the name of a lock expected", syntax: call.all)
        }
        let has = locks.has(name, call.session)
        guard call.method != "unlock" else {
            guard has else {
                throw DatabaseError(
                    .syntaxError, "\"unlock\" without \"lock\" or \"steal\"", syntax: call.all)
            }
            sessions[call.session]?.locks.removeAll { $0 == name }
            return [call.reply([:])] + release(name, call.session)
        }
        guard !has else {
            throw DatabaseError(
                .syntaxError, "must issue \"unlock\" before new \"\(call.method)\"",
                syntax: call.all)
        }
        guard sessions[call.session]?.locks.count ?? 0 < EngineLimits.locksPerSessionMax else {
            throw DatabaseError(.resourcesExhausted, "too many locks")
        }
        sessions[call.session]?.locks.append(name)
        guard call.method == "steal" else {
            let isOwner = locks.lock(name, call.session)
            return [call.reply(["locked": .bool(isOwner)])]
        }
        let displaced = locks.steal(name, call.session).map { notify("stolen", name, $0) }
        return [call.reply(["locked": true])] + (displaced.map { [$0] } ?? [])
    }

    /// Takes a client out of a lock's queue and tells the next one.
    mutating func release(_ name: String, _ session: SessionID) -> [DatabaseEffect] {
        locks.unlock(name, session).map { [notify("locked", name, $0)] } ?? []
    }

    private func notify(_ method: String, _ lock: String, _ session: SessionID) -> DatabaseEffect {
        .send(RPCMessage.notification(method: method, parameters: [.string(lock)]).bytes, session)
    }

    /// RFC 7047 §3.1, <id>.
    private func isLockName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.first.map { !(0x30...0x39).contains($0) } ?? false
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5a).contains($0)
                    || (0x61...0x7a).contains($0) || $0 == 0x5f
            }
    }
}
