import DatapathMessages
import Flows
import Packets
import Testing
import Timekeeping
import Tools

/// Command lines of ovs-dpctl, and what it asks and prints.
@Suite struct DpctlTests {
    /// A datapath with two ports and one flow; notes what it is asked.
    final class Datapath {
        var asked: [DatapathRequest] = []
        let flow: CachedFlow = {
            let text = "in_port(1),eth_type(0x0800),ipv4(proto=6),tcp(dst=80)"
            let (key, mask) = try! DatapathText.parseFlow(text)
            var flow = CachedFlow(
                key: key, mask: mask, actions: [.output(port: 2)],
                ufid: UFID(high: 0x0123_4567_89ab_cdef, low: 1))
            flow.statistics.packets = 5
            flow.statistics.bytes = 370
            flow.statistics.usedMilliseconds = 8_800
            flow.statistics.tcpFlags = 0x12
            return flow
        }()

        func ask(_ request: DatapathRequest) -> [DatapathReply] {
            asked.append(request)
            switch request {
            case .describeDatapath:
                var datapath = DatapathDescription(name: "ovs-netdev")
                datapath.statistics.hits = 30
                datapath.statistics.misses = 10
                datapath.statistics.maskHits = 60
                datapath.statistics.masks = 2
                datapath.statistics.cacheHits = 20
                datapath.statistics.flows = 1
                return [.datapath(datapath)]
            case .listPorts:
                var veth = Vport(number: 2, kind: .netdev, name: "veth2")
                veth.statistics.rxBytes = 1536
                return [.port(veth), .port(Vport(number: 1, kind: .internal, name: "br0"))]
            case .listFlows: return [.flow(flow)]
            default: return []
            }
        }
    }

    static func run(_ line: String) throws -> (output: String, asked: [DatapathRequest]) {
        let words = line.split(separator: " ").map(String.init)
        guard case .call(let call) = try DpctlArguments(parsing: words) else { return ("", []) }
        let datapath = Datapath()
        let now = Instant.start + .milliseconds(10_000)
        let output = try call.output(now: now, asking: datapath.ask)
        return (output, datapath.asked)
    }

    static let flowLine =
        "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6),tcp(dst=80), "
        + "packets:5, bytes:370, used:1.200s, flags:S., actions:2\n"

    @Test(arguments: [
        ("dump-dps", "netdev@ovs-netdev\n"),
        (
            "show",
            """
            netdev@ovs-netdev:
              lookups: hit:30 missed:10 lost:0
              flows: 1
              masks: hit:60 total:2 hit/pkt:1.50
              cache: hit:20 hit-rate:50.00%
              port 1: br0 (internal)
              port 2: veth2

            """
        ),
        ("dump-flows", flowLine),
        ("dump-flows netdev@ovs-netdev filter=in_port=1", flowLine),
        ("dump-flows filter=in_port=br0", flowLine),
        ("dump-flows filter=in_port=2", ""),
        ("dump-flows filter=eth_type(0x0800)", flowLine),
        ("dump-flows filter=eth_type(0x0806)", ""),
        ("get-flow in_port(1),eth_type(0x0800),ipv4(proto=6),tcp(dst=80)", flowLine),
        ("get-flow ufid:0123456789abcdef0000000000000001", flowLine),
        (
            "dump-flows --names",
            flowLine.replacing("in_port(1)", with: "in_port(br0)")
                .replacing("actions:2", with: "actions:veth2")
        ),
    ])
    func prints(line: String, text: String) throws {
        #expect(try Self.run(line).output == text)
    }

    @Test func moreNamesTheFlow() throws {
        let text = try Self.run("-m dump-flows").output
        #expect(text.hasPrefix("ufid:01234567-89ab-cdef-0000-000000000001, recirc_id(0/0),"))
    }

    @Test func countersOfPorts() throws {
        let text = try Self.run("-s show").output
        #expect(
            text.contains(
                "  port 2: veth2\n    RX packets:0 errors:0 dropped:0 overruns:? frame:?\n"))
        #expect(text.contains("    RX bytes:1536 (1.5 KiB)  TX bytes:0\n"))
    }

    @Test func asJSON() throws {
        #expect(try Self.run("-f json show").output.contains("\"name\":\"veth2\""))
        #expect(try Self.run("dump-flows --format=json").output.contains("\"packets\":5"))
    }

    @Test(arguments: [
        ("del-flows", [DatapathRequest.flushFlows]),
        (
            "del-flow ufid:01234567-89ab-cdef-0000-000000000001",
            [.listFlows, .deleteFlow(key: Datapath().flow.key, mask: Datapath().flow.mask)]
        ),
        ("del-if ovs-netdev veth2", [.listPorts, .deletePort(number: 2)]),
        ("del-if ovs-netdev 1", [.listPorts, .deletePort(number: 1)]),
        (
            "add-if netdev@ovs-netdev a,port_no=7 b,type=internal",
            [
                .addPort(Vport(number: 7, kind: .netdev, name: "a")),
                .addPort(Vport(number: nil, kind: .internal, name: "b")),
            ]
        ),
    ])
    func asks(line: String, requests: [DatapathRequest]) throws {
        #expect(try Self.run(line).asked == requests)
    }

    @Test func flowsAreGivenAndTaken() throws {
        let (key, mask) = try DatapathText.parseFlow("in_port(1)")
        let flow = CachedFlow(key: key, mask: mask, actions: [.output(port: 2)])
        #expect(try Self.run("add-flow in_port(1) 2").asked == [.putFlow(flow)])
        #expect(try Self.run("add-flow ovs-netdev in_port(1) 2").asked == [.putFlow(flow)])
        #expect(try Self.run("del-flow in_port(1)").asked == [.deleteFlow(key: key, mask: mask)])
    }

    @Test(arguments: [
        "", "nothing", "show br0 extra", "add-if a", "add-if other@dp a",
        "del-if ovs-netdev nowhere", "add-flow in_port(1)", "add-flow in_port(x) 2",
        "dump-flows tcp=1", "-t x show", "--what", "add-if ovs-netdev abcdefghijklmnop",
        "add-if ovs-netdev a,port_no=65535", "-f xml show", "get-flow ufid:12",
        "get-flow in_port(7)", "mod-flow in_port(7) 2", "del-dp", "show netdev@other",
        "add-dp abcdefghijklmnop",
    ])
    func nonsenseIsRefused(line: String) {
        #expect(throws: DpctlError.self) { try Self.run(line) }
    }
}
