import DatabaseProtocol
import Testing

/// The schemas are whole, and schemas survive being written and read.
@Suite struct SchemaTests {
    @Test(arguments: [DatabaseSchema.openVSwitch, .server])
    func survivesItsJSON(_ schema: DatabaseSchema) throws {
        #expect(try DatabaseSchema(parsing: JSON(parsing: schema.json.text)) == schema)
    }

    @Test func hasWhatOpenVSwitchsToolsAskFor() throws {
        let schema = DatabaseSchema.openVSwitch
        #expect(schema.tables.count == 19)
        #expect(schema.tables.map(\.columns.count).reduce(0, +) == 190)
        #expect(
            schema.tables.filter(\.isRoot).map(\.name) == [
                "Flow_Sample_Collector_Set", "Open_vSwitch", "QoS", "Queue",
            ])
        let port = try #require(schema.table("Port"))
        #expect(port.indexes == [["name"]])
        #expect(port.column("name")?.isMutable == false)
        #expect(port.column("statistics")?.isEphemeral == true)
        #expect(port.column("interfaces")?.type.key.referencedTable == "Interface")
        #expect(port.column("_uuid") != nil && port.column("_nothing") == nil)
        #expect(schema.table("Mirror")?.column("output_port")?.type.key.strength == .weak)
    }

    @Test(arguments: [
        "{}", #"{"name":"x"}"#, #"{"name":"x","tables":{"T":{}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{"_a":{"type":"string"}}}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{"a":{"type":"text"}}}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{"a":{"type":{"key":"string","min":2}}}}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{"a":{"type":{"key":"string","max":0}}}}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{"a":"#
            + #"{"type":{"key":{"type":"uuid","refTable":"U"}}}}}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{},"indexes":[["a"]]}}}"#,
        #"{"name":"x","tables":{"T":{"columns":{},"maxRows":0}}}"#,
    ])
    func refuses(_ text: String) throws {
        let json = try JSON(parsing: text)
        let error = #expect(throws: DatabaseError.self) { try DatabaseSchema(parsing: json) }
        #expect(error?.name == .syntaxError)
    }
}
