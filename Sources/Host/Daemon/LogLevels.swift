// Which log lines are wanted, per module and destination, in Open vSwitch's words. ovs-appctl(8),
// "Logging Commands".

import Logging

/// How much a destination wants, from nothing to everything.
public enum LogLevel: String, CaseIterable, Comparable, Sendable {
    case off, emer, err, warn, info, dbg

    /// The word for a level of swift-log, which has two more than Open vSwitch.
    init(_ level: Logger.Level) {
        switch level {
        case .critical: self = .emer
        case .error: self = .err
        case .warning: self = .warn
        case .notice, .info: self = .info
        case .debug, .trace: self = .dbg
        }
    }

    /// The least urgent level of swift-log that is still wanted; `off` has none, and comes out as
    /// the most urgent.
    var threshold: Logger.Level {
        switch self {
        case .off, .emer: .critical
        case .err: .error
        case .warn: .warning
        case .info: .info
        case .dbg: .trace
        }
    }

    public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rank < b.rank }

    private var rank: Int {
        switch self {
        case .off: 0
        case .emer: 1
        case .err: 2
        case .warn: 3
        case .info: 4
        case .dbg: 5
        }
    }
}

/// Where lines go. `syslog` is a word that scripts use; nothing is ever sent there.
public enum LogDestination: String, CaseIterable, Sendable {
    case console, syslog, file
}

/// The levels of all modules that have logged or will.
struct LogLevels {
    /// Modules that can be known; names come from the program's own source, so this is generous.
    static let moduleCountMax = 256

    private typealias Row = [LogDestination: LogLevel]
    private var defaults: Row = [.console: .info, .syslog: .off, .file: .info]
    private var rows: [String: Row] = [:]

    /// Makes a module known, with the levels that were set for all.
    mutating func add(_ module: String) {
        guard rows[module] == nil, rows.count < Self.moduleCountMax else { return }
        rows[module] = defaults
    }

    func level(of module: String, at destination: LogDestination) -> LogLevel {
        (rows[module] ?? defaults)[destination] ?? .off
    }

    /// The least urgent level that any destination wants of a module.
    func threshold(of module: String) -> Logger.Level {
        let levels = LogDestination.allCases.map { level(of: module, at: $0) }
        return (levels.max() ?? .off).threshold
    }

    /// Applies words such as `bridge:file:dbg`, in any order, each at most once. What is not named
    /// means all of them, and a missing level means `dbg`.
    ///
    /// - Throws: A sentence that names the word. Nothing is changed then.
    mutating func apply(_ specification: String) throws(DaemonError) {
        var (module, destination, level) = (String?.none, LogDestination?.none, LogLevel?.none)
        for word in specification.split(whereSeparator: { ": ,".contains($0) }) {
            let word = word.lowercased()
            if word == "any" {
                continue
            } else if let named = LogLevel(rawValue: word), level == nil {
                level = named
            } else if let named = LogDestination(rawValue: word), destination == nil {
                destination = named
            } else if rows.keys.contains(word), module == nil {
                module = word
            } else {
                throw DaemonError(
                    "\"\(word)\" is no module, destination (console, file) or level (off, emer, "
                        + "err, warn, info, dbg), or is one too many")
            }
        }
        let destinations = destination.map { [$0] } ?? [.console, .file]
        for destination in destinations where destination != .syslog {
            if module == nil { defaults[destination] = level ?? .dbg }
            for name in module.map({ [$0] }) ?? rows.keys.sorted() {
                rows[name]?[destination] = level ?? .dbg
            }
        }
    }

    /// The table that `vlog/list` prints.
    var text: String {
        let head = """
                             console    syslog    file
                             -------    ------    ------

            """
        return rows.keys.sorted().reduce(into: head) { text, module in
            let cells = [LogDestination.console, .syslog, .file].map {
                level(of: module, at: $0).rawValue.uppercased()
            }
            text += padded(module, 16) + " " + cells.map { padded($0, 10, right: true) }.joined()
            text += "\n"
        }
    }

    private func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }
}
