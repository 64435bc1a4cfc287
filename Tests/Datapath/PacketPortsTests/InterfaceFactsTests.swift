import Glibc
import PacketPorts
import Packets
import Testing

@Suite struct InterfaceNameTests {
    @Test(arguments: ["", "sixteen-bytes-xx", "a/b", "a b", "a:b", ".", "..", "a\nb", "é\u{a0}"])
    func anImpossibleNameIsRefusedBeforeTheKernelIsAsked(name: String) {
        #expect(throws: PortError(.invalidName, interface: name)) { try InterfaceFacts(name: name) }
    }

    @Test func aMissingInterfaceIsNamedAndTheWayToMakeItIsSaid() {
        let error = #expect(throws: PortError.self) { try InterfaceFacts(name: "no-such-if0") }
        #expect(error?.kind == .noSuchInterface)
        #expect(
            error?.description
                == "no-such-if0: there is no such interface here (create it, for example "
                + "`ip link add no-such-if0 type veth peer name peer0`): if_nametoindex: "
                + "No such device")
    }
}

@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct InterfaceFactsTests {
    @Test func whatIsReadIsWhatWasSet() throws {
        let space = try NetworkNamespace()
        try space.addPair("p0", "h0", mtu: 1700)
        let (first, second, loopback) = try space.run {
            try command("ip", "link", "set", "p0", "address", "02:01:23:45:67:89")
            let first = try InterfaceFacts(name: "p0")
            try command("ip", "link", "set", "p0", "down")
            let loopback = #expect(throws: PortError.self) { try InterfaceFacts(name: "lo") }
            return (first, try InterfaceFacts(name: "p0"), loopback)
        }
        #expect(first.name == "p0")
        #expect(first.index > 1)
        #expect(first.mtu == 1700)
        #expect(first.address == MACAddress(bits: 0x0201_2345_6789))
        #expect(first.isUp && first.isRunning)
        #expect(!second.isUp && !second.isRunning)
        #expect(second.index == first.index)
        #expect(loopback?.kind == .notEthernet)
    }

    @Test func aPortOnAnInterfaceThatWentAwayIsRefused() throws {
        let space = try NetworkNamespace()
        try space.addPair("p0", "h0")
        try space.run {
            let facts = try InterfaceFacts(name: "p0")
            try command("ip", "link", "del", "p0")
            let ring = #expect(throws: PortError.self) { _ = try PacketRing(interface: facts) }
            let sender = #expect(throws: PortError.self) { _ = try FrameSender(interface: facts) }
            let drop = #expect(throws: PortError.self) { _ = try HostIngressDrop(interface: facts) }
            for error in [ring, sender, drop] {
                #expect(error?.kind == .noSuchInterface)
                #expect(error?.interface == "p0")
            }
        }
    }
}
