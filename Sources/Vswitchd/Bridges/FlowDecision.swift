internal import Flows
internal import Packets
internal import Pipeline
internal import Switching

// What was decided about cached flows, and why, each kept once.
//
// A hundred thousand flows of one host have one decision: the same actions, for the same rules,
// teaching the same. So the ledger's entries name decisions by number, and each decision counts how
// many entries name it.

/// Everything of a translation that cached flows may share.
struct FlowDecision: Equatable {
    var actions: [DatapathAction]
    /// Rules to credit with the packets.
    var rules: [RuleReference]
    /// What each use teaches again.
    var effects: [TranslationEffect]
}

extension FlowDecision {
    init(_ translation: Translation) {
        (actions, rules) = (translation.actions, translation.rules)
        effects = translation.effects
    }

    var hash: UInt32 {
        var mixer = WordMixer()
        for action in actions { mixer.add(action) }
        for rule in rules { mixer.add(rule) }
        for effect in effects { mixer.add(effect) }
        return mixer.hash
    }

    /// Bits of the ports that packets are sent to: bit `port % 64`.
    var outputSieve: UInt64 {
        var bits: UInt64 = 0
        for action in actions {
            if case .output(let port) = action { bits |= 1 << UInt64(port % 64) }
        }
        return bits
    }
}

extension WordMixer {
    fileprivate mutating func add(_ action: DatapathAction) {
        // What most flows do; the rest is hashed as the standard library does it.
        if case .output(let port) = action { return add(UInt64(port) << 8 | 1) }
        add(UInt64(truncatingIfNeeded: Int64(action.hashValue)))
    }

    fileprivate mutating func add(_ rule: RuleReference) {
        let place = UInt64(truncatingIfNeeded: Int64(rule.bridge)) << 24
        add(place | UInt64(rule.table) << 16 | UInt64(rule.priority))
        add(rule.rule?.number ?? .max)
    }

    fileprivate mutating func add(_ effect: TranslationEffect) {
        if case .learnMAC(let bridge, let key, let port) = effect {
            add(UInt64(truncatingIfNeeded: Int64(bridge)) << 32 | UInt64(port))
            return add(key.mac.bits << 16 | UInt64(key.vlan))
        }
        add(UInt64(truncatingIfNeeded: Int64(effect.hashValue)))
    }
}

/// Decisions by number, as long as somebody names them.
struct DecisionBook {
    private struct Entry {
        var decision: FlowDecision
        var hash: UInt32
        var useCount: UInt32
    }

    private var entries: [Entry] = []
    private var free: [Int] = []
    private var index = SlotIndex()

    /// How many there are.
    var count: Int { index.count }

    /// The decision with this number, which must be in use.
    subscript(number: Int) -> FlowDecision {
        _read { yield entries[number].decision }
    }

    /// The number of `decision`, with one more use.
    mutating func take(_ decision: FlowDecision) -> Int {
        let hash = decision.hash
        if let number = index.find(hash, { entries[$0].decision == decision }) {
            entries[number].useCount += 1
            return number
        }
        let entry = Entry(decision: decision, hash: hash, useCount: 1)
        let number = free.popLast() ?? entries.count
        if number == entries.count { entries.append(entry) } else { entries[number] = entry }
        index.insert(hash, number)
        return number
    }

    /// One use less.
    mutating func release(_ number: Int) {
        entries[number].useCount -= 1
        guard entries[number].useCount == 0 else { return }
        index.remove(entries[number].hash, number)
        entries[number].decision = FlowDecision(actions: [], rules: [], effects: [])
        free.append(number)
    }

    /// All that are in use, by number.
    var inUse: some Sequence<FlowDecision> {
        entries.lazy.filter { $0.useCount > 0 }.map(\.decision)
    }

    /// How many uses there are. O(n); for tests.
    var useCount: Int { entries.reduce(0) { $0 + Int($1.useCount) } }
}
