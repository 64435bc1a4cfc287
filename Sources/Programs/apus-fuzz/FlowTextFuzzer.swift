import Chance
import Flows
import OpenFlow

// Broken lines of flow syntax for the parser.
//
//     honest line ──> words exchanged, letters changed ──> parse ──> rule
//
//     rule ──> print ──> parse ──> the same rule
//     rule ──> encode ──> decode ──> print ──> parse ──> what was decoded
//
// Finds a trap, an error that names a place outside of the line, and what is printed otherwise than
// it is read. The same for groups and meters, but for the printing, which has no syntax of its own.

struct FlowTextFuzzer: Fuzzer {
    var progress: FuzzProgress
    private let corpus: Corpus
    /// Pieces between commas of honest lines.
    private let pieces: [String]
    private var readCount = 0

    private static let byteCountMax = 2000

    /// Of what may be typed and sent, and every switch refuses: `set_field:5->vlan_vid` without the
    /// bit for "there is a tag", `meter:0`, `output:65535`, and in 1.0, where going to a table is
    /// an action, `write_metadata:1,goto_table:2`.
    private static let refusals = [
        "OFPBAC_BAD_SET_ARGUMENT", "OFPBAC_BAD_METER", "OFPBAC_BAD_OUT_PORT",
        "OFPBAC_UNSUPPORTED_ORDER",
    ]

    init(seed: UInt64, _ corpus: Corpus) {
        progress = FuzzProgress(seed: seed)
        self.corpus = corpus
        let lines = corpus.flows + corpus.groups + corpus.meters
        pieces = lines.flatMap { $0.split(separator: ",").map(String.init) }
    }

    var summary: String { "\(readCount) of them read" }

    mutating func step() {
        switch dice.below(10) {
        case 0: tryGroup()
        case 1: tryMeter()
        default: tryFlow()
        }
    }

    private mutating func tryFlow() {
        let line = broken(dice.pick(corpus.flows))
        let commands: [FlowMod.Command] = [.add, .add, .add, .modify, .delete]
        let mod: FlowMod
        do throws(FlowTextError) {
            mod = try FlowText.parse(line, dice.pick(commands))
        } catch {
            look(at: error, line)
            return
        }
        readCount += 1
        let version = dice.pick(OpenFlowVersion.allCases)
        _ = FlowText.text(mod, version)
        guard mod.command == .add else { return }
        if let wrong = Self.misprint(mod) {
            finding = "\(line): \(wrong)"
            return
        }
        let dialect = OpenFlowDialect(version)
        guard dialect.unsayable(mod).isEmpty else { return }
        let bytes = dialect.encode(OpenFlowMessage(xid: 1, .flowMod(mod)))
        // A line is short, but `bundle` and `learn` are longer as a message.
        guard bytes.count < 0xffff else { return }
        do throws(OpenFlowFault) {
            guard case .flowMod(let sent) = try dialect.decode(bytes).body else {
                finding = "\(line): is written as another message in \(version.name)"
                return
            }
            if let wrong = Self.misprint(sent) { finding = "\(version.name) \(line): \(wrong)" }
        } catch {
            guard !Self.refusals.contains(error.code.name) else { return }
            finding = "\(line): \(version.name) cannot be read back: \(error.code.name)"
        }
    }

    /// How a rule is printed so that it is read as another one.
    private static func misprint(_ mod: FlowMod) -> String? {
        let match = FlowText.text(mod.match)
        let actions = FlowText.text(mod.instructions, .v15)
        let printed = (match.isEmpty ? "" : match + ",") + "actions=" + actions
        // What `goto_table:255` is in 1.0, and what Open vSwitch prints of it and does not read.
        guard !actions.contains("resubmit(,)") else { return nil }
        // A `load` may write more than there is of a field (the high byte of arp_op); 1.5, which
        // has only `set_field`, refuses that.
        guard !mod.instructions.overflowsField else { return nil }
        do throws(FlowTextError) {
            let again = try FlowText.parse(printed, .add)
            guard again.match == mod.match else { return "another match is printed: \(printed)" }
            // What is not printed does not count: how much of a packet an `output` sends. Nor does
            // it count whether a field is written by `load` or by `set_field`.
            let wanted = FlowText.text(mod.instructions.withoutLoads, .v15)
            let read = FlowText.text(again.instructions.withoutLoads, .v15)
            guard read == wanted else { return "\(printed) is printed, and read as \(read)" }
            return nil
        } catch {
            return "\(printed) is printed, which cannot be read: \(error)"
        }
    }

    private mutating func tryGroup() {
        let line = broken(dice.pick(corpus.groups))
        do throws(FlowTextError) {
            let mod = try GroupText.parse(line, .add)
            readCount += 1
            let group = GroupDescription(
                group: mod.group, type: mod.type, buckets: mod.buckets, selection: mod.selection)
            _ = GroupText.line(group, dice.pick(OpenFlowVersion.allCases))
        } catch {
            look(at: error, line)
        }
    }

    private mutating func tryMeter() {
        let line = broken(dice.pick(corpus.meters))
        do throws(FlowTextError) {
            _ = MeterText.text(try MeterText.parse(line, .add).meter)
            readCount += 1
        } catch {
            look(at: error, line)
        }
    }

    private mutating func look(at error: FlowTextError, _ line: String) {
        guard (1...line.utf8.count + 1).contains(error.column) else {
            finding = "\(line): the error is at character \(error.column): \(error)"
            return
        }
    }

    // MARK: Breaking things

    private mutating func broken(_ line: String) -> String {
        var line = line
        for _ in 0..<dice.below(4) {
            if dice.below(2) == 0 { exchange(&line) } else { line = damaged(line) }
        }
        return line.utf8.count <= Self.byteCountMax ? line : String(line.prefix(200))
    }

    /// A piece between two commas comes, goes, or makes way for another.
    private mutating func exchange(_ line: inout String) {
        var parts = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let place = dice.below(parts.count)
        switch dice.below(5) {
        case 0: parts.remove(at: place)
        case 1: parts[place] = dice.pick(pieces)
        case 2: parts.insert(parts[dice.below(parts.count)], at: place)
        default: parts.insert(dice.pick(pieces), at: place)
        }
        line = parts.joined(separator: ",")
    }

    private mutating func damaged(_ line: String) -> String {
        var bytes = Array(line.utf8)
        guard !bytes.isEmpty else { return dice.pick(pieces) }
        let place = dice.below(bytes.count)
        switch dice.below(7) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(dice.octet(), at: place)
        case 2: bytes[place] = dice.pick(Array("()[]{},:=/->.0123456789abcdefx \t\"".utf8))
        case 3: bytes.removeLast(dice.below(bytes.count))
        case 4:
            let end = min(bytes.count, place + dice.below(30))
            bytes.insert(contentsOf: Array(bytes[place..<end]), at: dice.below(bytes.count))
        case 5:
            let numbers = ["0", "4294967296", "65536", "0xffffffffffffffffff", "-1", "255", "4096"]
            bytes.insert(contentsOf: Array(dice.pick(numbers).utf8), at: place)
        default:
            let nest = dice.pick(["clone(", "ct(exec(", "(", "write_actions(", "learn("])
            bytes.insert(contentsOf: Array(nest.utf8), at: place)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Instructions {
    /// With a `set_field` in place of each `load`.
    fileprivate var withoutLoads: Instructions {
        var result = self
        result.apply = apply.map(\.withoutLoads)
        result.write = write.map(\.withoutLoads)
        return result
    }

    /// Whether a `load` writes bits that no packet has.
    fileprivate var overflowsField: Bool { (apply + write).contains(where: \.overflowsField) }
}

extension Action {
    fileprivate var overflowsField: Bool {
        switch self {
        case .load: fieldWrite.map { !$0.field.canHold($0.value) } ?? false
        case .clone(let list): list.contains(where: \.overflowsField)
        case .conntrack(let action): action.actions.contains(where: \.overflowsField)
        default: false
        }
    }

    fileprivate var withoutLoads: Action {
        switch self {
        case .load:
            return fieldWrite.map { .setField($0.field, $0.value, mask: $0.mask) } ?? self
        case .clone(let list): return .clone(list.map(\.withoutLoads))
        case .conntrack(var action):
            action.actions = action.actions.map(\.withoutLoads)
            return .conntrack(action)
        default: return self
        }
    }
}
