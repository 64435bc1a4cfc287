import Flows
import Packets
import Switching
import Testing
import Timekeeping

// What a balance-slb bond does with frames that the next switch sends back by another member
// (vswitchd/INTERNALS calls them reflections): they are known by their source, which was learned on
// this side.

private let host = MACAddress(bits: 0x0200_0000_0001)
private let key = MACTable.Key(vlan: 0, mac: host)

private func at(_ seconds: Double) -> Instant { Instant.start + .seconds(100) + .seconds(seconds) }

/// Port 1 is a host's, 2 and 3 are members of the bond, which has the id 20.
private struct Bridge {
    var normal = NormalSwitch()
    var bond = Bond(settings: .init(mode: .balanceSLB))
    var table = MACTable()

    init() {
        normal.setPorts([
            SwitchPort(id: 10, name: "host", members: [1]),
            SwitchPort(id: 20, name: "bond", members: [2, 3]),
        ])
        _ = bond.handle(
            [
                .members(
                    [2, 3].map {
                        .init(
                            number: $0, name: "p\($0)", address: MACAddress(bits: UInt64($0)),
                            hasCarrier: true)
                    })
            ], now: at(0))
    }

    /// Decides, and learns as the switch would.
    mutating func take(
        from port: UInt16, gratuitous: Bool, second: Double
    ) -> NormalDecision {
        table.expire(now: at(second))
        let decision = normal.decide(
            NormalFrame(
                inPort: port, source: host, destination: .broadcast, tci: 0,
                etherType: EtherType.arp, isGratuitousARP: gratuitous),
            table: table, bonds: [20: bond])
        if let learning = decision.learning {
            table.learn(learning.key, on: learning.port, now: at(second))
            if learning.isHeld { table.hold(learning.key, now: at(second)) }
        }
        return decision
    }
}

@Suite struct ReflectionTests {
    @Test func framesThatComeBackAreDropped() {
        var bridge = Bridge()
        #expect(bridge.take(from: 1, gratuitous: false, second: 1).end == .forwarded)
        let back = bridge.take(from: 2, gratuitous: false, second: 2)
        #expect(back.end == .bondRefused && back.refusal == .cameBack)
        #expect(bridge.table.lookup(key)?.port == 10)
    }

    @Test func aHostThatMovedSaysSo() {
        var bridge = Bridge()
        _ = bridge.take(from: 1, gratuitous: false, second: 1)
        let moved = bridge.take(from: 2, gratuitous: true, second: 2)
        #expect(moved.end == .forwarded)
        #expect(bridge.table.lookup(key)?.port == 20)
    }

    @Test(arguments: [(5.9, false), (6.0, true)])
    func butNotJustAfterItSaidThatItIsHere(second: Double, isBelieved: Bool) {
        var bridge = Bridge()
        _ = bridge.take(from: 1, gratuitous: true, second: 1)
        #expect(bridge.table.isHeld(key))
        #expect(bridge.table.nextDeadline == at(6))
        let reflection = bridge.take(from: 2, gratuitous: true, second: second)
        #expect((reflection.end == .forwarded) == isBelieved)
        #expect((bridge.table.lookup(key)?.port == 20) == isBelieved)
    }

    @Test func outputsAskTheBond() {
        var bridge = Bridge()
        let flooded = bridge.take(from: 1, gratuitous: false, second: 1)
        #expect(flooded.outputs == [.init(port: 2, tci: 0, bond: 20)])
    }

    @Test func holdsAreRenewedForgottenAndBounded() {
        var table = MACTable(limit: 20_000)
        table.hold(key, now: at(0))
        #expect(!table.isHeld(key), "only what was learned can be held")
        table.learn(key, on: 1, now: at(0))
        table.hold(key, now: at(0))
        table.hold(key, now: at(3))
        table.expire(now: at(5))
        #expect(table.isHeld(key), "renewed")
        table.expire(now: at(8))
        #expect(!table.isHeld(key))
        table.hold(key, now: at(9))
        table.remove(key)
        #expect(!table.isHeld(key))
        for number in 0...UInt64(Limits.heldAddresses) {
            let other = MACTable.Key(vlan: 1, mac: MACAddress(bits: number << 8))
            table.learn(other, on: 1, now: at(10))
            table.hold(other, now: at(10))
            let isWithin = number < UInt64(Limits.heldAddresses)
            #expect(table.isHeld(other) == isWithin)
        }
        table.expire(now: at(15))
        #expect(!table.isHeld(.init(vlan: 1, mac: MACAddress(bits: 0))))
    }
}
