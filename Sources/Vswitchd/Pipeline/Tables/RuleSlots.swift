// Where rules lie: numbered places in pages.
//
// A bundle keeps the tables as they were until it knows that all of it can be done. So tables must
// be cheap to copy: a copy shares all pages, and a change copies one page, not a million rules.

/// Places for rules, from 0 on.
struct RuleSlots: Sendable {
    private static let pageSize = 128
    private var pages: [[Rule?]] = []
    private(set) var count = 0

    var indices: Range<Int> { 0..<count }

    /// The rule at a place below `count`; nil: the place is free.
    subscript(place: Int) -> Rule? {
        _read { yield pages[place / Self.pageSize][place % Self.pageSize] }
        _modify { yield &pages[place / Self.pageSize][place % Self.pageSize] }
    }

    /// Adds a free place, which it returns.
    mutating func append() -> Int {
        if count % Self.pageSize == 0 {
            var page: [Rule?] = []
            page.reserveCapacity(Self.pageSize)
            pages.append(page)
        }
        pages[pages.count - 1].append(nil)
        count += 1
        return count - 1
    }

    /// All rules, by place.
    var rules: some Sequence<Rule> { pages.lazy.joined().compactMap { $0 } }
}
