import DatabaseProtocol
import LinkValues
import Packets
import Testing
import Tools

/// The command line of `apus link`.
@Suite struct LinkArgumentsTests {
    static func steps(_ line: String) throws -> [String] {
        let words = line.split(separator: " ").map(String.init)
        guard case .call(let call) = try LinkArguments(parsing: words),
            case .change(let steps) = call.command
        else { return [] }
        return steps.map(\.description)
    }

    @Test(arguments: [
        ("add veth a peer b", ["add veth a peer b"]),
        (
            "add veth a peer b netns red mtu 1400 up",
            ["add veth a peer b netns red mtu 1400", "set a up"]
        ),
        ("add vlan eth0.10 dev eth0 id 10", ["add vlan eth0.10 dev eth0 id 10"]),
        (
            "add bond bond0 mode 802.3ad miimon 100 members eth0 eth1",
            ["add bond bond0 mode 802.3ad miimon 100 members eth0 eth1"]
        ),
        ("add bridge br", ["add bridge br"]), ("add tap t0 mtu 1300", ["add tap t0 mtu 1300"]),
        (
            "set a down name b up add-ip 192.0.2.1/24 offload tso off",
            [
                "set a down", "set a name b", "set b up", "set b add-ip 192.0.2.1/24",
                "set b offload tso off",
            ]
        ),
        ("set b lacp-rate fast nomaster", ["set b lacp-rate fast", "set b nomaster"]),
        ("-n red del a b", ["del a (in netns red)", "del b (in netns red)"]),
    ])
    func commands(line: String, expected: [String]) throws {
        #expect(try Self.steps(line) == expected)
    }

    @Test(arguments: [
        ("add veth a", "needs its peer"), ("add vlan v dev e id 5000", "1 to 4094"),
        ("add vlan v dev e", "its id"), ("add wlan v", "none of veth"), ("set a", "what is to be"),
        ("set a/b up", "no name"), ("set a colour red", "nothing called"), ("dell a", "no command"),
        ("add bond b mode lacp", "802.3ad"), ("del", "missing"), ("set a mtu 20", "68 to"),
        ("watch x", "does not take"), ("show --long", "no option"), ("show --dry-run", "for apply"),
        ("add dummy d peer x", "does not take"), ("set a offload lro on", "none of rx"),
    ])
    func whatIsWrongIsNamed(line: String, part: String) {
        do throws(LinkArgumentError) {
            _ = try LinkArguments(parsing: line.split(separator: " ").map(String.init))
            Issue.record("it was taken")
        } catch { #expect(error.description.contains(part)) }
    }
}

/// Files of `apus link apply`, and the steps they come to.
@Suite struct LinkFileTests {
    static let here = LinkPresence(links: [
        {
            var link = Link(name: "eth0", index: 2)
            link.isUp = true
            return link
        }(),
        {
            var link = Link(name: "v0", index: 5, kind: "veth")
            link.lowerIndex = 6
            return link
        }(),
        {
            var link = Link(name: "v1", index: 6, kind: "veth")
            link.lowerIndex = 5
            return link
        }(),
    ])

    static func plan(_ text: String, _ presence: LinkPresence = here) throws -> [String] {
        let wishes = try LinkFile.read(Array(text.utf8)).get()
        return try LinkPlan(wishes, presence: [nil: presence, "red": LinkPresence(links: [])])
            .steps.map(\.description)
    }

    static func problems(_ text: String) -> [String] {
        do {
            return ["planned: \(try plan(text))"]
        } catch {
            return (error as? LinkProblems)?.all.map { "\($0.line): \($0.text)" } ?? ["\(error)"]
        }
    }

    @Test func aWholeFileIsOrderedByWhatStandsOnWhat() throws {
        let text = """
            links:
              - name: bond0.7
                type: vlan
                parent: bond0
                id: 7
                up: true
              - name: bond0
                type: bond
                mode: active-backup
                miimon: 100
                members: [a, b]
              - {name: a, type: veth, peer: a1, peer-netns: red, mtu: 1400}
              - {name: b, type: dummy}
              - name: a1
                netns: red
                addresses: [192.0.2.1/24]
                up: true
                offloads: {tso: off}
            """
        #expect(
            try Self.plan(text) == [
                "add veth a peer a1 netns red mtu 1400", "add dummy b",
                "add bond bond0 mode active-backup miimon 100", "set a down", "set a master bond0",
                "set a up", "set b down", "set b master bond0", "set b up",
                "add vlan bond0.7 dev bond0 id 7", "set bond0.7 up",
                "set a1 offload tso off (in netns red)", "set a1 up (in netns red)",
                "set a1 add-ip 192.0.2.1/24 (in netns red)",
            ])
    }

    @Test func whatIsAsWantedIsLeftAlone() throws {
        let text = """
            links:
              - {name: v0, type: veth, peer: v1, mtu: 1500}
              - {name: eth0, up: on, mtu: 1500}
              - {name: gone, absent: true}
            """
        #expect(try Self.plan(text) == [])
        #expect(try Self.plan("") == [])
        #expect(try Self.plan("links:\n") == [])
    }

    @Test func onlyWhatDiffersIsChanged() throws {
        var presence = Self.here
        presence.addresses[2] = [
            InterfaceAddress("192.0.2.9/24")!, InterfaceAddress("fe80::1/64")!,
        ]
        let text = """
            links:
              - {name: eth0, mtu: 1400, up: false, addresses: [192.0.2.1/24]}
              - {name: v1, absent: true}
              - {name: v0, type: veth, peer: v1}
            """
        #expect(
            try Self.plan(text, presence) == [
                "del v1", "set eth0 mtu 1400", "set eth0 down", "set eth0 del-ip 192.0.2.9/24",
                "set eth0 add-ip 192.0.2.1/24", "add veth v0 peer v1",
            ])
    }

    @Test(arguments: [
        ("links:\n - {name: x, type: dummy, colour: red}", ["2: there is no key \"colour\""]),
        (
            "links:\n - name: x\n   type: vlan\n   parent: eth0\n   id: 5000",
            ["5: id is a number from 1 to 4094, not \"5000\""]
        ),
        (
            "links:\n - {name: x, type: vlan, parent: nix, id: 5}",
            ["2: x needs nix, which is not there"]
        ),
        ("link: []", ["1: there is no key \"link\"; there is \"links\""]),
        ("links: [", ["1: did not find expected node content"]),
        ("links:\n - {name: v0, type: dummy}", ["2: v0 is there, and is veth, not dummy"]),
        (
            "links:\n - {name: v0, type: veth, peer: w}",
            ["2: v0 is there, and its peer is not w; remove it first"]
        ),
        (
            "links:\n - {name: x, type: dummy}\n - {name: x, mtu: 1400}",
            ["3: x is on line 2 already"]
        ),
        ("links:\n - {type: dummy}", ["2: a link needs a name"]),
        ("links:\n - {name: x, type: dummy, id: 3}", ["2: id is not for dummy"]),
        ("links:\n - {name: x, type: bond, mode: lacp}", []),
        (
            "links:\n - {name: a, type: vlan, parent: b, id: 1}\n"
                + " - {name: b, type: vlan, parent: a, id: 1}",
            ["2: a needs b, which is not there", "3: b needs a, which is not there"]
        ),
        ("links:\n - &x [*x]", []),
        ("links:\n - {name: x, mtu: 1, up: maybe, address: z}", []),
    ])
    func aWrongFileIsRefusedAsAWhole(text: String, expected: [String]) {
        let problems = Self.problems(text)
        #expect(!problems.contains { $0.hasPrefix("planned") })
        if !expected.isEmpty { #expect(problems == expected) }
    }

    @Test func usesAreReadOutOfTheDatabasesAnswer() throws {
        let answer = try JSON(
            parsing: """
                {"id":1,"error":null,"result":[
                {"rows":[{"name":"br0","ports":["set",[["uuid","p1"],["uuid","p2"]]]}]},
                {"rows":[{"_uuid":["uuid","p1"],"name":"bond0",
                "interfaces":["set",[["uuid","i1"],["uuid","i2"]]]},
                {"_uuid":["uuid","p2"],"name":"v0","interfaces":["uuid","i3"]}]},
                {"rows":[{"_uuid":["uuid","i1"],"name":"a","type":"","ofport":1,"error":["set",[]]},
                {"_uuid":["uuid","i2"],"name":"b","type":"","ofport":2,"error":["set",[]]},
                {"_uuid":["uuid","i3"],"name":"v0","type":"","ofport":-1,
                "error":"no such device"}]}]}
                """)
        let uses = LinkUses.read(answer)
        #expect(uses["a"]?.bond == "bond0" && uses["a"]?.openFlowPort == 1)
        #expect(uses["v0"]?.bond == nil && uses["v0"]?.error == "no such device")
        #expect(uses["v0"]?.bridge == "br0")
        #expect(LinkUses.read(.null) == [:])
        #expect((try JSON(parsing: LinkUses.request)).object?["method"] == "transact")
    }
}
