// What may be set of a table: eviction, vacancy events, and 1.1's treatment of misses.

/// OFPT_TABLE_MOD: what is nil stays as it is.
public struct TableMod: Hashable, Sendable {
    /// What happens to packets that no rule matches: 1.1 and 1.2 only (`OFPTC11_*`).
    public enum Miss: UInt32, Hashable, Sendable { case controller = 0, goOn = 1, drop = 2 }

    /// nil: every table (255 on the wire).
    public var table: UInt8?
    public var miss: Miss?
    /// Whether rules make way for new ones in a full table. 1.4 and later.
    public var evicts: Bool?
    /// Whether vacancy events are told, and at which percentages of free room. 1.4 and later.
    public var vacancy: Vacancy?

    public struct Vacancy: Hashable, Sendable {
        public var isOn: Bool
        public var downPercent: UInt8
        public var upPercent: UInt8
        public init(isOn: Bool, downPercent: UInt8 = 0, upPercent: UInt8 = 0) {
            self.isOn = isOn
            self.downPercent = downPercent
            self.upPercent = upPercent
        }
    }

    public init(
        table: UInt8?, miss: Miss? = nil, evicts: Bool? = nil, vacancy: Vacancy? = nil
    ) {
        self.table = table
        self.miss = miss
        self.evicts = evicts
        self.vacancy = vacancy
    }
}

/// OFPMP_TABLE_DESC (1.4).
public struct TableDescription: Hashable, Sendable {
    /// What is weighed when a rule must go (`OFPTMPEF14_*`): 1 other, 2 importance, 4 lifetime.
    public struct EvictionFlags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let other = EvictionFlags(rawValue: 1)
        public static let importance = EvictionFlags(rawValue: 2)
        public static let lifetime = EvictionFlags(rawValue: 4)
        public static let all: EvictionFlags = [.other, .importance, .lifetime]
    }

    public var table: UInt8
    public var evicts: Bool
    public var evictionFlags: EvictionFlags
    public var vacancy: TableMod.Vacancy
    /// Free room now, in percent.
    public var vacancyPercent: UInt8

    public init(
        table: UInt8, evicts: Bool = false, evictionFlags: EvictionFlags = [],
        vacancy: TableMod.Vacancy = .init(isOn: false), vacancyPercent: UInt8 = 0
    ) {
        self.table = table
        self.evicts = evicts
        self.evictionFlags = evictionFlags
        self.vacancy = vacancy
        self.vacancyPercent = vacancyPercent
    }
}

/// OFPT_TABLE_STATUS (1.4): a table crossed one of its vacancy marks.
public struct TableStatus: Hashable, Sendable {
    public enum Reason: UInt8, Hashable, Sendable { case vacancyDown = 3, vacancyUp = 4 }
    public var reason: Reason
    public var table: TableDescription
    public init(reason: Reason, table: TableDescription) {
        self.reason = reason
        self.table = table
    }
}
