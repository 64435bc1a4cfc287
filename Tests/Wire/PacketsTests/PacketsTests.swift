import Packets
import Testing

@Suite struct AddressTextTests {
    @Test(arguments: [
        ("00:00:00:00:00:01", 1 as UInt64), ("1:80:C2:0:0:e", 0x0180_c200_000e),
        ("ff:ff:ff:ff:ff:ff", 0xffff_ffff_ffff),
    ])
    func macAddressesAreRead(text: String, bits: UInt64) throws {
        let address = try #require(MACAddress(text))
        #expect(address.bits == bits)
        #expect(MACAddress(address.description) == address)
    }

    @Test(arguments: [
        "", "1:2:3:4:5", "1:2:3:4:5:6:7", "g:0:0:0:0:0", "1:2:3:4:5:+6", "001:0:0:0:0:0",
    ])
    func whatIsAlmostAMACAddressIsRefused(text: String) { #expect(MACAddress(text) == nil) }

    @Test(arguments: [
        ("10.0.0.1", 0x0a00_0001 as UInt32), ("255.255.255.255", .max), ("0.0.0.0", 0),
    ])
    func ipv4AddressesAreRead(text: String, bits: UInt32) throws {
        let address = try #require(IPv4Address(text))
        #expect(address.bits == bits)
        #expect(address.description == text)
    }

    @Test(arguments: ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.-4", "1..2.3", "0x1.2.3.4"])
    func whatIsAlmostAnIPv4AddressIsRefused(text: String) { #expect(IPv4Address(text) == nil) }

    /// Text, and its canonical form (RFC 5952).
    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:DB8::", "2001:db8::"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("::ffff:10.0.0.1", "::ffff:a00:1"), ("0:0:1::", "0:0:1::"),
        ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
    ])
    func ipv6AddressesAreReadAndWritten(text: String, canonical: String) throws {
        let address = try #require(IPv6Address(text))
        #expect(address.description == canonical)
        #expect(IPv6Address(canonical) == address)
    }

    @Test(arguments: [
        "", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",
        "1:2:3:4:5:6:7::8",
    ])
    func whatIsAlmostAnIPv6AddressIsRefused(text: String) { #expect(IPv6Address(text) == nil) }

    @Test func groupsAreKnown() throws {
        #expect(MACAddress.broadcast.isMulticast && MACAddress.broadcast.isBroadcast)
        let spanningTree = try #require(MACAddress("01:80:c2:00:00:00"))
        #expect(spanningTree.isReservedMulticast && spanningTree.isMulticast)
        let other = try #require(MACAddress("01:80:c2:00:00:10"))
        #expect(!other.isReservedMulticast)
    }
}
