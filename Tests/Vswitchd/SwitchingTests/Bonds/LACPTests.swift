import Packets
import Switching
import Testing
import Timekeeping

// LACP against the tables of IEEE 802.1AX-2014 §6.4: receive machine, selection, periodic and
// transmit machines.

private let ourSystem = MACAddress(bits: 0x0200_0000_0001)
private let theirSystem = MACAddress(bits: 0x0200_0000_0002)
private let otherSystem = MACAddress(bits: 0x0200_0000_0003)

private func makeLACP(
    active: Bool = true, fast: Bool = false, fallsBack: Bool = false, members: [UInt16] = [1, 2]
) -> LACP {
    var lacp = LACP(
        settings: .init(isActive: active, isFast: fast, system: ourSystem, fallsBack: fallsBack))
    _ = lacp.handle(
        [.members(members.map { .init(number: $0, name: "p\($0)") })]
            + members.map { .carrier(member: $0, true) }, now: at(0))
    return lacp
}

private func at(_ seconds: Double) -> Instant { Instant.start + .seconds(100) + .seconds(seconds) }

/// What a partner says that agrees with all we say of port `port`.
private func unit(
    from system: MACAddress = theirSystem, port: UInt16 = 1, key: UInt16 = 1,
    state: LACPEnd.State = [.activity, .aggregation, .synchronization], told: LACPEnd = LACPEnd()
) -> LACPUnit {
    LACPUnit(
        actor: LACPEnd(
            systemPriority: 65534, system: system, key: key, portPriority: 65535, port: port,
            state: state),
        partner: told)
}

@Suite struct LACPReceiveTests {
    typealias Step = (second: Double, event: LACP.Event, status: LACPMember.Status, attached: Bool)
    struct Script: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var active = true
        var fast = false
        var steps: [Step]
    }

    @Test(arguments: [
        Script(
            testDescription: "an active port waits 3 s for a partner, then assumes none",
            steps: [
                (0, .clockAdvanced, .expired, true), (2.9, .clockAdvanced, .expired, true),
                (3, .clockAdvanced, .defaulted, false),
                (40, .clockAdvanced, .defaulted, false),
            ]),
        Script(
            testDescription: "a passive port has no partner from the start", active: false,
            steps: [(0, .clockAdvanced, .defaulted, false)]),
        Script(
            testDescription: "a word makes any state current",
            steps: [
                (0, .received(member: 1, unit()), .current, true),
                (90, .clockAdvanced, .expired, true),
                (91, .received(member: 1, unit()), .current, true),
                (181, .clockAdvanced, .expired, true), (184, .clockAdvanced, .defaulted, false),
                (185, .received(member: 1, unit()), .current, true),
            ]),
        Script(
            testDescription: "fast means three seconds", fast: true,
            steps: [
                (0, .received(member: 1, unit()), .current, true),
                (2.9, .clockAdvanced, .current, true), (3, .clockAdvanced, .expired, true),
                (6, .clockAdvanced, .defaulted, false),
            ]),
        Script(
            testDescription: "a link that goes down expires at once",
            steps: [
                (0, .received(member: 1, unit()), .current, true),
                (1, .carrier(member: 1, false), .expired, true),
                (4, .clockAdvanced, .defaulted, false),
            ]),
        Script(
            testDescription: "what a dead link says is an echo",
            steps: [
                (0, .carrier(member: 1, false), .expired, true),
                (1, .received(member: 1, unit()), .expired, true),
            ]),
    ])
    func followsTheReceiveMachine(_ script: Script) {
        var lacp = makeLACP(active: script.active, fast: script.fast, members: [1])
        for step in script.steps {
            _ = lacp.handle([step.event], now: at(step.second))
            #expect(lacp.members[0].status == step.status, "at \(step.second) s")
            #expect(lacp.members[0].isAttached == step.attached, "at \(step.second) s")
        }
    }

    @Test func countersCountWhatHappened() {
        var lacp = makeLACP(members: [1])
        _ = lacp.handle(
            [
                .received(member: 1, unit()), .receivedOther(member: 1, .marker),
                .receivedOther(member: 1, .unknownSubtype(9)), .carrier(member: 1, false),
                .carrier(member: 1, true),
            ], now: at(1))
        _ = lacp.handle([.clockAdvanced], now: at(4))
        let counters = lacp.members[0].counters
        #expect(counters.received == 3 && counters.receivedMarkers == 1)
        #expect(counters.receivedBad == 1 && counters.carrierChanges == 3)
        #expect(counters.defaulted == 1)
    }
}

@Suite struct LACPSelectionTests {
    /// What each of two members hears, and which may carry frames then.
    typealias Row = (name: String, first: LACPUnit?, second: LACPUnit?, usable: [UInt16])

    @Test(
        arguments: [
            ("both to one partner", unit(port: 1), unit(port: 2), [1, 2]),
            ("nobody on the second", unit(port: 1), nil, [1]),
            ("another system on the second", unit(port: 1), unit(from: otherSystem, port: 2), [1]),
            ("another key on the second", unit(port: 1), unit(port: 2, key: 9), [1]),
            ("the partner is not in sync yet", unit(state: [.activity, .aggregation]), nil, []),
            ("a cable to ourselves", unit(from: ourSystem), unit(from: ourSystem, port: 2), []),
        ] as [Row])
    func membersOfOnePartnerBelongTogether(_ row: Row) {
        var lacp = makeLACP()
        for second in [1.0, 2, 3] {
            let events = [(UInt16(1), row.first), (2, row.second)].compactMap { number, unit in
                unit.map { LACP.Event.received(member: number, $0) }
            }
            _ = lacp.handle(events, now: at(second))
        }
        _ = lacp.handle([.clockAdvanced], now: at(4))
        #expect([1, 2].filter { lacp.mayEnable($0) } == row.usable)
        #expect(lacp.isNegotiated == !(row.first?.actor.system == ourSystem))
    }

    @Test func aPartnerThatWorksIsKept() {
        var lacp = makeLACP()
        _ = lacp.handle([.received(member: 2, unit(from: otherSystem, port: 2))], now: at(1))
        _ = lacp.handle([.received(member: 1, unit(from: theirSystem, port: 1))], now: at(2))
        #expect(lacp.mayEnable(2) && !lacp.mayEnable(1), "a better system does not displace it")
        _ = lacp.handle([.carrier(member: 2, false)], now: at(3))
        _ = lacp.handle([.received(member: 1, unit(port: 1))], now: at(3.5))
        _ = lacp.handle([.clockAdvanced], now: at(6.1))
        #expect(lacp.mayEnable(1), "but takes over when it is gone")
    }

    @Test func withoutAPartnerFallbackKeepsMembersUsable() {
        var lacp = makeLACP(fallsBack: true)
        _ = lacp.handle([.clockAdvanced], now: at(4))
        #expect(!lacp.isNegotiated)
        #expect(lacp.mayEnable(1) && lacp.mayEnable(2))
        _ = lacp.handle([.received(member: 1, unit())], now: at(5))
        #expect(lacp.isNegotiated)
        #expect(lacp.mayEnable(1) && !lacp.mayEnable(2), "a partner ends the makeshift")
    }

    @Test func theKeyIsTheFirstMembersPortUnlessItIsGiven() {
        var lacp = makeLACP(members: [3, 4])
        #expect(lacp.key == 3)
        _ = lacp.handle(
            [.members([.init(number: 3, name: "p3", key: 77), .init(number: 4, name: "p4")])],
            now: at(1))
        #expect(lacp.key == 77)
        #expect(lacp.actor(lacp.members[1]).key == 77, "all members show one key")
        _ = lacp.handle([.members([.init(number: 4, name: "p4")])], now: at(2))
        #expect(lacp.key == 4)
    }
}

@Suite struct LACPTransmitTests {
    private func sent(_ effects: [LACP.Effect]) -> [UInt16] {
        effects.map { if case .transmit(let member, _) = $0 { member } else { 0 } }
    }

    @Test func paceIsWhatThePartnerAsksFor() {
        for (state, expected) in [
            ([.activity, .synchronization, .shortTimeout] as LACPEnd.State, 10),
            ([.activity, .synchronization], 0),
        ] {
            var lacp = makeLACP(members: [1])
            var count = 0
            let told = lacp.actor(lacp.members[0])
            for second in 1...11 {
                let agreed = lacp.actor(lacp.members[0])
                let effects = lacp.handle(
                    [.received(member: 1, unit(state: state, told: second == 1 ? told : agreed))],
                    now: at(Double(second)))
                if second > 1 { count += effects.count }
            }
            #expect(count == expected)
        }
    }

    @Test func slowMeansEachThirtySeconds() {
        var lacp = makeLACP(members: [1])
        _ = lacp.handle([.received(member: 1, unit())], now: at(1))
        var times: [Int] = []
        for second in 2...70 {
            let agreed = unit(told: lacp.actor(lacp.members[0]))
            if !lacp.handle([.received(member: 1, agreed)], now: at(Double(second))).isEmpty {
                times.append(second)
            }
        }
        #expect(zip(times.dropFirst(), times).allSatisfy { $0 - $1 == 30 })
        #expect((2...3).contains(times.count))
    }

    @Test func aWrongBeliefIsAnsweredAtOnceButNotMoreThanThriceASecond() {
        var lacp = makeLACP(members: [1])
        var count = 0
        for step in 0..<100 {
            // A partner that never understands us.
            let moment = at(10 + Double(step) / 100)
            count += lacp.handle([.received(member: 1, unit())], now: moment).count
        }
        #expect(count == LACP.unitsPerSecond)
    }

    @Test func passiveSpeaksOnlyWhenSpokenTo() {
        var lacp = makeLACP(active: false, members: [1])
        #expect(lacp.handle([.clockAdvanced], now: at(50)).isEmpty)
        #expect(lacp.deadline(now: at(50)) == nil)
        #expect(sent(lacp.handle([.received(member: 1, unit())], now: at(51))) == [1])
    }

    @Test func aDeadLinkSaysNothing() {
        var lacp = makeLACP()
        _ = lacp.handle([.carrier(member: 1, false)], now: at(1))
        var members: Set<UInt16> = []
        for second in 2...100 {
            members.formUnion(sent(lacp.handle([.clockAdvanced], now: at(Double(second)))))
        }
        #expect(members == [2])
    }
}
