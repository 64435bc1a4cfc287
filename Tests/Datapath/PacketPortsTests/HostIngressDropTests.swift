import CLinuxPacket
import Glibc
import PacketPorts
import Packets
import Testing

/// p0 is the port's interface and has an address of the host; h0 is where a neighbour asks for it.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct HostIngressDropTests {
    let space: NetworkNamespace

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0")
        try space.run { try command("ip", "addr", "add", "10.9.0.1/24", "dev", "p0") }
    }

    /// What this kernel has: a tcx link only from Linux 6.6 on.
    static let mechanisms: [HostIngressDrop.Mechanism] =
        hasLinks ? [.tcxLink, .clsactFilter] : [.clsactFilter]

    static let hasLinks: Bool = {
        do {
            let space = try NetworkNamespace()
            try space.addPair("p0", "h0")
            return try space.run {
                let facts = try InterfaceFacts(name: "p0")
                return try HostIngressDrop(interface: facts, mechanism: .tcxLink).mechanism
                    == .tcxLink
            }
        } catch {
            return (error as? PortError)?.kind != .unsupported
        }
    }()

    /// The host answers one request in each state; requests differ in the sender's address, so that
    /// the first answer to arrive tells which of them were heard.
    @Test(arguments: mechanisms)
    func theHostHearsNothingWhileItIsAttachedAndAllAfterwards(
        mechanism: HostIngressDrop.Mechanism
    ) throws {
        try space.run {
            let neighbour = try PlainSocket("h0")
            try neighbour.send(request(from: 2))
            #expect(try neighbour.receive().octets[41] == 2)

            let facts = try InterfaceFacts(name: "p0")
            var ring = try PacketRing(interface: facts)
            do {
                let drop = try HostIngressDrop(interface: facts, mechanism: mechanism)
                #expect(drop.mechanism == mechanism)
                for last in 3..<13 as Range<UInt8> { try neighbour.send(request(from: last)) }
                // Every one of them is seen by the ring all the same.
                let seen = try collect(10, from: &ring)
                #expect(seen.map { $0.octets[31] } == Array(3..<13))
            }
            #expect(isAnswered(neighbour, from: 20))
        }
    }

    @Test func byDefaultNothingThatOutlivesTheProcessIsUsedWhereTheKernelCan() throws {
        try space.run {
            let facts = try InterfaceFacts(name: "p0")
            let byDefault = try HostIngressDrop(interface: facts).mechanism
            #expect(byDefault == Self.mechanisms[0])
        }
    }

    /// A process that holds the link and is killed with SIGKILL leaves nothing behind.
    @Test(.enabled(if: hasLinks, "needs tcx links, Linux 6.6"))
    func theLinkEndsWithTheLastProcessThatHoldsIt() throws {
        try space.run {
            let neighbour = try PlainSocket("h0")
            let process: pid_t
            do {
                let before = openDescriptors()
                let drop = try HostIngressDrop(
                    interface: InterfaceFacts(name: "p0"), mechanism: .tcxLink)
                let link = openDescriptors().subtracting(before).first { isLink($0) }
                process = try spawn(["sleep", "1000"], handing: #require(link))
                _ = drop.mechanism
            }
            try neighbour.send(request(from: 3))
            kill(process, SIGKILL)
            var status: CInt = 0
            waitpid(process, &status, 0)
            #expect(isAnswered(neighbour, from: 4))
        }
    }

    /// A filter survives its process; attaching again replaces it, and detaching takes it away.
    @Test func aFilterLeftByADeadProcessIsReplaced() throws {
        try space.run {
            let neighbour = try PlainSocket("h0")
            let facts = try InterfaceFacts(name: "p0")
            do {
                let left = try HostIngressDrop(interface: facts, mechanism: .clsactFilter)
                let mine = try HostIngressDrop(interface: facts, mechanism: .clsactFilter)
                #expect(left.mechanism == mine.mechanism)
            }
            #expect(isAnswered(neighbour, from: 5))
        }
    }

    @Test func aQdiscOfSomebodyElseStays() throws {
        try space.run {
            try command("tc", "qdisc", "add", "dev", "p0", "clsact")
            do {
                let drop = try HostIngressDrop(
                    interface: InterfaceFacts(name: "p0"), mechanism: .clsactFilter)
                #expect(drop.mechanism == .clsactFilter)
            }
            // Fails if it is not there any more.
            try command("tc", "qdisc", "del", "dev", "p0", "clsact")
        }
    }

    @Test func anInterfaceThatIsDeletedFirstDoesNotDisturbTheEnd() throws {
        try space.run {
            for mechanism in Self.mechanisms {
                let drop = try HostIngressDrop(
                    interface: InterfaceFacts(name: "p0"), mechanism: mechanism)
                #expect(drop.mechanism == mechanism)
                try command("ip", "link", "del", "p0")
                try space.addPair("p0", "h0")
            }
        }
    }

    /// Whether the host hears requests. A process that another test starts at this moment may hold
    /// the attachment a little longer, until it becomes its own program: so it is asked again.
    private func isAnswered(_ neighbour: PlainSocket, from last: UInt8) -> Bool {
        eventually {
            do {
                try neighbour.send(request(from: last))
                return try neighbour.receive().octets[41] == last
            } catch {
                return false
            }
        }
    }

    /// Asks by ARP (RFC 826) who has 10.9.0.1, as 10.9.0.`last`; an answer repeats that at offset
    /// 38.
    private func request(from last: UInt8) -> [UInt8] {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, last, 0x08, 0x06]
            + [0, 1, 8, 0, 6, 4, 0, 1]
            + [2, 0, 0, 0, 0, last, 10, 9, 0, last]
            + [0, 0, 0, 0, 0, 0, 10, 9, 0, 1]
    }

    private func openDescriptors() -> Set<CInt> {
        Set((3..<1024).filter { fcntl($0, F_GETFD) >= 0 })
    }

    private func isLink(_ descriptor: CInt) -> Bool {
        var text = [UInt8](repeating: 0, count: 256)
        return readlink("/proc/self/fd/\(descriptor)", &text, 255) > 0
            && String(decoding: text, as: UTF8.self).contains("bpf_link")
    }
}
