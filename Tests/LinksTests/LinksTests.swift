import CNetlink
import Glibc
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
            guard apus_network_namespace_make() == 0 else {
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
