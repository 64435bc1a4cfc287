// The database "_Server": what a client may know about the server's databases.

extension DatabaseSchema {
    /// The schema of the database called "_Server"; see ovsdb-server(5).
    public static let server = DatabaseSchema(
        name: "_Server", version: "1.2.0",
        tables: [
            TableSchema(
                "Database", isRoot: true,
                [
                    .column("name", .string),
                    .column("model", .one(.one(of: "standalone", "clustered", "relay"))),
                    .column("connected", .boolean),
                    .column("leader", .boolean),
                    .column("schema", .optional(.string)),
                    .column("cid", .optional(.uuid)),
                    .column("sid", .optional(.uuid)),
                    .column("index", .optional(.integer)),
                ])
        ])
}
