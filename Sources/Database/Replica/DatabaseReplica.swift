// A client's picture of an OVSDB database, kept true by the server's updates.
//
//     owner of the socket            replica                         server
//     connectionReady() ------------> | get_schema, lock -------------> |
//                                     | <------------------------------ |
//                                     | monitor_cond_since -----------> |  (or monitor_cond,
//     [.synchronised] <-------------- | <------------ all rows -------- |   or monitor, if the
//     transact(...) ----------------> | transact ---------------------> |   server is older)
//     [.changed] <------------------- | <------------ update3 --------- |
//     [.finished(id, .committed)] <-- | <------------ reply ----------- |
//
// The server tells of a change before it answers the transaction that made it, so at `.finished`
// the picture already shows it. After a lost connection the last picture stays readable; the next
// connection brings a complete one, and `takeChanges` tells only what really differs.

public import DatabaseProtocol

/// What the owner of the socket has to do or may want to know, in order.
public enum ReplicaEffect: Hashable, Sendable {
    /// Send these bytes.
    case send([UInt8])
    /// The first complete picture of this connection is here.
    case synchronised
    /// Rows changed; see `takeChanges`.
    case changed
    /// The lock was obtained or lost.
    case lock(isHeld: Bool)
    /// A transaction ended.
    case finished(TransactionID, TransactionOutcome)
    /// The server cannot be worked with: close the connection, then call `connectionLost`.
    case disconnect(reason: String)
}

/// What happened to one table since the last `takeChanges`.
public struct TableChange: Hashable, Sendable {
    public let table: String
    /// Rows inserted, changed or deleted, ascending; `nil` if they were too many to remember.
    public let rows: [UUIDValue]?
}

/// The machine that keeps the picture. Bytes in, effects out; it never waits and reads no clock.
public struct DatabaseReplica: Sendable {
    public let database: String
    /// The server's schema; `nil` until the first connection told it.
    public private(set) var schema: DatabaseSchema?
    /// Whether the picture is complete and followed on the present connection.
    public private(set) var isSynchronised = false
    /// Whether the lock asked for in `init` is ours.
    public private(set) var holdsLock = false
    /// Counts every arrival that changed a row: a cheap way to ask "is it still the same picture?".
    public private(set) var revision: UInt64 = 0

    private let wish: ReplicaWish
    private let lock: String?
    private var picture = ReplicaPicture()
    private var stream = JSONStream()
    private var isConnected = false
    private var monitor = MonitorMethod.monitorCondSince
    private var pending: [Int64: PendingRequest] = [:]
    private var nextID: Int64 = 0

    /// - Parameters:
    ///   - lock: Asked for on each connection; `ovs_vswitchd` is the name of the lock that the one
    ///     process holds that may turn the configuration into a switch. RFC 7047 §4.1.8.
    public init(database: String = "Open_vSwitch", wish: ReplicaWish, lock: String? = nil) {
        (self.database, self.wish, self.lock) = (database, wish, lock)
    }

    // MARK: The picture

    /// Rows of `table`, ascending by UUID. O(n log n).
    public func rows(of table: String) -> [ReplicaRow] { picture.rows(of: table) }

    /// The row of `table` called `uuid`.
    public func row(_ table: String, _ uuid: UUIDValue) -> ReplicaRow? {
        picture.row(table, uuid)
    }

    /// The only row of a table that has one, as `Open_vSwitch` does; the first if it has more.
    public func root(_ table: String = "Open_vSwitch") -> ReplicaRow? { rows(of: table).first }

    /// Tables with changes since the last call, in order of their names.
    public mutating func takeChanges() -> [TableChange] { picture.takeChanges() }

    // MARK: The connection

    /// A new connection is open. Also forgets what was left of the last one.
    public mutating func connectionReady() -> [ReplicaEffect] {
        var effects = connectionLost()
        isConnected = true
        stream = JSONStream()
        monitor = .monitorCondSince
        effects.append(request("get_schema", [.string(database)], .schema))
        if let lock { effects.append(request("lock", [.string(lock)], .lock)) }
        return effects
    }

    /// The connection ended, for whatever reason.
    public mutating func connectionLost() -> [ReplicaEffect] {
        var effects: [ReplicaEffect] = []
        for id in pending.keys.sorted() {
            guard case .transaction? = pending[id] else { continue }
            effects.append(.finished(TransactionID(number: id), .unknown))
        }
        if holdsLock { effects.append(.lock(isHeld: false)) }
        pending = [:]
        (isConnected, isSynchronised, holdsLock) = (false, false, false)
        return effects
    }

    /// Bytes came from the server.
    public mutating func receive(_ bytes: [UInt8]) -> [ReplicaEffect] {
        guard isConnected else { return [] }
        stream.append(bytes)
        var effects: [ReplicaEffect] = []
        do throws(JSONError) {
            while let json = try stream.next() {
                do throws(RPCError) {
                    effects += try receive(RPCMessage(parsing: json))
                } catch {
                    effects.append(giveUp("\(error)"))
                }
                guard isConnected else { return effects }
            }
        } catch {
            effects.append(giveUp("\(error)"))
        }
        return effects
    }

    /// Sends a transaction.
    ///
    /// - Returns: Its number and what to do; `nil` if the picture is not that of a connection, or
    ///   if `ReplicaLimits.pendingTransactionCountMax` of them are still unanswered.
    public mutating func transact(
        _ transaction: TransactionBuilder
    ) -> (id: TransactionID, effects: [ReplicaEffect])? {
        guard isSynchronised, pending.count < ReplicaLimits.pendingTransactionCountMax else {
            return nil
        }
        let effect = request(
            "transact", transaction.parameters,
            .transaction(operationCount: transaction.operations.count))
        return (TransactionID(number: nextID), [effect])
    }

    // MARK: Messages

    private mutating func request(
        _ method: String, _ parameters: [JSON], _ kind: PendingRequest
    ) -> ReplicaEffect {
        nextID += 1
        pending[nextID] = kind
        return .send(
            RPCMessage.request(method: method, parameters: parameters, id: .integer(nextID)).bytes)
    }

    private mutating func giveUp(_ reason: String) -> ReplicaEffect {
        isConnected = false
        isSynchronised = false
        return .disconnect(reason: reason)
    }

    private mutating func receive(_ message: RPCMessage) -> [ReplicaEffect] {
        switch message {
        case .request(method: "echo", let parameters, let id):
            return [.send(RPCMessage.reply(result: .array(parameters), id: id).bytes)]
        case .request(let method, _, let id):
            let error: JSON = ["error": "unknown method", "details": .string(method)]
            return [.send(RPCMessage.failure(error: error, id: id).bytes)]
        case .notification(let method, let parameters):
            return receive(notification: method, parameters)
        case .reply(let result, .integer(let id)):
            guard let kind = pending.removeValue(forKey: id) else { return [] }
            return receive(result: result, of: kind, id: id)
        case .failure(let error, .integer(let id)):
            guard let kind = pending.removeValue(forKey: id) else { return [] }
            return receive(error: error, of: kind, id: id)
        case .reply, .failure:
            return []
        }
    }

    private mutating func receive(
        notification method: String, _ parameters: [JSON]
    ) -> [ReplicaEffect] {
        switch method {
        case "update", "update2":
            guard isSynchronised, parameters.count == 2, parameters[0] == monitorID else {
                return []
            }
            return update(parameters[1], method == "update" ? .oldAndNew : .differences)
        case "update3":
            guard isSynchronised, parameters.count == 3, parameters[0] == monitorID else {
                return []
            }
            return update(parameters[2], .differences)
        case "locked", "stolen":
            guard let lock, parameters.first == .string(lock) else { return [] }
            return setLock(method == "locked")
        case "monitor_canceled":
            guard parameters.first == monitorID else { return [] }
            return [giveUp("the server ended the monitor of \(database)")]
        default:
            return []
        }
    }

    private mutating func receive(
        result: JSON, of kind: PendingRequest, id: Int64
    ) -> [ReplicaEffect] {
        switch kind {
        case .schema:
            do throws(DatabaseError) {
                let schema = try DatabaseSchema(parsing: result)
                self.schema = schema
                picture.adopt(schema)
                return [askForRows(schema)]
            } catch {
                return [giveUp("the schema of \(database) is not understood: \(error)")]
            }
        case .monitor:
            return receive(snapshot: result)
        case .lock:
            return setLock(result.object?["locked"]?.bool ?? false)
        case .transaction(let operationCount):
            let outcome = TransactionOutcome(results: result, operationCount: operationCount)
            return [.finished(TransactionID(number: id), outcome)]
        }
    }

    private mutating func receive(
        error: JSON, of kind: PendingRequest, id: Int64
    ) -> [ReplicaEffect] {
        let name = error.object?["error"]?.string ?? error.string ?? error.text
        let details = error.object?["details"]?.string ?? ""
        switch kind {
        case .schema:
            return [giveUp("the server does not offer the database \(database) (\(name))")]
        case .monitor:
            guard let older = monitor.older, let schema else {
                return [giveUp("the server refuses to be monitored: \(name) \(details)")]
            }
            monitor = older
            return [askForRows(schema)]
        case .lock:
            return setLock(false)
        case .transaction:
            let outcome = TransactionOutcome.refused(name: name, details: details, operation: nil)
            return [.finished(TransactionID(number: id), outcome)]
        }
    }

    private mutating func setLock(_ isHeld: Bool) -> [ReplicaEffect] {
        defer { holdsLock = isHeld }
        return holdsLock == isHeld && !isHeld ? [] : [.lock(isHeld: isHeld)]
    }

    // MARK: Rows

    private var monitorID: JSON { ["monid", .string(database)] }

    private mutating func askForRows(_ schema: DatabaseSchema) -> ReplicaEffect {
        var parameters: [JSON] = [.string(database), monitorID, wish.requests(of: schema)]
        if monitor == .monitorCondSince {
            parameters.append(.string(UUIDValue.zero.description))
        }
        return request(monitor.rawValue, parameters, .monitor)
    }

    private mutating func receive(snapshot result: JSON) -> [ReplicaEffect] {
        var rows = result
        if monitor == .monitorCondSince {
            guard let parts = result.array, parts.count == 3 else {
                return [giveUp("monitor_cond_since was answered with something else")]
            }
            rows = parts[2]
        }
        do throws(ReplicaError) {
            let hasChanged = try picture.replace(
                with: rows, monitor == .monitor ? .oldAndNew : .differences)
            isSynchronised = true
            if hasChanged { revision += 1 }
            return [.synchronised] + (hasChanged ? [.changed] : [])
        } catch {
            return [giveUp(error.reason)]
        }
    }

    private mutating func update(_ rows: JSON, _ style: UpdateStyle) -> [ReplicaEffect] {
        do throws(ReplicaError) {
            guard try picture.apply(rows, style) else { return [] }
            revision += 1
            return [.changed]
        } catch {
            return [giveUp(error.reason)]
        }
    }
}

/// What was asked and not yet answered.
private enum PendingRequest: Sendable {
    case schema, monitor, lock
    case transaction(operationCount: Int)
}

/// Ways to be told of changes, from newest to oldest.
private enum MonitorMethod: String, Sendable {
    case monitorCondSince = "monitor_cond_since"
    case monitorCond = "monitor_cond"
    case monitor

    /// What to try if the server does not know this one.
    var older: MonitorMethod? {
        switch self {
        case .monitorCondSince: .monitorCond
        case .monitorCond: .monitor
        case .monitor: nil
        }
    }
}
