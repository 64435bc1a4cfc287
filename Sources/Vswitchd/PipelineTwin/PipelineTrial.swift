import Chance
import Flows
import Pipeline
import Switching

// One pipeline made by chance, and packets by chance: two things must hold for each of them.
//
//     packet ──> translation ──> the datapath sends what the slow twin sends
//     other packet that agrees under the mask ──> the same translation
//
// The second is what CVE-2020-35498, CVE-2023-1668 and CVE-2023-5366 were about in Open vSwitch.

package struct PipelineTrial {
    /// What a pipeline is made of.
    package enum Kind: CaseIterable, Sendable {
        /// Outputs, fields, tags and NORMAL.
        case common
        /// Labels, stacks, groups, clones and comparisons too, where packets come back.
        case later
        /// And what hashes choose, which the twin cannot tell.
        case hashes
        /// Rules that look at any field, under any mask.
        case wide
    }

    private var world: RandomPipelines
    private let model: ForwardingModel
    /// Packets looked at so far, their relatives included.
    package private(set) var packetCount = 0

    /// - Throws: if a rule that was made is refused, which is a finding too.
    package init(_ kind: Kind, seed: UInt64) throws {
        var world = RandomPipelines(
            generator: SeededGenerator(seed: seed), later: kind == .later || kind == .hashes,
            hashes: kind == .hashes, wide: kind == .wide)
        model = try world.model()
        self.world = world
    }

    /// Looks at one packet and some that the mask cannot tell from it.
    ///
    /// - Returns: What does not agree; nil if all does.
    package mutating func step() -> String? {
        let packet = world.packet()
        packetCount += 1
        let translation = model.translate(packet)
        let isLong = world.generator.once(in: 2)
        var datapath = PretendedDatapath(model, isLong: isLong)
        // What is behind the tags that count stays there, whatever is sent.
        let seen = packet.seen(vlanLimit: model.vlanLimit)
        datapath.run(translation, on: .init(key: seen))
        if !world.isOpaque {
            let wanted = SlowTwin.run(model, seen, isLong: isLong)
            // What fails when the packet is back cannot undo what it sent before, and the twin
            // knows no limits.
            let all = [translation] + datapath.passes.map(\.translation)
            // What mirrors see of a copy that goes round by the datapath is not known yet when the
            // packet itself goes on.
            let isMirrored =
                !model[bridge: 0].normal.mirrors.isEmpty
                && all.contains { $0.actions.sendsCopiesRound }
            // A packet that comes back with one tag more than count has lost what is behind it from
            // sight; the twin, which sends nothing round, has not.
            let hasLostSight = datapath.passes.contains {
                $0.key != $0.key.seen(vlanLimit: model.vlanLimit)
            }
            let isDoubtful =
                wanted == nil && all.count > 1 || all.contains { Self.limits.contains($0.end) }
                || isMirrored || hasLostSight
            let isRefused =
                all.contains { $0.end == .invalidAction } && SlowTwin.mayFail(model, seen)
            guard isDoubtful || isRefused || datapath.sent == wanted ?? [] else {
                let ends = all.map { "\($0.end)" }.joined(separator: ", ")
                return "\(text(packet)): sent \(datapath.sent), the twin \(wanted ?? []) (\(ends))"
            }
        }
        guard
            translation.end.isDelivery != translation.actions.contains(.drop(translation.end))
        else { return "\(text(packet)): ends as \(translation.end), but \(translation.actions)" }
        if let wrong = disagreement(packet, translation, model) { return wrong }
        for pass in datapath.passes {
            if let wrong = disagreement(pass.key, pass.translation, datapath.model) {
                return wrong
            }
        }
        return nil
    }

    private static let limits: [PacketEnd] = [.actionLimit, .recirculationLimit]

    private mutating func disagreement(
        _ packet: FlowKey, _ translation: Translation, _ model: ForwardingModel
    ) -> String? {
        for _ in 0..<4 {
            guard let relative = world.relative(of: packet, under: translation.mask) else {
                continue
            }
            packetCount += 1
            let other = model.translate(relative)
            // Masks may differ: of two addresses that both rule a table's rules out, one is looked
            // at, and which one depends on bits that need not be.
            guard
                other.actions == translation.actions, other.end == translation.end,
                other.rules == translation.rules, other.effects == translation.effects
            else { return "\(text(relative)) is not translated as \(text(packet))" }
        }
        return nil
    }

    /// The port and the words that are not zero.
    private func text(_ packet: FlowKey) -> Sent { Sent(port: packet.inPort, key: packet) }
}

extension [DatapathAction] {
    /// Whether a copy of the packet comes back, and the packet goes on.
    fileprivate var sendsCopiesRound: Bool {
        indices.contains { index in
            switch self[index] {
            case .recirculate: index < count - 1
            case .clone(let list): list.recirculates
            case .checkLength(_, let longer, let shorter):
                longer.sendsCopiesRound || shorter.sendsCopiesRound
            default: false
            }
        }
    }

    private var recirculates: Bool {
        contains {
            switch $0 {
            case .recirculate: true
            case .clone(let list): list.recirculates
            case .checkLength(_, let longer, let shorter):
                longer.recirculates || shorter.recirculates
            default: false
            }
        }
    }
}
