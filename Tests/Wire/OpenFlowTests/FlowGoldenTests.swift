import Flows
import Testing

@testable import OpenFlow

/// What Open vSwitch's own client and switch said to each other, read and written back.
@Suite struct FlowGoldenTests {
    struct Golden: Sendable {
        var version: OpenFlowVersion
        var line: String
        var mod: [UInt8]
        var reply: [UInt8]
        var text: String
    }

    static func all() throws -> [Golden] {
        try Goldens.blocks("flows.txt").map { block in
            func value(_ line: String) -> Substring { line.drop { $0 != " " }.dropFirst() }
            let version: OpenFlowVersion = block[0].hasPrefix("OpenFlow10") ? .v10 : .v13
            return Golden(
                version: version, line: String(value(block[0])),
                mod: Goldens.bytes(value(block[1])), reply: Goldens.bytes(value(block[2])),
                text: String(value(block[3])))
        }
    }

    static func dialect(_ golden: Golden) -> OpenFlowDialect {
        var dialect = OpenFlowDialect(golden.version)
        dialect.namesTables = golden.line.hasPrefix("table=3") || golden.line.contains(",table=5,")
        return dialect
    }

    /// Lines whose bytes differ from Open vSwitch's and mean the same: it takes Nicira's flow mod
    /// for actions that 1.0's own carries as well, and writes addresses that 1.0 ignores without
    /// `dl_type`.
    static func isWrittenOtherwise(_ golden: Golden) -> Bool {
        let line = golden.line
        let container = ["set_field:", "write_metadata", "vlan_tci=0x1123/0x1fff"]
        // It takes Nicira's match for SCTP's ports, which 1.0's own holds as it holds UDP's.
        if golden.version == .v10 && line.hasPrefix("sctp") { return true }
        return line.hasPrefix("nw_src")
            || golden.version == .v10 && container.contains { line.contains($0) }
    }

    @Test func flowModsAreReadAndWrittenAsOpenVSwitchDoes() throws {
        let all = try Self.all()
        #expect(all.count > 300)
        for golden in all {
            let dialect = Self.dialect(golden)
            do throws(OpenFlowFault) {
                let message = try dialect.decode(golden.mod)
                let written = dialect.encode(message)
                let again = try dialect.decode(written)
                #expect(again == message, "\(golden.line)")
                guard !Self.isWrittenOtherwise(golden) else { continue }
                #expect(
                    Goldens.hex(written) == Goldens.hex(golden.mod),
                    "\(golden.version) \(golden.line)")
            } catch {
                Issue.record("\(golden.version) \(golden.line): \(error.code.name)")
            }
        }
    }

    @Test func statisticsRepliesAreReadAndWrittenAsOpenVSwitchDoes() throws {
        for golden in try Self.all() {
            let dialect = Self.dialect(golden)
            do throws(OpenFlowFault) {
                let message = try dialect.decode(golden.reply)
                let written = dialect.encode(message)
                let again = try dialect.decode(written)
                #expect(again == message, "\(golden.line)")
                #expect(
                    Goldens.hex(written) == Goldens.hex(golden.reply),
                    "\(golden.version) \(golden.line)")
            } catch {
                Issue.record("\(golden.version) \(golden.line): \(error.code.name)")
            }
        }
    }
}
