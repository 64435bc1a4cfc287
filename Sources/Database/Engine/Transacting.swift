// "transact" and "cancel": from the request to the record, the news, and the reply.

import DatabaseProtocol
import Timekeeping

extension DatabaseServer {
    mutating func transact(
        _ call: Call, now: Instant, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) throws(DatabaseError) -> [DatabaseEffect] {
        let name = try databaseName(call)
        guard call.parameters.count <= ProtocolLimits.operationCountMax else {
            throw DatabaseError(
                .resourcesExhausted, "more than \(ProtocolLimits.operationCountMax) operations")
        }
        let transaction = WaitingTransaction(
            id: call.id, database: name, operations: Array(call.parameters.dropFirst()),
            arrivedAt: now, deadline: nil)
        switch attempt(
            transaction, of: call.session, now: now, random: &random, journal: journal)
        {
        case .done(let effects, let isChange):
            guard isChange, waitingCount > 0 else { return effects }
            return effects + retryWaiting(now: now, random: &random, journal: journal)
        case .waiting(let transaction):
            guard sessions[call.session]?.waiting.count ?? 0 < EngineLimits.waitingPerSessionMax
            else {
                throw DatabaseError(.resourcesExhausted, "too many transactions wait")
            }
            sessions[call.session]?.waiting.append(transaction)
            waitingCount += 1
            return []
        }
    }

    private enum Attempt {
        case done([DatabaseEffect], isChange: Bool)
        case waiting(WaitingTransaction)
    }

    private mutating func attempt(
        _ transaction: WaitingTransaction, of session: SessionID, now: Instant,
        random: inout UUIDSource, journal: any DatabaseJournal
    ) -> Attempt {
        let owned = (sessions[session]?.locks ?? []).filter { locks.owner(of: $0) == session }
        let elapsed = now.since(transaction.arrivedAt).nanosecondsClamped / 1_000_000
        let context = TransactionContext(
            ownedLocks: Set(owned), isReadOnly: transaction.database == Self.serverName,
            elapsedMilliseconds: elapsed)
        guard let place = databases.index(forKey: transaction.database) else {
            return .done([], isChange: false)
        }
        let outcome = databases.values[place].database.execute(
            transaction.operations, context: context, random: &random
        ) { (record, isDurable) throws(DatabaseError) in
            try journal.append(record, to: transaction.database, isDurable: isDurable)
        }
        func reply(_ results: [JSON]) -> DatabaseEffect {
            let bytes = RPCMessage.reply(id: transaction.id) { JSON.array(results).write(to: &$0) }
            return .send(bytes, session)
        }
        switch outcome {
        case .failed(let results): return .done([reply(results)], isChange: false)
        case .waiting(let milliseconds):
            var waiting = transaction
            waiting.deadline = milliseconds.map {
                transaction.arrivedAt + .milliseconds(min($0, Int64(Int32.max)))
            }
            return .waiting(waiting)
        case .committed(let results, let changes):
            let news = told(changes, in: transaction.database, random: &random)
            return .done(news + [reply(results)], isChange: !changes.isEmpty)
        }
    }

    /// Names the new state of a database, remembers how it came to be, and makes the news of it.
    mutating func told(
        _ changes: [RowChange], in name: String, random: inout UUIDSource
    ) -> [DatabaseEffect] {
        guard !changes.isEmpty, let place = databases.index(forKey: name) else { return [] }
        databases.values[place].history.note(
            changes, before: databases.values[place].stateName)
        databases.values[place].stateName = UUIDValue(random: random.next(), random.next())
        return news(of: changes, in: name)
    }

    /// Tries all waiting transactions again until none of them gets any further.
    mutating func retryWaiting(
        now: Instant, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) -> [DatabaseEffect] {
        var effects: [DatabaseEffect] = []
        var isChanged: Bool
        repeat {
            isChanged = false
            for id in sessionOrder {
                let waiting = sessions[id]?.waiting ?? []
                guard !waiting.isEmpty else { continue }
                sessions[id]?.waiting = []
                for transaction in waiting {
                    switch attempt(
                        transaction, of: id, now: now, random: &random, journal: journal)
                    {
                    case .done(let more, let isChange):
                        waitingCount -= 1
                        effects += more
                        isChanged = isChanged || isChange
                    case .waiting(let again): sessions[id]?.waiting.append(again)
                    }
                }
            }
        } while isChanged
        return effects
    }

    /// Ends a waiting transaction of the client. RFC 7047 §4.1.4.
    mutating func cancel(_ id: JSON, _ session: SessionID) -> [DatabaseEffect] {
        guard let place = sessions[session]?.waiting.firstIndex(where: { $0.id == id }) else {
            return []
        }
        sessions[session]?.waiting.remove(at: place)
        waitingCount -= 1
        return [Self.canceled(id, session)]
    }

    static func canceled(_ id: JSON, _ session: SessionID) -> DatabaseEffect {
        let error = JSON.string(DatabaseError.Name.canceled.rawValue)
        return .send(RPCMessage.failure(error: error, id: id).bytes, session)
    }
}
