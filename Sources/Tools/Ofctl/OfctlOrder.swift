internal import Flows
internal import OpenFlow

// The order of rules that `--sort` and `--rsort` ask for.

/// One criterion: priority, or a field's value. Rules without the field come last either way.
public struct OfctlOrder: Equatable, Sendable {
    /// nil: priority.
    private var field: FlowField?
    private var isDescending: Bool

    init(_ name: String?, isDescending: Bool) throws(OfctlFailure) {
        self.isDescending = isDescending
        guard let name, name != "priority" else { return }
        guard let found = FlowField.named(name) else {
            let names = FlowField.all.map(\.name).sorted()
            let nearest = OpenFlow.nearestWord(to: name, in: names)
            let hint = nearest.map { "; did you mean \($0)?" } ?? ""
            throw OfctlFailure("\(name): unknown field name\(hint)")
        }
        field = found
    }

    /// -1, 0 or 1: whether `a` comes before `b`.
    private func compare(_ a: FlowDescription, _ b: FlowDescription) -> Int {
        guard let field else { return ordered(UInt128(a.priority), UInt128(b.priority)) }
        let hasA = !field.read(a.match.mask).isZero
        let hasB = !field.read(b.match.mask).isZero
        guard hasA == hasB else { return hasA ? -1 : 1 }
        return ordered(field.read(a.match.key).bits, field.read(b.match.key).bits)
    }

    private func ordered(_ a: UInt128, _ b: UInt128) -> Int {
        guard a != b else { return 0 }
        return (a < b) != isDescending ? -1 : 1
    }

    /// The rules in the order of `criteria`; of equals, as they came.
    static func sorted(
        _ flows: [FlowDescription], by criteria: [OfctlOrder]
    ) -> [FlowDescription] {
        guard !criteria.isEmpty else { return flows }
        return flows.enumerated().sorted { a, b in
            for criterion in criteria {
                let order = criterion.compare(a.element, b.element)
                if order != 0 { return order < 0 }
            }
            return a.offset < b.offset
        }.map(\.element)
    }
}
