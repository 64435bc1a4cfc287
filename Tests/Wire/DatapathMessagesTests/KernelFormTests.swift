import DatapathMessages
import Flows
import Testing

/// What the kernel's module is told, and what its answers look like.
@Suite struct KernelFormTests {
    /// Widening a mask never lets go of a bit, and afterwards the kernel's own attributes say key
    /// and mask exactly: a reader finds them without an attribute of ours.
    @Test(arguments: 0..<UInt64(500))
    func aWideMaskIsSaidInTheKernelsWords(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let key = numbers.key()
        let narrow = numbers.mask(of: key)
        let mask = narrow.wholeShape(of: key)
        #expect(mask.wholeShape(of: key) == mask, "seed \(seed)")
        let masked = key.masked(by: mask)
        let request = DatapathRequest.deleteFlow(key: masked, mask: mask)
        var writer = DatagramWriter()
        #expect(try writer.append(request, sequence: 1))
        let own: [UInt8] = [0x01, 0x20]
        let bytes = writer.bytes
        let hasOwn = stride(from: 24, to: bytes.count - 4, by: 4).contains {
            Array(bytes[$0 + 2..<$0 + 4]) == own && bytes[$0 + 1] > 0
        }
        #expect(!hasOwn, "seed \(seed): \(masked) / \(mask)")
        let received = DatapathRequest.decode(bytes.span.bytes)
        #expect(try received.first?.content.get() == request, "seed \(seed)")
    }

    @Test func dropReasonsAreLeftOutAndNothingElse() {
        let actions: [DatapathAction] = [.popVLAN, .drop(.droppedByRule), .output(port: 1)]
        #expect(actions.withoutDropReasons == [.popVLAN, .output(port: 1)])
    }

    @Test func aKernelIsToldWhichDatapathAndWhereUpcallsGo() throws {
        var writer = DatagramWriter()
        writer.destination.interfaceIndex = 0x0102_0304
        writer.destination.upcallPort = 0x0506_0708
        writer.destination.cpuCount = 2
        let families = DatapathFamilies(datapath: 30, vport: 31, flow: 32, packet: 33, meter: 34)
        #expect(try writer.append(.takeUpcalls, sequence: 9, families: families))
        let bytes = writer.bytes
        #expect(bytes[4] == 30 && bytes[5] == 0)
        #expect(Array(bytes[20..<24]) == [4, 3, 2, 1])
        // UPCALL_PID, USER_FEATURES, PER_CPU_PIDS with one number for each CPU.
        #expect(Array(bytes[24..<32]) == [8, 0, 2, 0, 8, 7, 6, 5])
        #expect(Array(bytes[32..<40]) == [8, 0, 5, 0, 9, 0, 0, 0])
        #expect(Array(bytes[40..<52]) == [12, 0, 8, 0, 8, 7, 6, 5, 8, 7, 6, 5])
    }

    @Test func whatOnlyAKernelIsAskedFollowsInOneDatagram() throws {
        var writer = DatagramWriter()
        let request = KernelRequest.addDatapath(name: "apus-system")
        let families = DatapathFamilies.channel
        #expect(try writer.append(request, sequence: 1, families: families))
        #expect(try writer.append(.deleteDatapath, sequence: 2, families: families))
        #expect(
            try writer.append(.deleteFlow(UFID(high: 1, low: 2)), sequence: 3, families: families))
        #expect(writer.messageCount == 3)
    }

    /// A kernel's dump carries GET where ours carries NEW, and may put empty attributes before
    /// numbers of 64 bits to align them.
    @Test func aKernelsDumpIsRead() throws {
        let replies: [DatapathReply] = [
            .datapath(DatapathDescription(name: "apus-system")),
            .port(Vport(number: 3, kind: .netdev, name: "v0")),
            .flow(CachedFlow(key: FlowKey(), mask: .exact, actions: [.output(port: 1)])),
        ]
        for reply in replies {
            var writer = DatagramWriter()
            #expect(try writer.append(reply, sequence: 4, inDump: true))
            var bytes = writer.bytes
            // OVS_DP_CMD_GET, OVS_VPORT_CMD_GET and OVS_FLOW_CMD_GET are all 3.
            bytes[16] = 3
            // Two empty attributes of type 6 (OVS_DP_ATTR_PAD) at the end, where nobody asks.
            if case .datapath = reply {
                bytes += [4, 0, 6, 0, 4, 0, 6, 0]
                bytes[0] += 8
            }
            let received = DatapathReply.decode(bytes.span.bytes)
            #expect(try received.map { try $0.content.get() } == [reply])
        }
    }
}
