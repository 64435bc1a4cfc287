// Where a word of the command line comes from: itself, or a column of the database.
//
//     --remote=ptcp:6640                                     that place
//     --remote=db:Open_vSwitch,Open_vSwitch,manager_options  every row that the column refers to
//     --private-key=db:Open_vSwitch,SSL,private_key          the text in the first row's column

public import DatabaseProtocol

/// A word, or a column to read words from. ovsdb-server(1), "--remote", "SSL Options".
public enum RemoteSource: Hashable, Sendable {
    case word(String)
    case column(table: String, column: String)

    /// - Parameter schema: Of the only database that columns can be read from.
    /// - Throws: If the text names a database, table or column that is not there.
    public init(parsing text: String, _ schema: DatabaseSchema) throws(RemoteSourceError) {
        guard text.hasPrefix("db:") else {
            self = .word(text)
            return
        }
        let parts = text.dropFirst(3)
            .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else {
            throw RemoteSourceError(text, "write it as db:DATABASE,TABLE,COLUMN")
        }
        guard parts[0] == schema.name else {
            throw RemoteSourceError(text, "there is no database \(parts[0]), only \(schema.name)")
        }
        guard let table = schema.table(parts[1]) else {
            throw RemoteSourceError(text, "there is no table \(parts[1])")
        }
        guard let column = table.column(parts[2]) else {
            throw RemoteSourceError(text, "table \(parts[1]) has no column \(parts[2])")
        }
        let base = column.type.key
        let isTarget =
            base.referencedTable.flatMap { schema.table($0) }?.column("target") != nil
        guard base.type == .string || isTarget, !column.type.isMap else {
            throw RemoteSourceError(
                text, "the column holds neither texts nor rows with a column \"target\"")
        }
        self = .column(table: table.name, column: column.name)
    }
}

public struct RemoteSourceError: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    public let problem: String

    init(_ text: String, _ problem: String) { (self.text, self.problem) = (text, problem) }

    public var description: String { "\(text): \(problem)" }
}

/// Where the names of the files of keys and certificates come from.
public struct TLSSources: Hashable, Sendable {
    public var privateKey: RemoteSource?
    public var certificate: RemoteSource?
    public var authority: RemoteSource?
    /// Whether a missing file of `authority` is made from what the first peer shows.
    public var bootstrapsAuthority = false

    public init() {}

    var all: [RemoteSource] { [privateKey, certificate, authority].compactMap { $0 } }
}
