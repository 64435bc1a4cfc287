import Flows
import Packets
import Testing

/// The text of the datapath's flows, against lines as `ovs-dpctl dump-flows` prints them.
@Suite struct DatapathTextTests {
    /// Each is read and printed again without a change.
    @Test(arguments: [
        "recirc_id(0),in_port(2),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),"
            + "eth_type(0x0800),ipv4(src=10.0.0.1,proto=6,frag=no),tcp(dst=80)",
        "recirc_id(0),in_port(2),eth(),eth_type(0x0806),"
            + "arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)",
        "recirc_id(0x5),in_port(1),eth(dst=01:00:00:00:00:00/01:00:00:00:00:00),"
            + "eth_type(0x86dd),ipv6(src=fe80::/ffc0::,label=0x12/0xff,proto=58,"
            + "hlimit=255,frag=no),"
            + "icmpv6(type=135,code=0),nd(target=fe80::1,sll=02:00:00:00:00:01)",
        "recirc_id(0),in_port(3),skb_mark(0x7),eth(),eth_type(0x8100),vlan(vid=101,pcp=0),"
            + "encap(eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0,tos=0x10/0xfc,"
            + "ttl=64,frag=later))",
        "recirc_id(0),in_port(3),eth(),eth_type(0x88a8),vlan(vid=5,pcp=3),"
            + "encap(eth_type(0x8100),vlan(vid=6,pcp=0),encap(eth_type(0x0800),ipv4(frag=first)))",
        "recirc_id(0),in_port(3),eth(),eth_type(0x8100),vlan(vid=4/0xf),encap(eth_type(0x88cc))",
        "recirc_id(0),in_port(1),eth(),eth_type(0/0xffff)",
        "recirc_id(0),in_port(1),eth(),eth_type(0x8847),mpls(label=16,tc=1,ttl=64,bos=1)",
        "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),"
            + "udp(src=53,dst=0x8/0xff8)",
        "recirc_id(0),in_port(1),eth()",
        "recirc_id(0),tunnel(tun_id=0x5,src=10.0.0.1,dst=10.0.0.2,ttl=64,tp_dst=4789,flags=0x8008),"
            + "in_port(1),eth()",
        "recirc_id(0),tunnel(ipv6_dst=fe80::/ffff::,gbp=0x10/0xff,flags=0x8000/0x8000),in_port(1),"
            + "eth()",
    ])
    func flowsComeBack(line: String) throws {
        // Decimal values behind a hexadecimal spelling are printed in decimal.
        let printed = line.replacing("dst=0x8/", with: "dst=8/")
        let (key, mask) = try DatapathText.parseFlow(line)
        #expect(DatapathText.flow(key: key, mask: mask) == printed)
        #expect(key == key.masked(by: mask) || key.ethType == EtherType.notEthernetII)
    }

    @Test(arguments: [
        "drop", "3", "1,2,3", "push_vlan(vid=101,pcp=0),4", "pop_vlan,2",
        "push_vlan(tpid=0x88a8,vid=1,pcp=7),2", "trunc(100),2", "userspace(pid=0)",
        "userspace(pid=0,userdata(00ff10))", "set(eth(src=02:00:00:00:00:01)),2",
        "set(ipv4(dst=10.0.0.1,ttl=63)),set(tcp(dst=80)),2", "set(udp(src=16/0xfff0))",
        "set(skb_mark(0x5)),set(skb_priority(0x10001))", "drop(vlan_not_allowed)",
        "push_mpls(label=16,tc=1,ttl=64,bos=1,eth_type=0x8847),2", "pop_mpls(eth_type=0x800),2",
        "meter(3),2", "clone(set(eth(dst=02:00:00:00:00:01)),1),2", "dec_ttl(le_1(drop)),2",
        "dec_ttl(le_1(userspace(pid=0,userdata(01)))),2", "clone(drop)",
        "sample(sample=50.0%,actions(1,clone(2))),3", "sample(sample=0.01%,actions(drop))",
        "sample(sample=100.0%,actions(1))", "sample(sample=0.00000002%,actions(1))",
        "check_pkt_len(size=1500,gt(drop),le(set(ipv4(ttl=1/0xf)),1))",
        "set(arp(sip=10.0.0.1,op=2,tha=02:00:00:00:00:00/ff:00:00:00:00:00)),1",
        "set(icmp(type=0,code=1)),1", "set(icmpv6(type=128/0xf0)),1",
        "set(nd(target=fe80::1,sll=02:00:00:00:00:01,tll=02:00:00:00:00:02)),1",
        "set(mpls(label=5,ttl=3)),1", "set(vlan(vid=5,pcp=1)),1", "set(sctp(dst=5)),1",
        "set(dp_hash(0x1/0xf)),1", "set(skb_priority(0x10/0xff)),1",
        "set(ipv6(src=::1,hlimit=1))", "hash(l4(0)),recirc(0x13e)", "hash(sym_l4(7)),recirc(0x1)",
    ])
    func actionsComeBack(line: String) throws {
        #expect(DatapathText.actions(try DatapathText.parseActions(line)) == line)
    }

    @Test(arguments: [
        "in_port", "in_port(x)", "in_port(1", "in_port(1))", "nowhere(1)", "eth(src=1)",
        "ipv4(proto=256)", "tcp(dst=65536)", "ipv4(frag=no/3)", "vlan(vid=4096),encap()",
        "vlan(vid=1)", "eth_type(0x12345)", "in_port(1/)", "ipv4(nonsense=1)", "((((((",
        "a(b(c(d(e(f",
        "eth(src=02:00:00:00:00:01/0x1)",
    ])
    func nonsenseIsRefused(text: String) {
        #expect(throws: DatapathTextError.self) { try DatapathText.parseFlow(text) }
    }

    @Test(arguments: [
        "x", "set(eth)", "set(ipv4(proto=6))", "set(eth())", "set(in_port(1))",
        "sample(sample=101%,actions(1))", "sample(sample=1%)", "sample(actions(1))", "meter(x)",
        "check_pkt_len(size=70000,gt(1),le(2))", "check_pkt_len(size=7,gt(1))", "dec_ttl(1)",
        "push_mpls(eth_type=0x8847)", "pop_mpls(1)",
        "clone(clone(clone(clone(clone(clone(clone("
            + "clone(clone(1)))))))))", "-1", "4294967296", "trunc(x)",
        "recirc(x)", "hash(l4)", "hash(l7(1))",
        "userspace(userdata(0))", "push_vlan(x=1)", "drop(nothing)",
    ])
    func nonsenseActionsAreRefused(text: String) {
        #expect(throws: DatapathTextError.self) { try DatapathText.parseActions(text) }
    }

    /// Who names no Ethernet type does not look at tags; who names one says that there is none.
    @Test func aTypeSaysThatThereIsNoTag() throws {
        #expect(try DatapathText.parseFlow("in_port(1)").mask.vlan0TCI == 0)
        #expect(try DatapathText.parseFlow("in_port(1),eth_type(0x0800)").mask.vlan0TCI == .max)
    }

    @Test func verboseShowsWhatWasNotLookedAt() throws {
        let (key, mask) = try DatapathText.parseFlow("in_port(1),eth_type(0x0800),ipv4(proto=6)")
        #expect(
            DatapathText.flow(key: key, mask: mask, verbose: true)
                == "recirc_id(0/0),dp_hash(0/0),skb_priority(0/0),in_port(1),skb_mark(0/0),"
                + "eth(src=00:00:00:00:00:00/00:00:00:00:00:00,"
                + "dst=00:00:00:00:00:00/00:00:00:00:00:00),"
                + "eth_type(0x0800),ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=6,tos=0/0,"
                + "ttl=0/0x0,frag=no),tcp(src=0/0x0,dst=0/0x0),tcp_flags(0/0)")
    }

    @Test(
        arguments: [(0x002, "S"), (0x012, "S."), (0x1ff, "FSRP.UECN"), (0, "")]
            as [(UInt16, String)])
    func flagsAreLetters(flags: UInt16, text: String) {
        #expect(DatapathText.tcpFlagLetters(flags) == text)
    }

    /// Whatever stands in a line, reading it ends with an answer.
    @Test func noCutAndNoChangeTraps() {
        let line =
            "recirc_id(0),eth(src=02:00:00:00:00:01/ff:00:00:00:00:00),eth_type(0x8100),"
            + "vlan(vid=1/0xfff,pcp=0),encap(eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0,frag=no))"
        var answers = 0
        for index in line.indices {
            for replacement in ["", "(", ")", ",", "é9999999999999999999999"] {
                let text = line[..<index] + replacement + line[index...].dropFirst()
                for text in [String(text), String(line[..<index]) + replacement] {
                    _ = try? DatapathText.parseFlow(text)
                    _ = try? DatapathText.parseActions(text)
                    answers += 1
                }
            }
        }
        #expect(answers == line.count * 10)
    }
}
