// The database "_Server": what a client may know about the server's databases.

extension DatabaseSchema {
    /// The schema of the database called "_Server"; see ovsdb-server(5).
    public static let server = DatabaseSchema(
        name: "_Server", version: "1.2.0", tables: [DatabaseColumns.schema])
}

/// One database of the server.
struct DatabaseColumns: TableColumns {
    static let table = "Database"
    static let columns = DatabaseColumns()
    static let isRoot = true

    let name = Column("name", .string)
    let model = Column("model", .one(.word(of: "standalone", "clustered", "relay")))
    let connected = Column("connected", .boolean)
    let leader = Column("leader", .boolean)
    let schema = Column("schema", .optional(.string))
    let cid = Column("cid", .optional(.uuid))
    let sid = Column("sid", .optional(.uuid))
    let index = Column("index", .optional(.integer))
}
