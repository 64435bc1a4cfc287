import DatabaseProtocol
import Testing

@testable import DatabaseEngine

/// Transactions happen wholly or not at all, and name what is wrong as RFC 7047 does.
@Suite struct TransactionTests {
    static func names(_ table: String, _ bench: inout Bench) throws -> [String] {
        let results = try bench.transact(
            select("\(table)", #""name""#))
        let rows = results.first?.object?["rows"]?.array ?? []
        return rows.compactMap { $0.object?["name"]?.string }.sorted()
    }

    @Test func namesMayBeUsedBeforeTheyAreDeclared() throws {
        var bench = try Bench()
        #expect(
            try verdicts(bench.transact(root + "," + bridge)) == ["ok", "ok", "ok", "ok", "ok"])
        for table in ["Bridge", "Port", "Interface"] {
            #expect(try Self.names(table, &bench) == ["br0"])
        }
    }

    @Test func rowsThatNobodyNeedsGoAndTheirsAfterThem() throws {
        var bench = try Bench()
        _ = try bench.transact(root + "," + bridge)
        let clear =
            update("Open_vSwitch", #"{"bridges":["set",[]]}"#)
        #expect(try verdicts(bench.transact(clear)) == ["ok"])
        for table in ["Bridge", "Port", "Interface"] {
            #expect(try Self.names(table, &bench) == [])
        }
        #expect(try verdicts(bench.transact(bridge)) == ["ok", "ok", "ok", "ok"])
    }

    @Test func rowsInsertedForNobodyAreGoneAtOnce() throws {
        var bench = try Bench()
        let heard = try bench.tell(
            transact(insert("Interface", #"{"name":"x"}"#))
        )
        #expect(heard.count == 1)
        #expect(try Self.names("Interface", &bench) == [])
    }

    static let uuid = "00000000-0000-4000-8000-000000000001"

    /// What is wrong in the last operations, and the verdict on each of them.
    static let faults: [(String, [String])] = [
        (
            bridge.replacing(
                update("Open_vSwitch", #"{"bridges":["named-uuid","b"]}"#),
                mutate("Open_vSwitch", #"["bridges","insert",["named-uuid","b"]]"#)
            ),
            ["ok", "ok", "ok", "ok", "constraint violation"]
        ),
        (root, ["ok", "constraint violation"]),
        (delete("Port"), ["ok", "referential integrity violation"]),
        (
            update("Bridge", #"{"ports":["named-uuid","nobody"]}"#),
            ["ok", "referential integrity violation"]
        ),
        (
            ops(update("Port", #"{"tag":4096}"#), #"{"op":"abort"}"#),
            ["constraint violation", "null"]
        ),
        (
            update("Port", #"{"name":"x"}"#),
            ["constraint violation"]
        ),
        (
            ops(update("Port", #"{"tag":4}"#), #"{"op":"abort"}"#, #"{"op":"abort"}"#),
            ["ok", "aborted", "null"]
        ),
        (
            mutate("Open_vSwitch", #"["next_cfg","/=",0]"#),
            ["domain error"]
        ),
        (
            mutate("Open_vSwitch", #"["next_cfg","-=",9223372036854775807],["next_cfg","-=",9]"#),
            ["range error"]
        ),
        (
            mutate("Port", #"["trunks","+=",4095]"#),
            ["constraint violation"]
        ),
        (
            mutate("Port", #"["interfaces","delete",["set",[]]],["tag","insert",["set",[1,2]]]"#),
            ["syntax error"]
        ),
        (#"{"op":"assert","lock":"mine"}"#, ["not owner"]),
        (
            #"{"op":"wait","table":"Port","where":[],"columns":["name"],"until":"!=","timeout":0,"#
                + #""rows":[{"name":"br0"}]}"#,
            ["timed out"]
        ),
        (
            ops(insert("Queue", "{}", as: "q"), insert("Queue", "{}", as: "q")),
            ["ok", "duplicate uuid-name"]
        ),
        (
            ops(insert("Queue", "{}", uuid: uuid), insert("Queue", "{}", uuid: uuid)),
            ["ok", "duplicate uuid"]
        ),
        (ops(insert("Prot", "{}"), "5"), ["syntax error", "null"]),
        (#"5"#, ["syntax error"]),
    ]

    @Test(arguments: faults)
    func failuresChangeNothing(_ operations: String, _ expected: [String]) throws {
        var bench = try Bench()
        let trunks = update("Port", #"{"trunks":["set",[1,2]]}"#)
        _ = try bench.transact(root + "," + bridge + "," + trunks)
        let everything = DatabaseSchema.openVSwitch.tables
            .map { #"{"op":"select","table":"\#($0.name)","where":[]}"# }.joined(separator: ",")
        let before = try bench.transact(everything)
        let heard = try bench.tell(
            #"{"method":"transact","params":["Open_vSwitch",\#(operations)],"id":1}"#)
        guard heard.count == 1, case .reply(_, let result, _) = heard[0] else {
            Issue.record("not one reply but \(heard)")
            return
        }
        #expect(verdicts(result.array ?? []) == expected)
        #expect(try bench.transact(everything) == before)
        // Counts and indexes are as before, too: the same can still be done.
        let clear =
            update("Open_vSwitch", #"{"bridges":["set",[]]}"#)
        #expect(try verdicts(bench.transact(clear + "," + bridge)).allSatisfy { $0 == "ok" })
    }

    @Test func anEmptyDatabaseMayBeWaitedForWithoutColumns() throws {
        var bench = try Bench()
        let wait =
            #"{"op":"wait","table":"Open_vSwitch","where":[],"rows":[],"until":"==","timeout":0}"#
        #expect(try verdicts(bench.transact(wait + "," + root)) == ["ok", "ok"])
        #expect(try verdicts(bench.transact(wait + "," + root)) == ["timed out", "null"])
    }

    @Test func weakReferencesGoWithTheirRow() throws {
        var bench = try Bench()
        let mirror =
            insert(
                "Mirror",
                #"{"output_port":["named-uuid","p"],"#
                    + #""select_src_port":["set",[["named-uuid","p"],["named-uuid","nobody"]]]}"#,
                as: "m") + ","
            + update("Bridge", #"{"mirrors":["named-uuid","m"]}"#)
        _ = try bench.transact(root + "," + bridge + "," + mirror)
        let select =
            select("Mirror", #""output_port","select_src_port""#)
        let first = try bench.transact(select)[0].object?["rows"]?.array?[0].object
        #expect(first?["output_port"] == first?["select_src_port"])
        #expect(first?["output_port"]?.array?.first == "uuid")
        _ = try bench.transact(
            update("Bridge", #"{"ports":["set",[]]}"#))
        #expect(
            try bench.transact(select) == [
                ["rows": [["output_port": ["set", []], "select_src_port": ["set", []]]]]
            ])
    }

    @Test func valuesOfAnIndexMayChangeHandsInOneTransaction() throws {
        var bench = try Bench()
        let insert =
            ops(
                insert("Manager", #"{"target":"a"}"#, as: "a"),
                insert("Manager", #"{"target":"b"}"#, as: "b"),
                update(
                    "Open_vSwitch",
                    #"{"manager_options":["set",[["named-uuid","a"],["named-uuid","b"]]]}"#))
        _ = try bench.transact(root + "," + insert)
        func rename(_ from: String, _ to: String) -> String {
            update("Manager", #"{"target":"\#(to)"}"#, where: #"[["target","==","\#(from)"]]"#)
        }
        let swap = [rename("a", "c"), rename("b", "a"), rename("c", "b")].joined(separator: ",")
        #expect(try verdicts(bench.transact(swap)) == ["ok", "ok", "ok"])
        #expect(try verdicts(bench.transact(rename("a", "b"))) == ["ok", "constraint violation"])
        #expect(try verdicts(bench.transact(rename("a", "c"))) == ["ok"])
    }

    static let mutations: [(String, String, String)] = [
        (#"["next_cfg","+=",2],["next_cfg","*=",5],["next_cfg","%=",7]"#, "next_cfg", "3"),
        (
            #"["other_config","insert",["map",[["a","1"],["b","2"]]]],"#
                + #"["other_config","insert",["map",[["a","9"]]]]"#,
            "other_config", #"["map",[["a","1"],["b","2"]]]"#
        ),
        (
            #"["other_config","insert",["map",[["a","1"],["b","2"],["c","3"]]]],"#
                + #"["other_config","delete",["map",[["a","9"],["b","2"]]]]"#,
            "other_config", #"["map",[["a","1"],["c","3"]]]"#
        ),
        (
            #"["other_config","insert",["map",[["a","1"],["b","2"]]]],"#
                + #"["other_config","delete",["set",["a","z"]]]"#,
            "other_config", #"["map",[["b","2"]]]"#
        ),
        (
            #"["iface_types","insert",["set",["b","a"]]],["iface_types","insert","a"],"#
                + #"["iface_types","delete","b"]"#,
            "iface_types", #""a""#
        ),
    ]

    @Test(arguments: mutations)
    func mutates(_ mutations: String, _ column: String, _ expected: String) throws {
        var bench = try Bench()
        let results = try bench.transact(
            root
                + "," + mutate("Open_vSwitch", mutations) + ","
                + select("Open_vSwitch", #""\#(column)""#))
        #expect(results.last?.object?["rows"]?.array?.first?.object?[column]?.text == expected)
    }
}
