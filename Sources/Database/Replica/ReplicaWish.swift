// Which part of the database a client wants to know.

import DatabaseProtocol

/// Tables and columns to follow. What the server's schema does not have is not asked for.
public enum ReplicaWish: Hashable, Sendable {
    case everything
    /// Only these tables. A table with no columns is followed for the presence of its rows.
    case tables([TableWish])

    public struct TableWish: Hashable, Sendable {
        public var name: String
        /// `nil` is all of them.
        public var columns: [String]?

        public init(_ name: String, _ columns: [String]? = nil) {
            (self.name, self.columns) = (name, columns)
        }
    }

    /// The wish as a "monitor requests" object for a server with `schema`. RFC 7047 §4.1.5.
    func requests(of schema: DatabaseSchema) -> JSON {
        var requests: JSONObject = [:]
        switch self {
        case .everything:
            for table in schema.tables {
                requests[table.name] = Self.request(table.columns.map(\.name))
            }
        case .tables(let wishes):
            for wish in wishes {
                guard let table = schema.table(wish.name) else { continue }
                let known = table.columns.map(\.name)
                requests[table.name] = Self.request(
                    wish.columns.map { wanted in known.filter(wanted.contains) } ?? known)
            }
        }
        return .object(requests)
    }

    private static func request(_ columns: [String]) -> JSON {
        [["columns": .array(columns.map(JSON.string))]]
    }
}
