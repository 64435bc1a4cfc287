// A database as one record, to be written in the place of all the records that made it.

public import DatabaseProtocol

/// Everything that lasts of a database, as it was at one moment. Shares its rows with the database
/// until either changes.
public struct DatabaseSnapshot: Sendable {
    let database: Database

    public var schema: DatabaseSchema { database.schema }

    /// The record that makes an empty database what this one is; `nil` if there are no rows.
    ///
    /// Written row by row, for as a tree of values a large database would need many times its own
    /// memory.
    ///
    /// - Parameter members: What the record shall say beside the rows, for example "_date".
    public func text(adding members: JSONObject = [:]) -> [UInt8]? {
        guard database.rowCount > 0 else { return nil }
        var out: [UInt8] = [UInt8(ascii: "{")]
        for (place, table) in database.tables.enumerated() where !table.rows.isEmpty {
            separate(&out)
            JSON.string(table.schema.name).write(to: &out)
            out.append(contentsOf: ":{".utf8)
            for uuid in table.sortedUUIDs {
                let row = RowChange(table: place, uuid: uuid, old: nil, new: table.rows[uuid])
                separate(&out)
                _ = database.writeLogged(row, to: &out)  // Of a new row there is always a word.
            }
            out.append(UInt8(ascii: "}"))
        }
        for (name, value) in members.members {
            separate(&out)
            JSON.string(name).write(to: &out)
            out.append(UInt8(ascii: ":"))
            value.write(to: &out)
        }
        out.append(UInt8(ascii: "}"))
        return out
    }

    /// A comma, unless this is the first member.
    private func separate(_ out: inout [UInt8]) {
        if out.last != UInt8(ascii: "{") { out.append(UInt8(ascii: ",")) }
    }
}
