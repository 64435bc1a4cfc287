import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Testing

// The classes of three CVEs of Open vSwitch, each a cached flow that answered for packets which
// would have met another rule. Named, so that whoever breaks one knows what he broke; the property
// tests next door look for the same with random pipelines.

@Suite struct KnownHolesTests {
    /// CVE-2020-35498: padding of more than 255 bytes made the switch leave the network layer
    /// unread, and the cached flow then answered for every packet of the Ethernet type.
    @Test(arguments: [0, 1, 255, 256, 1000])
    func cve2020_35498PaddingDoesNotHideTheNetworkLayer(padding: Int) throws {
        var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        frame += [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        frame += [0x03, 0xe8, 0, 53, 0, 8, 0, 0] + Array(repeating: 0, count: padding)
        let key = unsafe FlowKey.extract(frame: frame.span.bytes, inPort: 11).key
        #expect(key.nwDst.bits == 0x0a00_0002 && key.nwProto == 17 && key.tpDst == 53)
        var model = makeModel()
        try model.add(
            on: Match([.ethType: 0x0800, .ipv4Dst: 0x0a00_0002]), priority: 2, .output(2))
        try model.add(on: Match([.ethType: 0x0800]), priority: 1, .output(3))
        let translation = model.translate(key)
        #expect(translation.actions == [.output(port: 12)])
        #expect(translation.mask.nwDst.bits != 0)
    }

    /// CVE-2023-1668: with IP protocol 0 the cached flow did not look at the protocol at all, and
    /// wrote fields of other protocols' packets, or did not.
    @Test func cve2023_1668ProtocolZeroIsAProtocol() throws {
        var model = makeModel()
        try model.add(
            on: Match([.ethType: 0x0800, .nwProto: 6]), priority: 2, .output(3))
        try model.add(
            on: Match([.ethType: 0x0800]), priority: 1,
            .setField(.ipv4Src, FieldValue(low: 0x0a00_0009)),
            .setField(.tcpDst, FieldValue(low: 9)), .output(2))
        var zero = makePacket()
        (zero.nwProto, zero.tpSrc, zero.tpDst) = (0, 0, 0)
        let translation = model.translate(zero)
        #expect(translation.mask.nwProto == 0xff)
        #expect(translation.actions.count == 2, "an address is written, and no port")
        #expect(model.translate(makePacket()).actions == [.output(port: 13)])
        #expect(
            makePacket().masked(by: translation.mask) != zero.masked(by: translation.mask),
            "the flow for protocol 0 does not answer for TCP")
    }

    /// CVE-2023-5366: a rule on the target of a neighbour advertisement was met, but its target
    /// was missing in the mask, so that others passed as well.
    @Test func cve2023_5366TheTargetOfAnAdvertisementIsLookedAt() throws {
        var model = makeModel()
        var allowed = Match([.ethType: 0x86dd, .nwProto: 58, .icmpv6Type: 136])
        let target = IPv6Address(high: 0xfe80_0000_0000_0000, low: 1)
        allowed.set(.ndTarget, to: FieldValue(high: target.high, low: target.low))
        try model.add(on: allowed, priority: 2, .output(2))
        try model.add(
            on: Match([.ethType: 0x86dd, .nwProto: 58, .icmpv6Type: 136]), priority: 1,
            Instructions())
        var packet = FlowKey()
        (packet.inPort, packet.ethType, packet.nwProto) = (11, EtherType.ipv6, 58)
        (packet.tpSrc, packet.ndTarget) = (136, target)
        let passes = model.translate(packet)
        #expect(passes.actions == [.output(port: 12)])
        #expect(passes.mask.ndTarget == IPv6Address(high: .max, low: .max))
        #expect(passes.mask.tpSrc & 0xff == 0xff && passes.mask.nwProto == 0xff)
        packet.ndTarget = IPv6Address(high: target.high, low: 2)
        let dropped = model.translate(packet)
        #expect(dropped.end == .droppedByRule)
        packet.ndTarget = target
        #expect(
            packet.masked(by: dropped.mask).ndTarget.low
                != 2 & dropped.mask.ndTarget.low,
            "a flow that drops one target does not drop another")
    }
}
