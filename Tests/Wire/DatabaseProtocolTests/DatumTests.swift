import DatabaseProtocol
import Testing

/// Values of columns: their order, their text, and what they refuse.
@Suite struct DatumTests {
    static func type(_ text: String) throws -> ColumnType {
        try ColumnType(parsing: JSON(parsing: text))
    }

    @Test(arguments: [
        (#""integer""#, "5", "5"), (#""real""#, "5", "5"), (#""string""#, #""é""#, #""é""#),
        (#"{"key":"integer","min":0}"#, #"["set",[]]"#, #"["set",[]]"#),
        (#"{"key":"integer","min":0}"#, #"["set",[7]]"#, "7"),
        (
            #"{"key":"integer","min":0,"max":"unlimited"}"#, #"["set",[3,-1,2]]"#,
            #"["set",[-1,2,3]]"#
        ),
        (
            #"{"key":"string","value":"integer","min":0,"max":"unlimited"}"#,
            #"["map",[["b",1],["a",2]]]"#, #"["map",[["a",2],["b",1]]]"#
        ),
        (#"{"key":"boolean","min":0,"max":2}"#, #"["set",[true,false]]"#, #"["set",[false,true]]"#),
        (
            #""uuid""#, #"["uuid","0123ABCD-4567-89ab-cdef-0123456789ab"]"#,
            #"["uuid","0123abcd-4567-89ab-cdef-0123456789ab"]"#
        ),
        (#""uuid""#, #"["named-uuid","x"]"#, #"["named-uuid","x"]"#),
    ])
    func readsAndPrints(_ type: String, _ given: String, _ printed: String) throws {
        let datum = try Datum(parsing: JSON(parsing: given), as: Self.type(type))
        #expect(datum.json.text == printed)
    }

    @Test(arguments: [
        (#""integer""#, "1.5", DatabaseError.Name.syntaxError),
        (#""integer""#, #""1""#, .syntaxError),
        (#""integer""#, #"["set",[]]"#, .syntaxError),
        (#""integer""#, #"["set",5]"#, .syntaxError),
        (#""integer""#, #"["set",[1,2]]"#, .syntaxError),
        (#""boolean""#, "0", .syntaxError),
        (#"{"key":{"type":"integer","maxInteger":4095}}"#, "4096", .constraintViolation),
        (#"{"key":{"type":"integer","minInteger":1}}"#, "0", .constraintViolation),
        (#"{"key":{"type":"real","minReal":0.5}}"#, "0.25", .constraintViolation),
        (#"{"key":{"type":"string","maxLength":2}}"#, #""abc""#, .constraintViolation),
        (#"{"key":{"type":"string","enum":["set",["a","b"]]}}"#, #""c""#, .constraintViolation),
        (#"{"key":"integer","min":0,"max":"unlimited"}"#, #"["set",[1,1]]"#, .ovsdbError),
        (
            #"{"key":"string","value":"string","min":0,"max":9}"#,
            #"["map",[["a","b"],["a","c"]]]"#, .ovsdbError
        ),
        (#"{"key":"string","value":"string","min":0,"max":9}"#, #"["map",[["a"]]]"#, .syntaxError),
        (#"{"key":"string","value":"string","min":0,"max":9}"#, #""a""#, .syntaxError),
        (#""uuid""#, #"["uuid","0123ABCD"]"#, .syntaxError),
        (#""uuid""#, #"["uid","x"]"#, .syntaxError),
    ])
    func refuses(_ type: String, _ given: String, _ name: DatabaseError.Name) throws {
        let (json, type) = (try JSON(parsing: given), try Self.type(type))
        let error = #expect(throws: DatabaseError.self) { try Datum(parsing: json, as: type) }
        #expect(error?.name == name)
    }

    @Test func stringsAreComparedByBytes() {
        let (composed, decomposed) = (Atom.string("\u{e9}"), Atom.string("e\u{301}"))
        #expect(composed != decomposed)
        #expect(Datum(set: [composed, decomposed]).count == 2)
        #expect(Datum(set: [.string("é"), .string("z")]).keys == [.string("z"), .string("é")])
    }

    /// All sets and maps over three keys: a difference leads from each value to each other.
    @Test func differencesLeadFromEveryValueToEveryOther() throws {
        let set = try Self.type(#"{"key":"integer","min":0,"max":"unlimited"}"#)
        let map = try Self.type(#"{"key":"integer","value":"integer","min":0,"max":"unlimited"}"#)
        func all(_ choices: Int, _ make: ([(Int64, Int64)]) -> Datum) -> [Datum] {
            (0..<choices * choices * choices).map { number in
                let digits = [
                    number % choices, number / choices % choices, number / choices / choices,
                ]
                return make(digits.enumerated().filter { $1 > 0 }.map { (Int64($0), Int64($1)) })
            }
        }
        let sets = all(2) { Datum(set: $0.map { .integer($0.0) }) }
        let maps = all(3) { Datum(map: $0.map { (.integer($0.0), .integer($0.1)) }) }
        for (values, type) in [(sets, set), (maps, map)] {
            for old in values {
                for new in values {
                    let difference = old.difference(to: new, type: type)
                    #expect(old.applying(difference, type: type) == new)
                    #expect(difference.isEmpty == (old == new))
                }
            }
        }
    }

    @Test(arguments: [
        "", "x", "0123abcd-4567-89ab-cdef-0123456789a", "0123abcd-4567-89ab-cdef-0123456789abc",
        "0123abcd04567-89ab-cdef-0123456789ab", "0123abcd-4567-89ab-cdef-0123456789ag",
    ])
    func refusesWhatIsNoUUID(_ text: String) { #expect(UUIDValue(text) == nil) }
}
