import Testing

@testable import OpenFlow

/// Messages of all commands, recorded between the unmodified ovs-ofctl and ovs-vswitchd.
@Suite struct MessageGoldenTests {
    struct Golden: Sendable {
        var version: OpenFlowVersion
        var command: String
        var bytes: [UInt8]
    }

    static func all() throws -> [Golden] {
        try Goldens.blocks("messages.txt").map { block in
            Golden(
                version: block[0].hasPrefix("OpenFlow10") ? .v10 : .v13, command: block[0],
                bytes: Goldens.bytes(block[1].drop { $0 != " " }.dropFirst()))
        }
    }

    /// Table features and group features carry what Open vSwitch can do, not what we can.
    static func isItsOwn(_ body: OpenFlowMessage.Body) -> Bool {
        switch body {
        case .statisticsReply(.groupFeatures, _), .statisticsReply(.meterFeatures, _),
            .statisticsReply(.tableFeatures, _):
            true
        default: false
        }
    }

    @Test func areReadAndWrittenBack() throws {
        let all = try Self.all()
        #expect(all.count > 140)
        for golden in all {
            var dialect = OpenFlowDialect(golden.version)
            dialect.namesTables = ["table=", "--strict mod-flows"].contains {
                golden.command.contains($0)
            }
            do throws(OpenFlowFault) {
                let message = try dialect.decode(golden.bytes)
                guard !Self.isItsOwn(message.body) else { continue }
                #expect(
                    Goldens.hex(dialect.encode(message)) == Goldens.hex(golden.bytes),
                    "\(golden.command)")
            } catch {
                Issue.record("\(golden.command): \(error.code.name)")
            }
        }
    }
}
