import Flows
import Testing

@testable import OpenFlow

/// Every message and every action in every version that has it: read as written, printed as read.
@Suite struct EveryVersionTests {
    @Test(arguments: OpenFlowVersion.allCases)
    func laterMessagesAreReadAsWritten(version: OpenFlowVersion) throws {
        let dialect = OpenFlowDialect(version)
        for body in LaterMessages.bodies(version) {
            let message = OpenFlowMessage(xid: 0x0102_0304, body)
            do throws(OpenFlowFault) {
                let back = try dialect.decode(dialect.encode(message))
                #expect(back == message, "\(version.name)")
            } catch {
                Issue.record("\(version.name) \(body): \(error.code.name)")
            }
        }
    }

    @Test(arguments: OpenFlowVersion.allCases)
    func laterMessagesMayBeCutAnywhere(version: OpenFlowVersion) {
        let dialect = OpenFlowDialect(version)
        for body in LaterMessages.bodies(version) {
            let bytes = dialect.encode(OpenFlowMessage(xid: 1, body))
            for length in 0..<bytes.count {
                var cut = Array(bytes[..<length])
                MalformedMessageTests.digest(cut, dialect)
                MalformedMessageTests.setLength(&cut)
                MalformedMessageTests.digest(cut, dialect)
            }
        }
    }

    /// What is written is a fixed point: read and written again, it says the same.
    @Test(arguments: OpenFlowVersion.allCases)
    func actionsAreReadAsWritten(version: OpenFlowVersion) throws {
        let dialect = OpenFlowDialect(version)
        for text in LaterMessages.actions {
            let mod = try FlowText.parse("ip,reg5=1,actions=\(text)", .add)
            do throws(OpenFlowFault) {
                let once = try dialect.decode(
                    dialect.encode(OpenFlowMessage(xid: 1, .flowMod(mod))))
                let twice = try dialect.decode(dialect.encode(once))
                #expect(once == twice, "\(version.name) \(text)")
            } catch {
                Issue.record("\(version.name) \(text): \(error.code.name)")
            }
        }
    }

    /// Versions that rewrite nothing give the text back.
    @Test func actionsArePrintedAsRead() throws {
        for text in LaterMessages.actions {
            let mod = try FlowText.parse("ip,actions=\(text)", .add)
            let printed = FlowText.text(mod.instructions, .v13)
            let again = try FlowText.parse("ip,actions=\(printed)", .add)
            #expect(again.instructions == mod.instructions, "\(text)")
        }
    }

    static let groups = [
        "group_id=1,type=all,bucket=actions=output:1",
        "group_id=4,type=select,bucket=weight:10,actions=output:1,bucket=actions=output:2",
        "group_id=6,type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_group:2,actions=drop",
        "group_id=9,type=select,selection_method=hash,fields(ip_src,ip_dst),"
            + "bucket=actions=output:1",
    ]

    @Test(arguments: groups) func groupsArePrintedAsRead(text: String) throws {
        let mod = try GroupText.parse(text, .add)
        let group = GroupDescription(
            group: mod.group, type: mod.type, buckets: mod.buckets, selection: mod.selection)
        #expect(GroupText.line(group, .v13) == text)
    }

    @Test func metersArePrintedAsRead() throws {
        let mod = try MeterText.parse(
            "meter=3,kbps,burst,band=type=drop,rate=100,burst_size=50", .add)
        #expect(
            MeterText.text(mod.meter)
                == "meter=3 kbps burst bands=\ntype=drop rate=100 burst_size=50\n")
    }

    @Test func wrongWordsAreAnsweredWithTheNearestAndThePlace() {
        do {
            _ = try GroupText.parse("group_id=1,tipe=all,bucket=output:1", .add)
            Issue.record("accepted")
        } catch {
            #expect(error.column == 12 && error.suggestion == "type")
        }
        do {
            _ = try MeterText.parse("meter=1,kbps,band=type=dropp,rate=1", .add)
            Issue.record("accepted")
        } catch {
            #expect(error.suggestion == "drop")
        }
    }

    @Test func everyErrorHasOneNameInEachVersion() {
        for version in OpenFlowVersion.allCases {
            for code in OpenFlowErrorCode.all {
                let number = code.number(in: version)
                let back = OpenFlowErrorCode.numbered(number, in: version)
                // 1.0 and 1.1 have one number for some that later versions tell apart.
                #expect(back?.number(in: version) == number, "\(version.name) \(code.name)")
            }
        }
    }
}
