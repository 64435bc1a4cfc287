import Packets
import Switching
import Testing
import Timekeeping

// Bonds: conf.db(5), "Bonding Configuration".

private func at(_ seconds: Double) -> Instant { Instant.start + .seconds(100) + .seconds(seconds) }

private func facts(_ up: [Bool]) -> Bond.Event {
    .members(
        up.enumerated().map { index, isUp in
            .init(
                number: UInt16(index + 1), name: "p\(index + 1)",
                address: MACAddress(bits: 0x0200_0000_0000 + UInt64(index + 1)), hasCarrier: isUp)
        })
}

private func makeBond(
    _ mode: Bond.Mode, up: [Bool] = [true, true], lacp: Bond.LACPStatus = .off,
    _ change: (inout Bond.Settings) -> Void = { _ in }
) -> Bond {
    var settings = Bond.Settings(mode: mode)
    change(&settings)
    var bond = Bond(settings: settings)
    let fit = up.indices.map { Bond.Event.mayEnable(member: UInt16($0 + 1), true) }
    _ = bond.handle([.lacp(lacp), facts(up)] + fit, now: at(0))
    return bond
}

@Suite struct BondLinkTests {
    @Test func theNextMemberTakesOverAtOnce() {
        var bond = makeBond(.activeBackup)
        #expect(bond.rule == .always(1))
        _ = bond.takeChangedMembers()
        let effects = bond.handle([facts([false, true])], now: at(1))
        #expect(bond.rule == .always(2))
        #expect(
            effects == [
                .memberDisabled(name: "p1"), .activeMember(name: "p2"), .sendLearningFrames,
            ])
        #expect(bond.takeChangedMembers() == [1, 2], "whose flows cannot wait")
        _ = bond.handle([facts([true, true])], now: at(2))
        #expect(bond.rule == .always(2), "the old one does not push itself back")
        _ = bond.handle([facts([false, false])], now: at(3))
        #expect(bond.rule == .nowhere)
    }

    @Test func thePrimaryPushesItselfBack() {
        var bond = makeBond(.activeBackup) { $0.primary = "p1" }
        _ = bond.handle([facts([false, true])], now: at(1))
        #expect(bond.rule == .always(2))
        _ = bond.handle([facts([true, true])], now: at(2))
        #expect(bond.rule == .always(1))
    }

    typealias DelayStep = (second: Double, up: [Bool], enabled: [Bool])
    @Test(
        arguments: [
            (
                "down for a moment is nothing", 0.0, 2.0,
                [
                    (0, [true, true], [true, true]), (1, [false, true], [true, true]),
                    (2, [true, true], [true, true]), (9, [true, true], [true, true]),
                ]
            ),
            (
                "down for the delay is down", 0, 2,
                [
                    (1, [false, true], [true, true]), (2.9, [false, true], [true, true]),
                    (3, [false, true], [false, true]),
                ]
            ),
            (
                "up waits its delay", 5, 0,
                [
                    (1, [false, true], [false, true]), (2, [true, true], [false, true]),
                    (6.9, [true, true], [false, true]), (7, [true, true], [true, true]),
                ]
            ),
            (
                "nobody waits while no member is up", 5, 0,
                [(1, [false, false], [false, false]), (2, [true, false], [true, false])]
            ),
        ] as [(String, Double, Double, [DelayStep])])
    func delays(name: String, up: Double, down: Double, steps: [DelayStep]) {
        var bond = makeBond(.activeBackup) {
            $0.upDelay = .seconds(up)
            $0.downDelay = .seconds(down)
        }
        for step in steps {
            _ = bond.handle([facts(step.up)], now: at(step.second))
            #expect(bond.members.map(\.isEnabled) == step.enabled, "at \(step.second) s")
        }
    }

    @Test func theLastActiveMemberIsPreferredAfterARestart() {
        var bond = Bond(
            settings: .init(), lastActive: MACAddress(bits: 0x0200_0000_0002))
        _ = bond.handle([facts([true, true])], now: at(0))
        #expect(bond.rule == .always(2))
    }

    @Test func whoeverLACPKnowsIsToldNothing() {
        var bond = makeBond(.balanceSLB, lacp: .negotiated)
        let effects = bond.handle([facts([false, true])], now: at(1))
        #expect(!effects.contains(.sendLearningFrames))
    }
}

@Suite struct BondAdmissionTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mode: Bond.Mode
        var lacp: Bond.LACPStatus
        var fallsBack = false
        var allActive = false
        /// Verdicts for a frame to one host, and to a group, by the active member and by another.
        var active: [Bond.Verdict]
        var backup: [Bond.Verdict]
    }

    @Test(arguments: [
        Row(
            testDescription: "active-backup takes from the active member only",
            mode: .activeBackup, lacp: .off, active: [.accept, .accept],
            backup: [.drop(.backupMember), .drop(.groupOnBackup)]),
        Row(
            testDescription: "SLB takes groups from the active member, others unless moved",
            mode: .balanceSLB, lacp: .off, active: [.acceptUnlessMoved, .acceptUnlessMoved],
            backup: [.acceptUnlessMoved, .drop(.groupOnBackup)]),
        Row(
            testDescription: "unless all members are active", mode: .balanceSLB, lacp: .off,
            allActive: true, active: [.acceptUnlessMoved, .acceptUnlessMoved],
            backup: [.acceptUnlessMoved, .acceptUnlessMoved]),
        Row(
            testDescription: "TCP takes nothing without LACP", mode: .balanceTCP, lacp: .off,
            active: [.drop(.needsLACP), .drop(.needsLACP)],
            backup: [.drop(.needsLACP), .drop(.needsLACP)]),
        Row(
            testDescription: "nobody takes anything until LACP is negotiated", mode: .balanceSLB,
            lacp: .configured, active: [.drop(.lacpNotNegotiated), .drop(.lacpNotNegotiated)],
            backup: [.drop(.lacpNotNegotiated), .drop(.lacpNotNegotiated)]),
        Row(
            testDescription: "unless it falls back", mode: .balanceTCP, lacp: .configured,
            fallsBack: true, active: [.accept, .accept],
            backup: [.drop(.backupMember), .drop(.groupOnBackup)]),
        Row(
            testDescription: "LACP makes every member good", mode: .balanceTCP, lacp: .negotiated,
            active: [.accept, .accept], backup: [.accept, .accept]),
        Row(
            testDescription: "of active-backup too", mode: .activeBackup, lacp: .negotiated,
            active: [.accept, .accept], backup: [.accept, .accept]),
    ])
    func framesAreTakenIn(_ row: Row) {
        let bond = makeBond(row.mode, lacp: row.lacp) {
            $0.fallsBackToActiveBackup = row.fallsBack
            $0.allMembersActive = row.allActive
        }
        #expect(bond.activeMember == 1)
        #expect([false, true].map { bond.verdict(from: 1, isMulticast: $0) } == row.active)
        #expect([false, true].map { bond.verdict(from: 2, isMulticast: $0) } == row.backup)
        #expect(bond.verdict(from: 9, isMulticast: false) == .drop(.notAMember))
    }

    @Test func aDisabledMemberBringsNothing() {
        let bond = makeBond(.balanceTCP, up: [true, false], lacp: .negotiated)
        #expect(bond.verdict(from: 2, isMulticast: false) == .drop(.memberDisabled))
    }
}

@Suite struct BondChoiceTests {
    /// Numbers of Open vSwitch 3.1: `ovs-appctl bond/hash MAC [VLAN] [BASIS]`.
    @Test(arguments: HashRow.all)
    func hashesAreOpenVSwitchs(_ row: HashRow) throws {
        let address = try #require(MACAddress(row.address))
        #expect(Bond.hash(address, vlan: row.vlan, basis: row.basis) & 0xff == row.bucket)
    }

    @Test func bucketsTakeTurnsAndStay() {
        var bond = makeBond(.balanceSLB)
        #expect(bond.member(forHash: 7) == 1)
        #expect(bond.member(forHash: 7) == 1, "asking changes nothing")
        bond.use(hash: 7, byteCount: 100)
        #expect(bond.member(forHash: 8) == 2)
        bond.use(hash: 8, byteCount: 100)
        bond.use(hash: 7, byteCount: 50)
        #expect(bond.buckets[7].byteCount == 150)
        #expect(bond.member(forHash: 256 + 7) == 1, "256 buckets")
        _ = bond.handle([facts([false, true])], now: at(1))
        #expect(bond.member(forHash: 7) == 2 && bond.member(forHash: 8) == 2)
    }

    @Test func ordersOfAnOperator() throws {
        var bond = makeBond(.balanceSLB, up: [true, true, false])
        var effects: [Bond.Effect] = []
        try bond.migrate(hash: 300, to: "p2")
        #expect(bond.member(forHash: 44) == 2)
        for (order, text) in [
            ({ try $0.migrate(hash: 1, to: "px") }, "no such member"),
            ({ try $0.migrate(hash: 1, to: "p3") }, "cannot migrate to disabled member"),
            (
                {
                    var effects: [Bond.Effect] = []
                    _ = try $0.setActive("p3", &effects)
                }, "cannot make disabled member active"
            ),
        ] as [((inout Bond) throws -> Void, String)] {
            #expect { try order(&bond) } throws: { ($0 as? Bond.CommandError)?.text == text }
        }
        let (moved, again) = (
            try bond.setActive("p2", &effects), try bond.setActive("p2", &effects)
        )
        #expect(moved && !again)
        #expect(bond.activeMember == 2)
        var other = makeBond(.balanceTCP, lacp: .negotiated)
        #expect { try other.migrate(hash: 1, to: "p1") } throws: {
            ($0 as? Bond.CommandError)?.text == "not an SLB bond"
        }
    }

    struct HashRow: Sendable {
        var address: String
        var vlan: UInt16
        var basis: UInt32
        var bucket: UInt32
        static let all: [HashRow] = [
            HashRow(address: "00:00:00:00:00:01", vlan: 0, basis: 0, bucket: 68),
            HashRow(address: "02:a9:00:00:00:02", vlan: 0, basis: 0, bucket: 31),
            HashRow(address: "02:a9:00:00:00:03", vlan: 0, basis: 0, bucket: 185),
            HashRow(address: "ff:ff:ff:ff:ff:ff", vlan: 4095, basis: .max, bucket: 93),
            HashRow(address: "aa:55:aa:55:00:01", vlan: 101, basis: 7, bucket: 166),
            HashRow(address: "aa:55:aa:55:00:01", vlan: 102, basis: 7, bucket: 66),
            HashRow(address: "02:a9:00:00:00:02", vlan: 0, basis: 1, bucket: 51),
        ]
    }
}

@Suite struct BondRebalancingTests {
    /// Bytes of each bucket, all of them on member 1, and how far apart the members may stay.
    @Test(
        arguments: [
            ([1_000_000, 1_000_000], 0), ([5_000_000, 3_000_000, 2_000_000, 1_000_000], 1_000_000),
            ([9_000_000, 1_000_000], 8_000_000), (Array(repeating: 40_000, count: 100), 400_000),
        ] as [([UInt64], UInt64)])
    func loadIsSpread(bytes: [UInt64], difference: UInt64) throws {
        var bond = makeBond(.balanceSLB)
        for (hash, count) in bytes.enumerated() {
            try bond.migrate(hash: UInt32(hash), to: "p1")
            bond.use(hash: UInt32(hash), byteCount: count)
        }
        let effects = bond.handle([.clockAdvanced], now: at(10))
        #expect(effects == [.rebalanced])
        func load(_ member: UInt16) -> UInt64 {
            // Halved after the rebalancing.
            bond.buckets.filter { $0.member == member }.reduce(0) { $0 + 2 * $1.byteCount }
        }
        #expect(max(load(1), load(2)) - min(load(1), load(2)) <= difference)
    }

    @Test(arguments: [[90_000], [50_000, 40_000], [99_000_000], []] as [[UInt64]])
    func noiseAndWhatCannotBeDividedStay(bytes: [UInt64]) throws {
        var bond = makeBond(.balanceSLB)
        for (hash, count) in bytes.enumerated() {
            try bond.migrate(hash: UInt32(hash), to: "p1")
            bond.use(hash: UInt32(hash), byteCount: count)
        }
        #expect(bond.handle([.clockAdvanced], now: at(10)).isEmpty)
    }

    @Test func convergesUnderAnyLoadAndThenRests() throws {
        var chance = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let memberCount = 2 + chance.below(4)
            var bond = makeBond(
                .balanceSLB, up: Array(repeating: true, count: memberCount))
            let rates = (0..<256).map { _ in UInt64(chance.below(1 << chance.below(21))) }
            var moves: [Bool] = []
            for round in 1...40 {
                for (hash, rate) in rates.enumerated() where rate > 0 {
                    bond.use(hash: UInt32(hash), byteCount: rate)
                }
                moves.append(!bond.handle([.clockAdvanced], now: at(Double(10 * round))).isEmpty)
            }
            #expect(!moves.suffix(10).contains(true), "buckets must come to rest: \(moves)")
        }
    }
}
