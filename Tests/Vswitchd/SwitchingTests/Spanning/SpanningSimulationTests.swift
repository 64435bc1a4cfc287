import Packets
import Switching
import Testing
import Timekeeping

// Random networks through random storms: whatever happened before, a world that has become calm
// has no circle and no black hole, with the old protocol, the rapid one, and both side by side.

private enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case stp, rstp, mixed
    var testDescription: String { rawValue }

    /// After this long without an event everything must be in place: the old protocol needs its
    /// information to grow old (twice, if a bridge believed what it had said itself) and two
    /// forward delays.
    var calm: Duration { self == .rstp ? .seconds(60) : .seconds(120) }
}

#if DEBUG
    private let seedCount: UInt64 = 25
#else
    private let seedCount: UInt64 = 1000
#endif

extension SpanningWorld {
    /// Whether every bridge still reaches every other if a segment is taken away.
    fileprivate func isWhole(without segment: Int) -> Bool {
        var copy = self
        copy.segments[segment].isUp = false
        let islands = copy.islands
        let joined = copy.bridges.indices.map { bridge in
            copy.segments.indices.first { index in
                copy.segments[index].isUp
                    && copy.segments[index].plugs.contains { $0.bridge == bridge }
            }.map { islands[$0] }
        }
        return joined.allSatisfy { $0 != nil && $0 == joined[0] }
    }

    fileprivate init(_ kind: Kind, seed: UInt64) {
        self.init(seed: seed)
        for _ in 0..<2 + chance.below(5) {
            let version: SpanningTree.Version =
                switch kind {
                case .stp: .stp
                case .rstp: .rstp
                case .mixed: chance.once(in: 2) ? .stp : .rstp
                }
            // Some of the rapid ones are told to speak the old protocol.
            addBridge(
                version, priority: UInt16(chance.below(4)) * 4096,
                isRapid: !(kind == .mixed && chance.once(in: 4)))
        }
        for bridge in 1..<bridges.count { connect([bridge, chance.below(bridge)], cost: cost()) }
        for _ in 0..<chance.below(bridges.count + 2) {
            var members = [chance.below(bridges.count), chance.below(bridges.count)]
            // A hub, perhaps with two ports of one bridge.
            if chance.once(in: 5) { members.append(chance.below(bridges.count)) }
            connect(members, cost: cost())
        }
    }

    private mutating func cost() -> UInt32 { chance.pick([19, 4, 2, 200_000]) }

    fileprivate mutating func storm(steps: Int, loses: Bool) {
        for _ in 0..<steps {
            lossOneIn = loses ? [0, 2, 3, 10][chance.below(4)] : 0
            switch chance.below(6) {
            case 0...3: setSegment(chance.below(segments.count), isUp: chance.once(in: 2))
            case 4: restart(chance.below(bridges.count))
            default: break
            }
            for segment in segments.indices where chance.once(in: 3) {
                // Hosts speak in the meantime, and teach what will be wrong later.
                _ = sendFrame(from: segment, to: nil)
            }
            pass(.milliseconds(20 + chance.below(4000)))
        }
        lossOneIn = 0
    }
}

@Suite struct SpanningSimulationTests {
    @Test(arguments: Kind.allCases)
    private func afterAnyStormThereIsATree(_ kind: Kind) {
        for seed in 0..<seedCount {
            var world = SpanningWorld(kind, seed: seed)
            let loses = seed % 2 == 0
            world.storm(steps: 12, loses: loses)
            world.pass(kind.calm)
            // What was lost may have been the word that addresses are elsewhere; they grow old.
            let fault = world.fault(unicast: !loses)
            #expect(fault == nil, "seed \(seed)")
            guard fault == nil else { return }
        }
    }

    /// While links come and go between two bridges each, and all stay joined, circles are there
    /// for no longer than it takes to hear of them. (Cut off from its root, a part of a network
    /// that has circles goes on for a while to tell itself of that root: the protocol is known for
    /// it.)
    @Test func theRapidProtocolOpensNoCircleOnTheWay() {
        for seed in 0..<seedCount / 5 {
            var world = SpanningWorld(seed: seed)
            for _ in 0..<3 + world.chance.below(4) {
                world.addBridge(.rstp, priority: UInt16(world.chance.below(4)) * 4096)
            }
            for bridge in world.bridges.indices {
                world.connect([bridge, (bridge + 1) % world.bridges.count])
                world.connect([bridge, world.chance.below(world.bridges.count)])
            }
            world.pass(.seconds(30))
            for _ in 0..<10 {
                let segment = world.chance.below(world.segments.count)
                guard world.isWhole(without: segment) else { continue }
                world.setSegment(segment, isUp: !world.segments[segment].isUp)
                var looks = 0
                for _ in 0..<40 {
                    world.pass(.milliseconds(50))
                    let start = world.segments.indices.first { world.segments[$0].isUp } ?? 0
                    let isCircle = world.sendFrame(from: start, to: nil).contains { $0 > 1 }
                    looks = isCircle ? looks + 1 : 0
                    #expect(looks <= 2, "seed \(seed)")
                }
            }
            #expect(world.fault() == nil, "seed \(seed)")
        }
    }

    @Test(arguments: [SpanningTree.Version.stp, .rstp])
    func aCalmNetworkSaysLittle(_ version: SpanningTree.Version) {
        var world = SpanningWorld(seed: 1)
        for _ in 0..<4 { world.addBridge(version) }
        for bridge in 0..<4 { world.connect([bridge, (bridge + 1) % 4]) }
        world.pass(.seconds(100))
        world.sentCount = 0
        world.pass(.seconds(100))
        // One for each link every two seconds.
        #expect((195...205).contains(world.sentCount), "\(world.sentCount)")
    }
}
