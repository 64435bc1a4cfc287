import Packets
import Switching
import Timekeeping

// Bridges and links that live in one thread and one seed: links delay, lose and break, bridges
// forget everything. Frames are forwarded and addresses learned as the bridges' trees allow, so
// that a circle can be seen as what it is: copies without end.

/// Where a port of a bridge is plugged in.
struct Plug: Hashable {
    var bridge: Int
    var port: UInt16
}

/// A link of two ports, or a hub with more.
struct Segment {
    var plugs: [Plug] = []
    var isUp = true
    /// BPDUs under way: when they arrive, where, and what they say.
    var flight: [(at: Instant, to: Plug, unit: BPDU)] = []
    var delay = Duration.milliseconds(1)
}

struct SimulatedBridge {
    var version: SpanningTree.Version
    var settings: SpanningSettings
    var tree: SpanningTree
    var ports: [SpanningPortSettings] = []
    var states: [UInt16: SpanningState] = [:]
    var table = MACTable()
}

struct SpanningWorld {
    var bridges: [SimulatedBridge] = []
    var segments: [Segment] = []
    var now = Instant.start + .seconds(100)
    var chance: SeededGenerator
    var lossOneIn = 0
    /// BPDUs that were sent, for tests of how much is said.
    var sentCount = 0

    init(seed: UInt64) { chance = SeededGenerator(seed: seed) }

    @discardableResult
    mutating func addBridge(
        _ version: SpanningTree.Version, priority: UInt16 = 32768, times: SpanningTimes = .init(),
        isRapid: Bool = true
    ) -> Int {
        let settings = SpanningSettings(
            identifier: BridgeIdentifier(
                priority: priority,
                address: MACAddress(bits: 0x0200_0000_0000 + UInt64(bridges.count + 1))),
            times: times, isRapid: isRapid)
        bridges.append(
            SimulatedBridge(
                version: version, settings: settings,
                tree: SpanningTree(version, settings: settings, now: now)))
        return bridges.count - 1
    }

    /// Plugs a new port of each of these bridges into a new segment, which is up.
    @discardableResult
    mutating func connect(_ members: [Int], cost: UInt32 = 20_000) -> Int {
        var segment = Segment()
        segment.delay = .microseconds(200 + chance.below(20_000))
        for member in members {
            let number = UInt16(bridges[member].ports.count + 1)
            var port = SpanningPortSettings(
                number: number, name: "p\(number)", portID: 0x8000 | number, pathCost: cost)
            port.isPointToPoint = members.count == 2
            bridges[member].ports.append(port)
            segment.plugs.append(Plug(bridge: member, port: number))
        }
        segments.append(segment)
        for member in Set(members).sorted() {
            tell(member, [.ports(bridges[member].ports)])
        }
        for plug in segment.plugs { tell(plug.bridge, [.link(port: plug.port, isUp: true)]) }
        return segments.count - 1
    }

    mutating func setSegment(_ index: Int, isUp: Bool) {
        segments[index].isUp = isUp
        if !isUp { segments[index].flight = [] }
        for plug in segments[index].plugs {
            tell(plug.bridge, [.link(port: plug.port, isUp: isUp)])
        }
    }

    /// A bridge forgets everything: its process was restarted.
    mutating func restart(_ index: Int) {
        let bridge = bridges[index]
        bridges[index].tree = SpanningTree(bridge.version, settings: bridge.settings, now: now)
        bridges[index].states = [:]
        bridges[index].table = MACTable()
        var events: [SpanningEvent] = [.ports(bridge.ports)]
        for segment in segments {
            for plug in segment.plugs where plug.bridge == index {
                events.append(.link(port: plug.port, isUp: segment.isUp))
            }
        }
        tell(index, events)
    }

    mutating func tell(_ index: Int, _ events: [SpanningEvent]) {
        for effect in bridges[index].tree.handle(events, now: now) {
            switch effect {
            case .transmit(let port, let unit):
                sentCount += 1
                send(unit, from: Plug(bridge: index, port: port))
            case .state(let port, let state): bridges[index].states[port] = state
            case .flush(let port): bridges[index].table.flush(port: UInt32(port))
            case .flushAll: bridges[index].table.flush()
            case .moveAddresses(let old, let new):
                bridges[index].table.move(from: UInt32(old), to: UInt32(new))
            }
        }
    }

    private mutating func send(_ unit: BPDU, from plug: Plug) {
        guard let index = segments.firstIndex(where: { $0.plugs.contains(plug) }),
            segments[index].isUp
        else { return }
        for other in segments[index].plugs where other != plug {
            guard lossOneIn == 0 || !chance.once(in: lossOneIn) else { continue }
            segments[index].flight.append((now + segments[index].delay, other, unit))
        }
    }

    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while true {
            let next = (segments.compactMap { $0.flight.first?.at }
                + bridges.compactMap { $0.tree.deadline }).min()
            guard let next, next <= end else { break }
            now = max(now, next)
            for index in segments.indices {
                while let first = segments[index].flight.first, first.at <= now {
                    segments[index].flight.removeFirst()
                    tell(first.to.bridge, [.received(port: first.to.port, first.unit)])
                }
            }
            for index in bridges.indices {
                if let deadline = bridges[index].tree.deadline, deadline <= now {
                    tell(index, [.clockAdvanced])
                }
            }
        }
        now = end
    }
}

// What frames would do now.

extension SpanningWorld {
    func state(_ plug: Plug) -> SpanningState {
        bridges[plug.bridge].states[plug.port] ?? .disabled
    }

    /// Sends a frame from a host on one segment to that on another, or, with `to` nil, to all.
    /// Returns how many copies each segment saw; more than one on any is a circle.
    mutating func sendFrame(from start: Int, to end: Int?) -> [Int] {
        func host(_ segment: Int) -> MACAddress {
            MACAddress(bits: 0x0600_0000_0000 + UInt64(segment))
        }
        var copies = [Int](repeating: 0, count: segments.count)
        var queue: [(segment: Int, from: Plug?)] = [(start, nil)]
        var steps = 0
        while let (segment, from) = queue.popLast(), steps < 10_000 {
            steps += 1
            copies[segment] += 1
            // A circle has been shown by now.
            guard copies[segment] < 5, segments[segment].isUp else { continue }
            for plug in segments[segment].plugs where plug != from && state(plug).learns {
                let key = MACTable.Key(vlan: 0, mac: host(start))
                bridges[plug.bridge].table.learn(key, on: UInt32(plug.port), now: now)
                guard state(plug).forwards else { continue }
                let known = end.flatMap {
                    bridges[plug.bridge].table.lookup(.init(vlan: 0, mac: host($0)))?.port
                }
                for (index, other) in segments.enumerated() {
                    for out in other.plugs
                    where out.bridge == plug.bridge && out.port != plug.port
                        && (known ?? UInt32(out.port)) == UInt32(out.port) && state(out).forwards
                    {
                        queue.append((index, out))
                    }
                }
            }
        }
        return copies
    }

    /// Which segments can reach each other by any way: a number for each, equal if they can.
    var islands: [Int] {
        var island = Array(segments.indices)
        for _ in segments.indices {
            for bridge in bridges.indices {
                let touched = segments.indices.filter { index in
                    segments[index].isUp && segments[index].plugs.contains { $0.bridge == bridge }
                }
                let lowest = touched.map { island[$0] }.min()
                for index in touched { island[index] = lowest ?? 0 }
            }
        }
        return island
    }

    /// What is wrong with the network as it stands; nil: every segment is reached by every other
    /// that can reach it, exactly once.
    mutating func fault(unicast: Bool = false) -> String? {
        let islands = self.islands
        for start in segments.indices where segments[start].isUp {
            let copies = sendFrame(from: start, to: nil)
            for end in segments.indices where segments[end].isUp {
                let wanted = islands[end] == islands[start] ? 1 : 0
                if copies[end] != wanted {
                    return "flood from \(start): \(copies[end]) copies at \(end), not \(wanted)"
                }
            }
        }
        return unicast ? unicastFault(islands) : nil
    }

    /// The same for frames whose destination may be known, and known wrongly.
    mutating func unicastFault(_ islands: [Int]) -> String? {
        for start in segments.indices where segments[start].isUp {
            for end in segments.indices
            where segments[end].isUp && end != start && islands[end] == islands[start] {
                let copies = sendFrame(from: start, to: end)
                if copies[end] != 1 { return "\(start) to \(end): \(copies[end]) copies" }
            }
        }
        return nil
    }
}
