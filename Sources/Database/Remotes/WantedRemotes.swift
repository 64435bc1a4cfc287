// What the command line and the database ask for now, as plain values.

import DatabaseProtocol
import DatabaseReplica
import Timekeeping

/// One place to listen at or to call.
struct WantedRemote: Hashable, Sendable {
    var target: String
    var backoffMax = RemoteLimits.backoffMaxDefault
    /// `nil` where the kind of place decides; zero never asks.
    var inactivityProbe: Duration?
    /// The row whose `status` tells of it.
    var row: Row?

    struct Row: Hashable, Sendable {
        let table: String
        let uuid: UUIDValue
    }

    init(_ target: String) { self.target = target }

    init?(_ row: ReplicaRow) {
        guard let target = row.string("target") else { return nil }
        self.target = target
        if let backoff = row.integer("max_backoff") {
            backoffMax = max(.milliseconds(backoff), RemoteLimits.backoffMin)
        }
        inactivityProbe = row.integer("inactivity_probe").map { milliseconds in
            milliseconds <= 0
                ? .zero : max(.milliseconds(milliseconds), RemoteLimits.inactivityProbeMin)
        }
        self.row = Row(table: row.table.name, uuid: row.uuid)
    }
}

/// Names of files for TLS; one that is missing is missing everywhere.
public struct WantedTLS: Hashable, Sendable {
    public var privateKey: String
    public var certificate: String
    public var authority: String
    public var bootstrapsAuthority: Bool
}

extension DatabaseReplica {
    /// The texts that a source stands for now.
    func texts(of source: RemoteSource) -> [String] {
        switch source {
        case .word(let word): [word]
        case .column(let table, let column): rows(of: table).flatMap { $0.strings(column) }
        }
    }

    /// The remotes that sources stand for, without doubles, in the order of their targets.
    func remotes(of sources: [RemoteSource]) -> [WantedRemote] {
        var found: [WantedRemote] = []
        for source in sources {
            guard case .column(let table, let column) = source,
                let referenced = schema?.table(table)?.column(column)?.type.key.referencedTable
            else {
                found += texts(of: source).map { WantedRemote($0) }
                continue
            }
            for owner in rows(of: table) {
                found += owner.references(column).compactMap { row(referenced, $0) }
                    .compactMap(WantedRemote.init)
            }
        }
        var targets: Set<String> = []
        return found.filter { targets.insert($0.target).inserted }
            .sorted { $0.target.utf8.lexicographicallyPrecedes($1.target.utf8) }
    }

    /// `nil` unless all three files have a name.
    func tls(of sources: TLSSources) -> WantedTLS? {
        func text(_ source: RemoteSource?) -> String? {
            source.flatMap { texts(of: $0).first }.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let key = text(sources.privateKey), let certificate = text(sources.certificate),
            let authority = text(sources.authority)
        else { return nil }
        return WantedTLS(
            privateKey: key, certificate: certificate, authority: authority,
            bootstrapsAuthority: sources.bootstrapsAuthority)
    }

    /// What has to be followed in order to answer the above; `nil` if nothing has.
    static func wish(for sources: [RemoteSource], _ schema: DatabaseSchema) -> ReplicaWish? {
        var tables: [ReplicaWish.TableWish] = []
        func add(_ name: String, _ columns: [String]) {
            if let place = tables.firstIndex(where: { $0.name == name }) {
                let known = tables[place].columns ?? []
                tables[place].columns = known + columns.filter { !known.contains($0) }
            } else {
                tables.append(ReplicaWish.TableWish(name, columns))
            }
        }
        for case .column(let table, let column) in sources {
            add(table, [column])
            if let referenced = schema.table(table)?.column(column)?.type.key.referencedTable {
                add(referenced, ["target", "max_backoff", "inactivity_probe"])
            }
        }
        return tables.isEmpty ? nil : .tables(tables)
    }
}
