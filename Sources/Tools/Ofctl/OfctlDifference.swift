public import OpenFlow

// Two sets of rules side by side: `diff-flows` and `replace-flows`.

public enum OfctlDifference {
    private struct Name: Hashable {
        var table: UInt8
        var priority: UInt16
        var match: Match

        init(_ flow: FlowDescription) {
            (table, priority, match) = (flow.table, flow.priority, flow.match)
        }
    }

    private static func saysTheSame(_ a: FlowDescription, _ b: FlowDescription) -> Bool {
        a.cookie == b.cookie && a.idleTimeout == b.idleTimeout && a.hardTimeout == b.hardTimeout
            && a.importance == b.importance && lasting(a.flags) == lasting(b.flags)
            && a.instructions == b.instructions
    }

    /// Flags that say something of the rule, not of how it was added.
    private static func lasting(_ flags: FlowMod.Flags) -> FlowMod.Flags {
        flags.subtracting([.checkOverlap, .resetCounts])
    }

    private static func byName(_ flows: [FlowDescription]) -> [Name: FlowDescription] {
        // Of two with the same name the later counts, as if both had been added.
        Dictionary(flows.map { (Name($0), $0) }, uniquingKeysWith: { $1 })
    }

    /// The flow mods that make the rules `from` those of `to`: deletions first.
    static func changes(from: [FlowDescription], to: [FlowDescription]) -> [FlowMod] {
        let old = byName(from)
        let new = byName(to)
        var mods: [FlowMod] = []
        for flow in from where new[Name(flow)] == nil {
            mods.append(
                FlowMod(
                    command: .deleteStrict, table: flow.table, priority: flow.priority,
                    match: flow.match))
        }
        var done: Set<Name> = []
        for flow in to {
            guard done.insert(Name(flow)).inserted, let flow = new[Name(flow)] else { continue }
            if let before = old[Name(flow)], saysTheSame(before, flow) { continue }
            var mod = FlowMod(
                command: .add, table: flow.table, priority: flow.priority, match: flow.match,
                cookie: flow.cookie, idleTimeout: flow.idleTimeout, hardTimeout: flow.hardTimeout,
                flags: flow.flags, instructions: flow.instructions)
            mod.importance = flow.importance
            mods.append(mod)
        }
        return mods
    }

    /// A line `-…` for each rule only in `a`, `+…` for each only in `b`, both for those that
    /// differ, in the order of tables and falling priority; empty: they are the same.
    public static func text(
        _ a: [FlowDescription], _ b: [FlowDescription], _ version: OpenFlowVersion
    ) -> String {
        let old = byName(a)
        let new = byName(b)
        var seen: Set<Name> = []
        let all = (a + b).filter { seen.insert(Name($0)).inserted }.sorted {
            ($0.table, 0xffff - $0.priority) < ($1.table, 0xffff - $1.priority)
        }
        var text = ""
        for flow in all {
            let (before, after) = (old[Name(flow)], new[Name(flow)])
            if let before, let after, saysTheSame(before, after) { continue }
            if let before { text += "-" + line(before, version) }
            if let after { text += "+" + line(after, version) }
        }
        return text
    }

    private static func line(_ flow: FlowDescription, _ version: OpenFlowVersion) -> String {
        var parts: [String] = []
        if flow.table != 0 { parts.append("table=\(flow.table)") }
        var match: [String] = []
        if flow.priority != FlowText.defaultPriority { match.append("priority=\(flow.priority)") }
        let fields = FlowText.text(flow.match)
        if !fields.isEmpty { match.append(fields) }
        parts.append(match.joined(separator: ","))
        if flow.cookie != 0 { parts.append("cookie=0x" + String(flow.cookie, radix: 16)) }
        if flow.idleTimeout != 0 { parts.append("idle_timeout=\(flow.idleTimeout)") }
        if flow.hardTimeout != 0 { parts.append("hard_timeout=\(flow.hardTimeout)") }
        if flow.importance != 0 { parts.append("importance=\(flow.importance)") }
        parts.append("actions=" + FlowText.text(flow.instructions, version))
        return parts.joined(separator: " ") + "\n"
    }

    /// The rules of a file.
    public static func flows(
        inFile text: String, named name: String
    ) throws(OfctlFailure) -> [FlowDescription] {
        var flows: [FlowDescription] = []
        for (index, line) in text.split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            let line = String(line.prefix { $0 != "#" })
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            do throws(FlowTextError) {
                flows.append(FlowDescription(try FlowText.parse(line, .add)))
            } catch {
                throw OfctlFailure("\(name):\(index + 1): \(error)")
            }
        }
        return flows
    }
}

extension FlowDescription {
    /// The rule that `mod` adds.
    init(_ mod: FlowMod) {
        self.init(
            table: mod.table ?? 0, priority: mod.priority, match: mod.match, cookie: mod.cookie,
            idleTimeout: mod.idleTimeout, hardTimeout: mod.hardTimeout, flags: mod.flags,
            instructions: mod.instructions)
        importance = mod.importance
    }
}
