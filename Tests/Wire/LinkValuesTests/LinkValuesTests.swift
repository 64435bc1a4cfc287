import LinkValues
import Packets
import Testing

@Suite struct LinkValuesTests {
    @Test(arguments: [
        ("192.0.2.1/24", "192.0.2.1/24"), ("192.0.2.1", "192.0.2.1/32"), ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::1/64", "2001:db8::1/64"), ("fe80::1", "fe80::1/128"),
    ])
    func addressesAreReadAndWritten(text: String, written: String) {
        #expect(InterfaceAddress(text)?.description == written)
    }

    @Test(arguments: [
        "", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2/24", "::/129", "a/1", "1.2.3.4/",
    ])
    func whatIsNoAddressIsRefused(text: String) { #expect(InterfaceAddress(text) == nil) }

    @Test func onlyLinkLocalAddressesAreTheKernelsOwn() {
        #expect(InterfaceAddress("fe80::1/64")?.isLinkLocal == true)
        #expect(InterfaceAddress("2001:db8::1/64")?.isLinkLocal == false)
        #expect(InterfaceAddress("192.0.2.1/24")?.isLinkLocal == false)
    }

    @Test(arguments: ["eth0.10", "a", "fifteen-bytes-x", "p#1"])
    func goodNames(name: String) { #expect(isLinkName(name)) }

    @Test(arguments: ["", ".", "..", "a/b", "a b", "a:b", "sixteen-bytes-xx", "a\u{1}", "a\u{7f}"])
    func badNames(name: String) { #expect(!isLinkName(name)) }

    @Test(arguments: BondMode.allCases)
    func modesHaveNames(mode: BondMode) { #expect(BondMode(mode.name) == mode) }

    @Test(arguments: BondHashPolicy.allCases)
    func policiesHaveNames(policy: BondHashPolicy) {
        #expect(BondHashPolicy(policy.name) == policy)
    }

    @Test func onlyWhatIsSaidAndDiffersIsADifference() {
        var present = BondSettings()
        present.mode = .balanceRR
        present.miimon = 100
        present.isLACPFast = false
        var wanted = BondSettings()
        #expect(wanted.set("mode", "802.3ad") == nil)
        #expect(wanted.set("miimon", "100") == nil)
        var expected = BondSettings()
        expected.mode = .lacp
        #expect(present.differences(from: wanted) == expected)
        #expect(wanted.words.map(\.name) == ["mode", "miimon"])
    }

    @Test(arguments: [
        ("mode", "lacp"), ("miimon", "-1"), ("lacp-rate", "1"), ("xmit-hash-policy", "l2"),
        ("min-links", "4294967296"), ("updelay", ""),
    ])
    func wrongSettingsSaySo(name: String, value: String) {
        var settings = BondSettings()
        #expect(settings.set(name, value) != nil)
    }

    @Test func aStepIsReadable() {
        let order = LinkOrder(name: "v0", kind: .veth(peer: "v1", peerNamespace: "red"), mtu: 1400)
        #expect("\(LinkStep(.add(order)))" == "add veth v0 peer v1 netns red mtu 1400")
        #expect("\(LinkStep(.up("v1", true), in: "red"))" == "set v1 up (in netns red)")
        #expect("\(LinkStep(.master("a", nil)))" == "set a nomaster")
    }
}
