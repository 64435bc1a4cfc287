import CNetlink
import Glibc
import LinkValues
import Links
import Packets
import Testing

@Suite struct ReadingLinksTests {
    /// Needs no privilege: every network namespace has a loopback interface.
    @Test func theLoopbackInterfaceIsThere() throws {
        let table = try LinkTable()
        let links = try table.links()
        let loopback = try table.link(named: "lo")
        #expect(loopback.name == "lo")
        #expect(loopback.index == 1)
        #expect(loopback.mtu == 65_536)
        #expect(links.first == loopback)
        #expect(links.map(\.index) == links.map(\.index).sorted())
    }

    @Test(arguments: ["no-such-if0", "", "much-too-long-a-name"])
    func aMissingInterfaceIsNamed(name: String) throws {
        let table = try LinkTable()
        do {
            let link = try table.link(named: name)
            Issue.record("there is \(link)")
        } catch {
            #expect(error.interface == name)
            #expect(error.description.hasPrefix("\(name): cannot read: "))
        }
    }
}

/// On a veth pair a0–b0 in a network namespace of the test's own.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root: makes interfaces"))
struct ChangingLinksTests {
    @Test func whatIsSetIsRead() throws {
        try inOwnNamespace {
            let table = try LinkTable()
            let before = try table.link(named: "a0")
            #expect(before.kind == "veth")
            #expect(!before.isUp && !before.hasCarrier)
            try table.set("a0", up: true)
            let half = try table.link(named: "a0")
            #expect(half.isUp && !half.hasCarrier)
            try table.set("b0", up: true)
            try table.set("a0", mtu: 1400)
            try table.set("a0", address: MACAddress(bits: 0x0201_2345_6789))
            let after = try table.link(named: "a0")
            #expect(after.isUp && after.hasCarrier)
            #expect(after.mtu == 1400)
            #expect(after.address == MACAddress(bits: 0x0201_2345_6789))
            #expect(after.index == before.index)
            // What the veth driver says of every pair.
            #expect(after.speedMegabits == 10_000)
            #expect(after.duplex == .full)
            try table.set("a0", up: false)
            #expect(try !table.link(named: "a0").isUp)
            #expect(try table.links().map(\.name).sorted() == ["a0", "b0", "lo"])
        }
    }

    @Test func whatTheKernelRefusesIsAnErrorWithItsReason() throws {
        try inOwnNamespace {
            let table = try LinkTable()
            for mtu in [-1, 1, 100_000, 1 << 40] {
                do {
                    try table.set("a0", mtu: mtu)
                    Issue.record("MTU \(mtu) was taken")
                } catch let error as LinkError {
                    #expect(error.kind == .refused)
                    #expect(error.description.hasPrefix("a0: cannot set MTU \(mtu): "))
                }
            }
        }
    }

    @Test func interfacesThatComeChangeAndGoAreHeardOf() throws {
        try inOwnNamespace {
            var watch = try LinkWatch()
            let table = try LinkTable()
            let index = try table.link(named: "a0").index
            let atFirst = try watch.events()
            #expect(!atFirst.contains(.eventsLost))

            try table.set("a0", up: true)
            let changed = try watch.events()
            #expect(changed.contains(.present(try table.link(named: "a0"))))

            try run("ip", "link", "set", "b0", "name", "c0")
            let renamed = try watch.events()
            #expect(renamed.contains(.present(try table.link(named: "c0"))))

            try run("ip", "link", "del", "a0")
            let gone = try watch.events()
            #expect(gone.contains(.removed(index: index, name: "a0")))
            #expect(gone.filter { if case .removed = $0 { true } else { false } }.count == 2)

            try run("ip", "link", "add", "d0", "type", "veth", "peer", "name", "e0")
            let added = try watch.events()
            #expect(added.contains(.present(try table.link(named: "d0"))))
        }
    }

    @Test func aPairAndWhatIsSaidOfIt() throws {
        try inOwnNamespace {
            let table = try LinkTable()
            try table.add(
                LinkOrder(
                    name: "v0", kind: .veth(peer: "v1", peerNamespace: nil), mtu: 1400,
                    address: MACAddress(bits: 0x0200_0000_0001), alias: "ours"))
            let end = try table.link(named: "v0")
            let peer = try table.link(named: "v1")
            #expect(end.kind == "veth" && end.mtu == 1400 && peer.mtu == 1400)
            #expect(end.address == MACAddress(bits: 0x0200_0000_0001))
            #expect(end.alias == "ours" && peer.alias == nil)
            #expect(end.lowerIndex == peer.index && peer.lowerIndex == end.index)
            try table.rename("v1", to: "w1")
            let address = try #require(InterfaceAddress("192.0.2.1/24"))
            try table.add(address, to: "w1")
            #expect(try table.addresses()[peer.index] == [address])
            try table.remove(address, from: "w1")
            #expect(try table.addresses()[peer.index] == nil)
            try table.set("v0", .tso, on: false)
            #expect(table.offloads(of: "v0")[.tso] == false)
            try table.delete("w1")
            #expect(try table.links().map(\.name).sorted() == ["a0", "b0", "lo"])
        }
    }

    @Test func whatIsThereIsNotMadeAgainAndTheKernelSaysWhyItRefuses() throws {
        try inOwnNamespace {
            let table = try LinkTable()
            do throws(LinkError) {
                try table.add(LinkOrder(name: "a0", kind: .bridge))
                Issue.record("a0 was made again")
            } catch { #expect(error.kind == .exists) }
            do throws(LinkError) {
                try table.set("a0", mtu: 10)
                Issue.record("an MTU of 10 was taken")
            } catch {
                #expect(error.kernel == "mtu less than device minimum")
                #expect("\(error)".hasSuffix("(the kernel says: mtu less than device minimum)"))
            }
            do throws(LinkError) {
                try table.add(LinkOrder(name: "x", kind: .vlan(parent: "no", id: 5)))
                Issue.record("a VLAN on nothing was made")
            } catch { #expect(error.kind == .noSuchLink && error.interface == "no") }
        }
    }

    @Test func bridgesTapsAndTheirMembers() throws {
        try inOwnNamespace {
            let table = try LinkTable()
            try table.add(LinkOrder(name: "br", kind: .bridge))
            try table.add(LinkOrder(name: "t0", kind: .tap, mtu: 1300, alias: "x"))
            #expect(try table.link(named: "t0").kind == "tun")
            #expect(try table.link(named: "t0").mtu == 1300)
            try table.set("t0", master: "br")
            #expect(try table.link(named: "t0").masterIndex == table.link(named: "br").index)
            try table.set("t0", master: nil)
            #expect(try table.link(named: "t0").masterIndex == nil)
        }
    }

    @Test func aWrongNamespaceIsNamed() throws {
        do throws(LinkError) {
            try LinkStep(.up("a0", true), in: "no-such-namespace").perform()
            Issue.record("there is such a namespace")
        } catch { #expect("\(error)".contains("ip netns add no-such-namespace")) }
    }

    @Test func leavingABridgeIsNotGoingAway() throws {
        try inOwnNamespace {
            try run("ip", "link", "add", "bridge0", "type", "bridge")
            try run("ip", "link", "set", "a0", "master", "bridge0")
            var watch = try LinkWatch()
            try run("ip", "link", "set", "a0", "nomaster")
            let events = try watch.events()
            #expect(!events.isEmpty)
            for event in events {
                guard case .present = event else {
                    Issue.record("\(event)")
                    continue
                }
            }
        }
    }

    /// More changes than the kernel keeps for a listener that does not read: it is told so, and the
    /// watch goes on.
    @Test func aSlowListenerIsToldThatItMissedSomething() throws {
        try inOwnNamespace {
            var watch = try LinkWatch()
            let table = try LinkTable()
            for round in 0..<3000 { try table.set("a0", mtu: 1000 + round % 2) }
            var wasTold = false
            var read: [LinkEvent] = []
            repeat {
                read = try watch.events()
                wasTold = wasTold || read.contains(.eventsLost)
            } while !read.isEmpty
            #expect(wasTold)
            try table.set("a0", mtu: 1400)
            let events = try watch.events()
            #expect(events.contains(.present(try table.link(named: "a0"))))
        }
    }
}

struct Refused: Error {
    var reason: String
}

/// Runs `body` on a thread with a network namespace that has the veth pair a0–b0, and waits for
/// it.
private func inOwnNamespace(_ body: () throws -> Void) throws {
    try withoutActuallyEscaping(body) { body in
        let task = ThreadTask {
            guard apus_links_namespace_make() == 0 else {
                throw Refused(reason: "unshare: \(errno)")
            }
            try run("ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0")
            for name in ["a0", "b0"] { try run("ip", "link", "set", name, "addrgenmode", "none") }
            try body()
        }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<ThreadTask>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(task).toOpaque())
        guard result == 0 else { throw Refused(reason: "pthread_create: \(result)") }
        pthread_join(thread, nil)
        let failure = task.failure
        task.body = {}
        if let failure { throw failure }
    }
}

private final class ThreadTask {
    var body: () throws -> Void
    var failure: (any Error)?

    init(_ body: @escaping () throws -> Void) { self.body = body }

    func run() {
        do { try body() } catch { failure = error }
    }
}

/// Runs a program in the calling thread's namespace; fails unless it exits with 0.
private func run(_ words: String...) throws {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    var status: CInt = 0
    guard posix_spawnp(&process, words[0], nil, nil, &arguments, environ) == 0,
        waitpid(process, &status, 0) == process, status == 0
    else { throw Refused(reason: "\(words.joined(separator: " ")): status \(status)") }
}
