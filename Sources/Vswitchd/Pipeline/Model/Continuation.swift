import Flows
import OpenFlow
import Packets
import Switching
import Timekeeping

// The second half of a translation that was cut in two.
//
// Some decisions need what only the datapath can tell: the headers behind a label stack that was
// taken away, or the packet's hash. Then the actions end with "look it up again, under this id",
// and what was still to be done stands here under that id. When the packet comes back, translation
// goes on as if nothing had happened.

/// What is left to do of a translation, and what the pipeline had noted.
public struct Continuation: Hashable, Sendable {
    /// Where in the tables an action list belongs.
    struct Place: Hashable, Sendable {
        var table: UInt8
        var ruleCookie: UInt64
        var isTableMiss: Bool
        var rule: RuleID?
    }

    enum Step: Hashable, Sendable {
        case actions([Action], Place)
        /// All but their `apply`, which is done.
        case instructions(Instructions, Place)
        case search(table: UInt8, port: PortNumber, sendsMiss: Bool)
        /// The action set's own actions, in their order.
        case actionSet([Action])
    }

    var bridge: Int
    var inPort: PortNumber
    /// Metadata, registers and what else a pipeline key has behind the packet's words.
    var notes: [UInt64]
    var actionSet: [Action]
    var stack: [StackValue]
    /// In the order in which they are done.
    var steps: [Step] = []
    /// The hash that the packet comes back with.
    var hash: HashRequest?
    /// A controller says when it goes on; the datapath cannot.
    var awaitsController = false
    /// Mirrors that have a copy of the packet as it is.
    var servedMirrors = MirrorSet()

    struct HashRequest: Hashable, Sendable {
        var algorithm: PacketHash
        var basis: UInt32
    }
}

/// What `push` put aside.
struct StackValue: Hashable, Sendable {
    var bits: UInt64
    var highBits: UInt64

    init(_ value: UInt128) {
        bits = UInt64(truncatingIfNeeded: value)
        highBits = UInt64(truncatingIfNeeded: value >> 64)
    }

    var value: UInt128 { UInt128(highBits) << 64 | UInt128(bits) }
}

/// Continuations by recirculation id.
///
/// Translating changes nothing, and twice the same packet gives twice the same actions: a
/// continuation that is known has its id, another one the next that is free. It is only taken when
/// the translation's effects are applied, which must be before another packet is translated.
struct ContinuationTable: Sendable {
    /// Ids of bonds are smaller.
    static let firstID: UInt32 = 0x8000_0000
    /// How long one stays that no cached flow leads to: its packet may be on its way back.
    private static let grace = Duration.seconds(10)

    private struct Entry: Sendable {
        var continuation: Continuation
        var usedAt: Instant
    }

    /// Asked by key; walked only to drop some.
    private var byID: [UInt32: Entry] = [:]
    private var ids: [Continuation: UInt32] = [:]
    private var nextID = firstID

    var count: Int { byID.count }

    subscript(id: UInt32) -> Continuation? { byID[id]?.continuation }

    /// The id of `continuation`, or one that is free for it; nil: there are too many.
    func id(for continuation: Continuation, besides taken: [UInt32]) -> UInt32? {
        if let id = ids[continuation] { return id }
        guard byID.count + taken.count < Limits.continuations else { return nil }
        var id = nextID
        // There are fewer than 2¹⁶ of 2³¹ ids in use.
        while byID[id] != nil || taken.contains(id) { id = id &+ 1 | Self.firstID }
        return id
    }

    mutating func put(_ continuation: Continuation, id: UInt32, now: Instant) {
        if let before = byID[id], before.continuation != continuation { return }
        byID[id] = Entry(continuation: continuation, usedAt: now)
        ids[continuation] = id
        nextID = id &+ 1 | Self.firstID
    }

    /// Drops those that are not in `used` and were not used for a while.
    mutating func keep(_ used: Set<UInt32>, now: Instant) {
        for id in byID.keys.sorted() where !used.contains(id) {
            guard let entry = byID[id], entry.usedAt + Self.grace < now else { continue }
            byID[id] = nil
            ids[entry.continuation] = nil
        }
    }
}
