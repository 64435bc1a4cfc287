import DatapathMessages
import Flows
import Testing

/// Answers that repeat the decision before them say so in few bytes, and mean it exactly.
@Suite struct UpcallAnswerTests {
    private static func mask(_ number: UInt16) -> FlowMask {
        var mask = FlowMask()
        (mask.inPort, mask.tpSrc) = (.max, number)
        return mask
    }

    private static func answer(
        _ id: UInt32, mask: UInt16? = 1, executes: Bool = true, port: UInt32 = 2
    ) -> UpcallAnswer {
        UpcallAnswer(
            id: id, mask: mask.map { Self.mask($0) }, executes: executes,
            actions: [.output(port: port)])
    }

    private static func bytes(_ answers: [UpcallAnswer]) throws -> [UInt8] {
        var writer = DatagramWriter()
        for answer in answers { #expect(try writer.append(answer)) }
        return writer.bytes
    }

    private static func answers(_ bytes: [UInt8]) -> [UpcallAnswer?] {
        DatapathRequest.decode(bytes.span.bytes).map {
            if case .success(.answerUpcall(let answer)) = $0.content { answer } else { nil }
        }
    }

    @Test func eachComesBackAsItWas() throws {
        let answers = [
            Self.answer(1), Self.answer(2), Self.answer(3, executes: false),
            Self.answer(4, port: 3), Self.answer(5, port: 3), Self.answer(6, mask: nil, port: 9),
            Self.answer(7, port: 3), Self.answer(8, mask: 2, port: 3), UpcallAnswer(id: 9),
            Self.answer(10, mask: 2, port: 3), Self.answer(11),
        ]
        let back = Self.answers(try Self.bytes(answers))
        #expect(back == answers)
    }

    /// By whichever way they are added.
    @Test func numberedOnesCountToo() throws {
        var writer = DatagramWriter()
        let answers = [Self.answer(1), Self.answer(2, port: 3), Self.answer(3), Self.answer(4)]
        #expect(try writer.append(answers[0]))
        #expect(try writer.append(.answerUpcall(answers[1]), sequence: 7))
        #expect(try writer.append(answers[2]))
        #expect(try writer.append(.answerUpcall(answers[3]), sequence: 8))
        let back = Self.answers(writer.bytes)
        #expect(back == answers)
    }

    @Test func aRepetitionIsShort() throws {
        let one = try Self.bytes([Self.answer(1)]).count
        let two = try Self.bytes([Self.answer(1), Self.answer(2)]).count
        #expect(two - one < 48)
        #expect(one > 200)
    }

    @Test func eachDatagramStandsAlone() throws {
        var writer = DatagramWriter()
        #expect(try writer.append(Self.answer(1)))
        writer.removeAll()
        #expect(try writer.append(Self.answer(2)))
        let back = Self.answers(writer.bytes)
        #expect(back == [Self.answer(2)])
    }

    /// "Again" behind nothing, or behind what could not be read, is refused and not guessed.
    @Test func nothingIsGuessed() throws {
        let first = try Self.bytes([Self.answer(1)])
        var all = try Self.bytes([Self.answer(1), Self.answer(2), Self.answer(3, mask: 2)])
        let alone = Self.answers(Array(all[first.count...]))
        #expect(alone == [nil, Self.answer(3, mask: 2)])
        // The first answer's number, right behind netlink's, generic netlink's and the datapath's
        // headers and its own: one that is nobody's.
        for index in 28..<32 { all[index] = 0 }
        let broken = Self.answers(all)
        #expect(broken == [nil, nil, Self.answer(3, mask: 2)])
    }
}
