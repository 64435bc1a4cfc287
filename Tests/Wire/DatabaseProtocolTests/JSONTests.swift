import DatabaseProtocol
import Testing

/// The parser takes exactly RFC 8259 (but for U+0000 in strings) and says where a text goes wrong.
@Suite struct JSONTests {
    static let texts: [(String, JSON)] = [
        ("null", nil), (" true ", true), ("\t[\r\n]", []), ("{}", [:]),
        ("0", 0), ("-0", 0), ("-12", -12), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("1.0", 1), ("1e3", 1000), ("12E-1", 1.2),
        ("9223372036854775808", .real(9_223_372_036_854_775_808)), ("1.5e300", 1.5e300),
        (#""a\"\\\/\b\f\n\r\t\u0041""#, "a\"\\/\u{8}\u{c}\n\r\tA"),
        (#""\ud83d\ude00é""#, "😀é"), ("\"é😀\"", "é😀"),
        (#"{"a":1,"b":[true,null],"a":2}"#, ["a": 2, "b": [true, nil]]),
    ]

    @Test(arguments: texts)
    func reads(_ text: String, _ value: JSON) throws {
        #expect(try JSON(parsing: text) == value)
        #expect(try JSON(parsing: value.text) == value)
    }

    @Test(arguments: [
        ("", JSONError.Reason.unexpectedEnd, 0), ("  ", .unexpectedEnd, 2),
        ("nul", .unexpectedEnd, 3),
        ("nulL", .unexpectedByte, 3), ("[1,]", .unexpectedByte, 3), ("[1 2]", .unexpectedByte, 3),
        ("{1:2}", .unexpectedByte, 1), (#"{"a" 1}"#, .unexpectedByte, 5),
        (#"{"a":1,}"#, .unexpectedByte, 7), ("01", .badNumber, 0), ("-01", .badNumber, 0),
        ("-", .unexpectedEnd, 1), ("1.", .badNumber, 2), ("1e", .badNumber, 2),
        ("+1", .unexpectedByte, 0),
        (".5", .unexpectedByte, 0), ("1e999", .numberTooLarge, 0), ("\"a", .unexpectedEnd, 2),
        ("\"\u{1}\"", .controlCharacter, 1), (#""\x""#, .badEscape, 2),
        (#""\u12g4""#, .badEscape, 5),
        (#""\u0000""#, .nullCharacter, 7), (#""\ud800""#, .badEscape, 7),
        (#""\udc00""#, .badEscape, 7), (#""\ud800\u0041""#, .badEscape, 13),
        ("1 2", .trailingBytes, 2), ("[]]", .trailingBytes, 2), ("\u{b}1", .unexpectedByte, 0),
    ])
    func refuses(_ text: String, _ reason: JSONError.Reason, _ position: Int) {
        #expect(throws: JSONError(reason, at: position)) { try JSON(parsing: text) }
    }

    @Test func refusesWhatIsNotUTF8() {
        for bytes: [UInt8] in [
            [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80],
        ] {
            #expect(throws: JSONError(.badUTF8, at: 1)) {
                try JSON(parsing: [0x22] + bytes + [0x22])
            }
        }
    }

    @Test func refusesDeepNestingButNotTheDeepestAllowed() throws {
        let deepest = ProtocolLimits.nestingDepthMax
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(deepest))
        #expect(throws: JSONError(.tooDeep, at: deepest)) { try JSON(parsing: nested(deepest + 1)) }
        let objects = String(repeating: #"{"a":"#, count: 100_000)
        #expect(throws: JSONError.self) { try JSON(parsing: objects) }
    }

    /// Every prefix of an honest text is refused without a trap; so is every changed byte, or it is
    /// another text that reads back as itself.
    @Test func survivesEveryCutAndEveryChangedByte() {
        let whole = Array(
            #"{"id":[1,-2.5e1],"m":"a\u00e9\ud83d\ude00\"","p":{"x":null,"y":true}} "#.utf8)
        for count in 0..<(whole.count - 1) {
            #expect(throws: JSONError.self) { try JSON(parsing: Array(whole[..<count])) }
        }
        for place in whole.indices {
            for byte: UInt8 in [0, 0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x2c, 0x30, 0x75, 0x80, 0xff] {
                var bytes = whole
                bytes[place] = byte
                guard let json = try? JSON(parsing: bytes) else { continue }
                #expect((try? JSON(parsing: json.bytes)) == json)
            }
        }
    }

    static let printed: [(JSON, String)] = [
        (0.1, "0.1"), (1e100, "1e+100"), (1.0, "1"), (-2.5, "-2.5"),
        ("\u{1}\u{7f}/é", #""\u0001"# + "\u{7f}/é\""),
        (["b": 1, "a": [nil, false]], #"{"b":1,"a":[null,false]}"#),
    ]

    @Test(arguments: printed)
    func prints(_ value: JSON, _ text: String) { #expect(value.text == text) }

    @Test func objectsKeepOrderAndFindNamesHoweverMany() {
        var object = JSONObject()
        for number in 0..<40 { object["n\(number)"] = .integer(Int64(number)) }
        object["n7"] = "changed"
        object["n3"] = nil
        #expect(object.count == 39)
        #expect(object["n3"] == nil && object["n7"] == "changed" && object["n39"] == 39)
        #expect(object.names.prefix(4) == ["n0", "n1", "n2", "n4"])
        let reversed = JSONObject(object.members.map { ($0, $1) }.reversed())
        #expect(reversed == object && reversed.hashValue == object.hashValue)
        #expect(reversed.names != object.names)
    }
}
