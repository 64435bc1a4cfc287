import DatabaseProtocol
import Testing

/// Messages come out whole, however the bytes were cut on their way.
@Suite struct JSONStreamTests {
    static let text = #"{"a":"}]\"{"}[1,[2]]  {"b":{"c":[]}}"# + "\n\t[]"
    static let messages: [JSON] = [["a": "}]\"{"], [1, [2]], ["b": ["c": []]], []]

    @Test(arguments: [1, 2, 3, 5, 7, 1000])
    func findsMessagesInPiecesOfAnySize(_ size: Int) throws {
        var stream = JSONStream()
        var found: [JSON] = []
        let bytes = Array(Self.text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            stream.append(Array(bytes[start..<min(start + size, bytes.count)]))
            while let json = try stream.next() { found.append(json) }
        }
        #expect(found == Self.messages)
        #expect(stream.heldByteCount == 0)
    }

    @Test(arguments: [
        ("1", JSONError.Reason.notContainer, 0), ("]", .notContainer, 0),
        ("\"a\"", .notContainer, 0),
        ("{}x", .notContainer, 0), ("{]", .unexpectedByte, 1), (" {\"a\" 1}", .unexpectedByte, 5),
    ])
    func stopsAtTheFirstErrorForGood(_ text: String, _ reason: JSONError.Reason, _ position: Int) {
        var stream = JSONStream()
        stream.append(Array(text.utf8))
        for _ in 0..<2 {
            #expect(throws: JSONError(reason, at: position)) {
                while try stream.next() != nil {}
            }
            stream.append(Array("{}".utf8))
        }
        #expect(stream.heldByteCount == 0)
    }

    @Test func refusesMessagesThatAreTooLongOrTooDeepBeforeTheyEnd() {
        var long = JSONStream(messageByteCountMax: 10)
        long.append(Array("[123456789".utf8))
        #expect(throws: Never.self) { try long.next() }
        long.append(Array("0".utf8))
        #expect(throws: JSONError(.tooLong, at: 10)) { try long.next() }

        var deep = JSONStream()
        deep.append(Array(repeating: UInt8(ascii: "["), count: 1000))
        #expect(throws: JSONError(.tooDeep, at: ProtocolLimits.nestingDepthMax)) { try deep.next() }
    }
}
