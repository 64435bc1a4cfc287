import OpenFlow
import Testing
import Tools

// OpenFlow that stands in files: `ofp-parse`, `ofp-parse-pcap`.

@Suite struct OfctlFilesTests {
    static let messages: [UInt8] =
        OpenFlowDialect(.v10).encode(OpenFlowMessage(xid: 1, .hello(.spoken)))
        + OpenFlowDialect(.v13).encode(OpenFlowMessage(xid: 2, .barrierRequest))

    @Test func messagesOfAnyVersionAreTold() throws {
        let text = try OfctlFiles.messages(in: Self.messages)
        #expect(text.contains("OFPT_HELLO"))
        #expect(text.contains("OFPT_BARRIER_REQUEST (OF1.3) (xid=0x2)"))
        // What is not whole is not told.
        let part = try OfctlFiles.messages(in: Array(Self.messages.dropLast()))
        #expect(!part.contains("BARRIER"))
    }

    @Test func brokenMessagesAreRefused() {
        #expect(throws: OfctlFailure.self) {
            try OfctlFiles.messages(in: [1, 0, 0, 4, 0, 0, 0, 0])
        }
    }

    /// A pcap file of TCP segments, each 10.0.0.1.40000 > 10.0.0.2.PORT.
    static func capture(
        _ segments: [(port: UInt16, sequence: UInt8, payload: [UInt8])]
    ) -> [UInt8] {
        var file: [UInt8] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0] + [UInt8](repeating: 0, count: 12)
        file += [1, 0, 0, 0]
        for segment in segments {
            let total = 40 + segment.payload.count
            var frame = [UInt8](repeating: 2, count: 12) + [8, 0]
            frame += [0x45, 0, 0, UInt8(total), 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
            frame += [0x9c, 0x40, UInt8(segment.port >> 8), UInt8(segment.port & 0xff)]
            frame += [0, 0, 0, segment.sequence, 0, 0, 0, 0, 0x50, 0x18, 0, 0, 0, 0, 0, 0]
            frame += segment.payload
            file += [UInt8](repeating: 0, count: 8) + [UInt8(frame.count), 0, 0, 0]
            file += [UInt8(frame.count), 0, 0, 0] + frame
        }
        return file
    }

    @Test func segmentsAreJoinedAndOtherPortsPassedOver() throws {
        let barrier = OpenFlowDialect(.v13).encode(OpenFlowMessage(xid: 2, .barrierRequest))
        let file = Self.capture([
            (6653, 1, Array(barrier.prefix(3))), (6653, 1, Array(barrier.prefix(3))),
            (80, 1, barrier), (6653, 4, Array(barrier.dropFirst(3))),
        ])
        let text = try OfctlFiles.capture(file, ports: [])
        #expect(text.hasPrefix("10.0.0.1.40000 > 10.0.0.2.6653:\n"))
        #expect(text.components(of: "OFPT_BARRIER_REQUEST") == 1)
        #expect(try OfctlFiles.capture(file, ports: [80]).components(of: "BARRIER") == 1)
        for length in 0..<file.count where length < 24 {
            #expect(throws: OfctlFailure.self) {
                try OfctlFiles.capture(Array(file.prefix(length)), ports: [])
            }
        }
        for length in 24..<file.count {
            _ = try OfctlFiles.capture(Array(file.prefix(length)), ports: [])
        }
    }
}

extension String {
    /// How often `part` stands in it.
    func components(of part: String) -> Int {
        split(separator: part, omittingEmptySubsequences: false).count - 1
    }
}
