import Foundation
import OpenFlow
import Testing
import Timekeeping

@testable import Tools

@Suite struct OfctlMachineTests {
    /// A switch that gives recorded answers, in the order recorded, to the requests they fit.
    struct RecordedSwitch {
        var version: OpenFlowVersion
        var answers: [[UInt8]]

        /// The type of message that answers each.
        private func wanted(_ request: [UInt8]) -> [UInt8] {
            switch (request[1], version) {
            case (5, _): [6]
            case (7, _): [8]
            case (2, _): [3]
            case (16, .v10): [17] + request[8..<10]
            case (18, .v13): [19] + request[8..<10]
            default: []
            }
        }

        mutating func answer(_ request: [UInt8]) -> [UInt8] {
            let barrier: UInt8 = version == .v10 ? 18 : 20
            if request[1] == 0 {
                return OpenFlowDialect(version).encode(
                    OpenFlowMessage(xid: 99, .hello(OpenFlowVersions([version]))))
            }
            if request[1] == barrier {
                return [version.rawValue, barrier + 1, 0, 8] + request[4..<8]
            }
            let wanted = wanted(request)
            guard !wanted.isEmpty,
                let index = answers.firstIndex(where: { answer in
                    answer[1] == wanted[0] && (wanted.count == 1 || answer[8..<10] == wanted[1...])
                })
            else { return [] }
            var answer = answers.remove(at: index)
            answer.replaceSubrange(4..<8, with: request[4..<8])
            return answer
        }
    }

    struct Run {
        var out = ""
        var err = ""
        var exitCode: Int32?
        var sent: [[UInt8]] = []
    }

    static func run(
        _ words: [String], input: String = "", answer: (([UInt8]) -> [UInt8])
    ) throws -> Run {
        guard case .call(let call) = try OfctlCommandLine(parsing: words) else {
            throw OfctlFailure("no call")
        }
        var machine = OfctlMachine(call, input: input)
        var run = Run()
        var effects = machine.start()[...]
        while let effect = effects.popFirst() {
            switch effect {
            case .send(let bytes):
                run.sent.append(bytes)
                effects += machine.receive(answer(bytes), now: .start)
            case .tell(let text): run.out += text
            case .complain(let text): run.err += text
            case .finish(let exitCode): run.exitCode = exitCode
            }
        }
        return run
    }

    static func withoutXIDs(_ text: String) -> String {
        text.replacing(/\(xid=0x[0-9a-f]+\)/, with: "(xid)")
    }

    static func goldens() throws -> [[String]] {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Goldens/OpenFlow/commands.txt")
        let lines = try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
        return lines.split { $0.isEmpty }.map { $0.filter { !$0.hasPrefix("#") }.map(String.init) }
            .filter { !$0.isEmpty }
    }

    static func bytes(_ hex: Substring) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }

    @Test func printsWhatOpenVSwitchsOwnClientPrinted() throws {
        let goldens = try Self.goldens()
        #expect(goldens.count > 20)
        for golden in goldens {
            let words = golden[0].split(separator: " ").map(String.init)
            let answers = golden.filter { $0.hasPrefix("got ") }.map { Self.bytes($0.dropFirst(4)) }
            let expected = golden.filter { $0.hasPrefix("| ") }.map { $0.dropFirst(2) + "\n" }
                .joined()
            var peer = RecordedSwitch(
                version: words[0] == "OpenFlow10" ? .v10 : .v13, answers: answers)
            let run = try Self.run(["-O", words[0]] + words[1...]) { peer.answer($0) }
            #expect(Self.withoutXIDs(run.out) == Self.withoutXIDs(expected), "\(golden[0])")
            #expect(run.err.isEmpty && run.exitCode == 0, "\(golden[0]) \(run.err)")
        }
    }

    @Test func tablesThatSayTheSameAreToldAsARange() throws {
        let tables = (0..<6).map {
            TableStatistics(table: $0, activeEntries: $0 == 1 ? 1 : 0, lookups: 0, matches: 0)
        }
        #expect(
            OfctlText.tables(tables, .v13) == """
                  table 0:
                    active=0, lookup=0, matched=0

                  table 1:
                    active=1, lookup=0, matched=0

                  table 2:
                    active=0, lookup=0, matched=0

                  tables 3...5: ditto

                """.split(separator: "\n", omittingEmptySubsequences: false)
                .joined(separator: "\n"))
    }

    @Test func aRefusedRuleIsToldWithWhatWasSent() throws {
        let dialect = OpenFlowDialect(.v13)
        let run = try Self.run(["add-flow", "br0", "tcp,actions=output:77"]) { request in
            if request[1] == 0 {
                return dialect.encode(
                    OpenFlowMessage(xid: 1, .hello(OpenFlowVersions([.v10, .v13]))))
            }
            guard let message = try? dialect.decode(request) else { return [] }
            switch message.body {
            case .statisticsRequest:
                return dialect.encode(
                    OpenFlowMessage(
                        xid: message.xid, .statisticsReply(.portDescription([]), more: false)))
            case .flowMod:
                let report = OpenFlowErrorReport(
                    .badActionPort, offending: request, version: .v13)
                return dialect.encode(OpenFlowMessage(xid: message.xid, .error(report)))
            default: return dialect.encode(OpenFlowMessage(xid: message.xid, .barrierReply))
            }
        }
        #expect(
            run.err == """
                OFPT_ERROR (OF1.3) (xid=0x3): OFPBAC_BAD_OUT_PORT
                OFPT_FLOW_MOD (OF1.3) (xid=0x3): ADD tcp actions=output:77

                """)
        #expect(run.exitCode == 1)
    }

    @Test func versionsThatDoNotMeetFail() throws {
        let run = try Self.run(["-O", "OpenFlow13", "show", "br0"]) { request in
            request[1] == 0 ? [1, 0, 0, 8, 0, 0, 0, 1] : []
        }
        let refusal = "version negotiation failed (we support 0x04, peer supports 0x01)"
        #expect(run.err == "ovs-ofctl: \(refusal)\n")
        #expect(run.exitCode == 1)
    }

    @Test func aFileAddsARuleForEachLine() throws {
        let text = """
            # comment
            priority=1,actions=drop

            table=2,ip,actions=NORMAL  # trailing
            delete table=3
            """
        var peer = RecordedSwitch(version: .v13, answers: [])
        let dialect = OpenFlowDialect(.v13)
        let run = try Self.run(["add-flows", "br0", "-"], input: text) { request in
            if case .statisticsRequest? = try? dialect.decode(request).body {
                return dialect.encode(
                    OpenFlowMessage(
                        xid: UInt32(request[7]),
                        .statisticsReply(.portDescription([]), more: false)))
            }
            return peer.answer(request)
        }
        var mods: [FlowMod] = []
        for bytes in run.sent {
            if case .flowMod(let mod) = try dialect.decode(bytes).body { mods.append(mod) }
        }
        #expect(mods.map(\.command) == [.add, .add, .delete])
        #expect(mods.map(\.table) == [0, 2, 3])
        #expect(run.exitCode == 0)
    }

    static let wrong: [([String], String)] = [
        (["frob", "br0"], "unknown command 'frob'; use --help for help"),
        (["add-flow"], "'add-flow' command requires at least 2 arguments"),
        (["dump-flows", "br0", "x", "y"], "'dump-flows' command takes at most 2 arguments"),
        (
            ["-O", "bogus", "show", "br0"],
            "Unknown OpenFlow version: \"bogus\" (known: "
                + "OpenFlow10, OpenFlow11, OpenFlow12, OpenFlow13, OpenFlow14, OpenFlow15)"
        ),
        (["show", "br0", "--frob"], "unrecognized option '--frob'; use --help for help"),
        (["-T", "0", "show", "br0"], "value 0 on -T or --timeout is not at least 1"),
        ([], "missing command name; use --help for help"),
    ]

    @Test(arguments: wrong.indices) func commandLinesAreRefusedInWords(index: Int) {
        let (words, message) = Self.wrong[index]
        #expect(throws: OfctlFailure(message)) { try OfctlCommandLine(parsing: words) }
    }

    @Test func optionsStandAnywhere() throws {
        let line = try OfctlCommandLine(
            parsing: ["del-flows", "br0", "ip", "--strict", "-OOpenFlow10", "--timeout=9"])
        guard case .call(let call) = line else {
            Issue.record("no call")
            return
        }
        #expect(call.command == .change(.deleteStrict, ["ip"]))
        #expect(call.options.versions == OpenFlowVersions([.v10]))
        #expect(call.timeout == .seconds(9))
    }

    /// A switch that takes what it is sent, and what it was sent.
    static func accepting(
        _ words: [String], input: String = "", _ version: OpenFlowVersion
    ) throws -> [OpenFlowMessage.Body] {
        let dialect = OpenFlowDialect(version)
        let run = try Self.run(words, input: input) { request in
            if request[1] == 0 {
                return dialect.encode(OpenFlowMessage(xid: 1, .hello(OpenFlowVersions([version]))))
            }
            guard let message = try? dialect.decode(request) else { return [] }
            let reply: OpenFlowMessage.Body
            switch message.body {
            case .statisticsRequest: reply = .statisticsReply(.portDescription([]), more: false)
            case .barrierRequest: reply = .barrierReply
            case .bundleControl(let control):
                reply = .bundleControl(
                    BundleControl(
                        bundle: 0, kind: control.kind == .openRequest ? .openReply : .commitReply))
            default: return []
            }
            return dialect.encode(OpenFlowMessage(xid: message.xid, reply))
        }
        #expect(run.exitCode == 0, "\(run.err)")
        return run.sent.compactMap { try? dialect.decode($0).body }
    }

    @Test func aBundleCarriesEveryChange() throws {
        let text = "priority=1,actions=drop\ndelete table=3\n"
        let sent = try Self.accepting(["--bundle", "add-flows", "br0", "-"], input: text, .v14)
        var kinds: [BundleControl.Kind] = []
        var count = 0
        for body in sent {
            if case .bundleControl(let control) = body { kinds.append(control.kind) }
            if case .bundleAdd(let addition) = body, case .flowMod = addition.message.body {
                count += 1
            }
        }
        #expect(kinds == [.openRequest, .commitRequest] && count == 2)
    }

    @Test func groupsAndMetersAreSentAsAsked() throws {
        let group = try Self.accepting(
            ["add-group", "br0", "group_id=5,type=select,bucket=weight:3,output:1"], .v13)
        #expect(
            group.contains(
                .groupMod(
                    GroupMod(
                        command: .add, type: .select, group: 5,
                        buckets: [
                            Bucket(
                                weight: 3, actions: [.output(port: PortNumber(1), maxLength: 0)])
                        ]))))
        let meter = try Self.accepting(
            ["add-meter", "br0", "meter=3,pktps,band=type=drop,rate=7"], .v13)
        let wanted = MeterDescription(
            meter: 3, flags: .packets, bands: [.init(.drop, rate: 7)])
        #expect(meter.contains(.meterMod(MeterMod(.add, wanted))))
    }

    @Test func differencesAreToldLineByLine() throws {
        let a = try OfctlDifference.flows(
            inFile: "in_port=1,actions=output:2\ntable=3,ip,actions=drop\n", named: "a")
        let b = try OfctlDifference.flows(
            inFile: "in_port=1,actions=output:3\ntable=3,ip,actions=drop\narp,actions=drop\n",
            named: "b")
        #expect(
            OfctlDifference.text(a, b, .v13)
                == "-in_port=1 actions=output:2\n+in_port=1 actions=output:3\n"
                + "+arp actions=drop\n")
        #expect(OfctlDifference.text(a, a, .v13).isEmpty)
    }
}
