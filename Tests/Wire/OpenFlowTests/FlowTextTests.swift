import Flows
import Testing

@testable import OpenFlow

@Suite struct FlowTextTests {
    static let bridgePorts = PortNames([("p1", PortNumber(1)), ("p2", PortNumber(2))])

    @Test func printsDumpFlowsAsOpenVSwitchDoes() throws {
        for golden in try FlowGoldenTests.all() {
            let dialect = FlowGoldenTests.dialect(golden)
            let message = try dialect.decode(golden.reply)
            guard case .statisticsReply(.flow(let flows, _), _) = message.body,
                let flow = flows.first
            else {
                Issue.record("no flow: \(golden.line)")
                continue
            }
            #expect(FlowText.line(flow, golden.version) == golden.text, "\(golden.line)")
        }
    }

    /// Lines that are sent otherwise than Open vSwitch sends them, each for a reason.
    static func isReadOtherwise(_ golden: FlowGoldenTests.Golden) -> Bool {
        let line = golden.line
        // Refused here, silently changed there: a VLAN above 4095, a UDP port under tcp.
        if line.hasPrefix("dl_vlan=5000") || line.hasPrefix("tcp,udp_dst=5,") { return true }
        guard golden.version == .v10 else { return false }
        // There, 1.0 loses the mask of a masked eth_dst, takes vlan_vid=0 for the whole tag, and
        // drops (as we do, but we say so before) what belongs to the action set.
        return line.contains("/01:00:00:00:00:00->eth_dst") || line.hasPrefix("vlan_vid=0,")
    }

    @Test func readsWhatIsTypedAsOpenVSwitchDoes() throws {
        for golden in try FlowGoldenTests.all() where !Self.isReadOtherwise(golden) {
            let dialect = FlowGoldenTests.dialect(golden)
            do {
                let mod = try FlowText.parse(golden.line, .add, Self.bridgePorts)
                let sent = dialect.encode(OpenFlowMessage(xid: 1, .flowMod(mod)))
                #expect(
                    try dialect.decode(sent).body == dialect.decode(golden.mod).body,
                    "\(golden.version) \(golden.line)")
            } catch let error as FlowTextError {
                Issue.record("\(golden.line): \(error)")
            }
        }
    }

    /// Found by `apus-fuzz flow-text`: conditions that were met, but not printed.
    @Test(arguments: [
        "conj_id=5", "actset_output=1", "tun_id=0x5", "tun_id=0x1/0xff",
        "tun_src=10.0.0.1,tun_dst=10.0.0.0/8", "tun_ipv6_src=fe80::1,tun_ipv6_dst=fe80::2",
        "tun_gbp_id=3", "tun_gbp_flags=0x40", "conj_id=7,icmp,reg0=0x1,tun_id=0x2,metadata=0x3",
    ])
    func whatIsMatchedIsPrinted(conditions: String) throws {
        let match = try FlowText.parse(conditions + ",actions=drop", .add).match
        #expect(FlowText.text(match) == conditions)
    }

    /// Found by `apus-fuzz flow-text`: what another condition takes the meaning from is left out.
    @Test(arguments: [
        ("tcp,dl_type=0x88cc", "dl_type=0x88cc"),
        ("icmp,reg0=1,dl_type=0x1234", "reg0=0x1,dl_type=0x1234"),
        ("icmp6,icmp_type=135,nd_sll=00:01:02:03:04:05,tp_src=5", "icmp6,icmp_type=5"),
    ])
    func contradictionsLeaveWhatMeansSomething(line: String, left: String) throws {
        let match = try FlowText.parse(line + ",actions=drop", .add).match
        #expect(FlowText.text(match) == left)
        #expect(try FlowText.parse(left + ",actions=drop", .add).match == match)
    }

    /// line, what ovs-ofctl says of it, column, suggestion.
    static let wrong: [(String, String, Int, String?)] = [
        ("foo=1,actions=drop", "unknown keyword foo", 1, nil),
        ("in_port=1,prority=5,actions=drop", "unknown keyword prority", 11, "priority"),
        ("priority=70000,actions=drop", "invalid priority \"70000\"", 10, nil),
        ("in_port=p3,actions=drop", "p3: invalid or unknown port for in_port", 9, "p1"),
        ("ip", "must specify an action", 3, nil),
        ("actions=foo", "unknown action foo", 9, nil),
        ("actions=norml", "unknown action norml", 9, "normal"),
        ("actions=output:nosuch", "nosuch: output to unknown port", 16, nil),
        (
            "actions=goto_table:1,output:1",
            "invalid instruction ordering: apply_actions must appear before goto_table, for "
                + "OpenFlow 1.1+ compatibility", 22, nil
        ),
        ("nw_src=10.0.0.1,actions=drop", "nw_src means nothing without ip (or arp)", 1, nil),
        ("actions=mod_nw_tos:255", "255: not a valid TOS", 20, nil),
        ("actions=set_field:1->nosuch", "nosuch is not a valid OXM field name", 22, nil),
        ("ip,actions=set_field:70->nw_tos", "70 is not a valid value for field nw_tos", 22, nil),
        ("actions=dec_ttl(,)", "dec_ttl: expected at least one controller id", 17, nil),
        ("actions=learn(table=1", "missing closing parenthesis", 14, nil),
        ("actions=resubmit:IN_PORT",
         "at least one \"in_port\" or \"table\" must be specified on resubmit", 9, nil),
    ]

    @Test(arguments: wrong.indices) func saysWhatIsWrongAndWhere(index: Int) {
        let (line, message, column, suggestion) = Self.wrong[index]
        #expect(throws: FlowTextError(message, column: column, suggestion: suggestion)) {
            try FlowText.parse(line, .add, Self.bridgePorts)
        }
    }

    /// Found by `apus-fuzz flow-text`: under `arp` the address of an IPv4 packet became ARP's.
    @Test(arguments: [
        ("arp,actions=mod_nw_dst:1.2.3.4", FlowField.ipv4Dst),
        ("arp,actions=set_field:1.2.3.4->ip_dst", .ipv4Dst),
        ("arp,actions=set_field:1.2.3.4->arp_tpa", .arpTPA),
        ("icmp6,actions=set_field:5->icmp_type", .icmpType),
        ("udp,actions=set_field:5->tp_dst", .udpDst),
    ])
    func aNameThatIsPrintedMeansOneField(line: String, field: FlowField) throws {
        let mod = try FlowText.parse(line, .add)
        #expect(mod.instructions.apply.first?.fieldWrite?.field == field)
    }

    /// Found by `apus-fuzz flow-text`: of 70 the field has all but the two bits of ECN, and 1.5,
    /// which says it as `set_field`, was told of 70.
    @Test func aLoadWritesWhatTheFieldHas() throws {
        let mod = try FlowText.parse("ip,actions=load:70->NXM_OF_IP_TOS[]", .add)
        let write = try #require(mod.instructions.apply.first?.fieldWrite)
        #expect(write.value == FieldValue(low: 68) && write.mask == FieldValue(low: 0xfc))
        #expect(FlowText.text(mod.instructions, .v15) == "set_field:68->nw_tos")
        #expect(FlowText.text(mod.instructions, .v13) == "load:0x46->NXM_OF_IP_TOS[]")
    }

    /// Found by `apus-fuzz flow-text`: the switch would have refused what was sent.
    @Test(arguments: ["5", "output:1", "mod_vlan_vid:5", "ct_clear"])
    func onlyWritesOfFieldsAreTracked(action: String) throws {
        #expect(throws: FlowTextError.self) {
            try FlowText.parse("actions=ct(commit,exec(\(action)))", .add)
        }
        _ = try FlowText.parse("actions=ct(commit,exec(set_field:5->reg0))", .add)
    }

    @Test func selectsRules() throws {
        let filter = try FlowText.parseFilter(
            "table=3,tcp,cookie=5/-1,out_port=p2", Self.bridgePorts)
        #expect(filter.table == 3 && filter.cookie == 5 && filter.cookieMask == .max)
        #expect(filter.outPort == PortNumber(2))
        #expect(FlowText.text(filter.match) == "tcp")
        #expect(throws: FlowTextError.self) { try FlowText.parseFilter("actions=drop") }
    }

    @Test func namesPortsIfAsked() throws {
        let ports = PortNames(
            [("p1", PortNumber(1)), ("p 2", PortNumber(2))], printsNames: true)
        let mod = try FlowText.parse("in_port=p1,actions=output:\"p 2\",LOCAL,5", .add, ports)
        #expect(FlowText.text(mod.match, ports) == "in_port=p1")
        #expect(
            FlowText.text(mod.instructions, .v13, ports) == "output:\"p 2\",LOCAL,output:5")
    }

    /// Whatever is typed, reading it ends with a rule or an error.
    @Test func neverTrapsOnAnyText() throws {
        var random = Generator(state: 7)
        let lines = try FlowGoldenTests.all().map { Array($0.line.utf8) }
        for _ in 0..<3000 {
            var line = lines[Int(random.next() % UInt64(lines.count))]
            for _ in 0..<(1 + random.next() % 4) where !line.isEmpty {
                let at = Int(random.next() % UInt64(line.count))
                switch random.next() % 3 {
                case 0: line.remove(at: at)
                case 1: line[at] = UInt8(32 + random.next() % 95)
                default: line.insert(UInt8(truncatingIfNeeded: random.next()), at: at)
                }
            }
            let text = String(decoding: line, as: UTF8.self)
            do throws(FlowTextError) {
                _ = try FlowText.parse(text, .add, Self.bridgePorts)
            } catch {
                #expect(error.column >= 1)
            }
        }
    }
}

/// Numbers that are the same in every run (Steele, Lea, Flood: SplitMix64).
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
