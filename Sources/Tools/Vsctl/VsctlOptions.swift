// Options that stand before the first command. ovs-vsctl(8), "Options".
//
// They are read as GNU getopt_long does: `--opt=value` or `--opt value`, names cut short as long as
// they stay unique, `-t5` or `-t 5`, and all ends at the first word that is no option or at `--`.

/// How a table of records is printed.
struct VsctlStyle: Equatable, Sendable {
    enum Format: String, CaseIterable, Sendable { case table, list, html, csv, json }
    enum Cell: String, CaseIterable, Sendable { case string, bare, json }

    var format = Format.list
    var cell = Cell.string
    var hasHeadings = true
    var isPretty = false
    /// Widest column of `.table` in bytes; 0 is unlimited.
    var columnWidthMax = 0
}

/// Files of keys and certificates. ovs-vsctl(8), "Public Key Infrastructure Options".
public struct VsctlTLSOptions: Equatable, Sendable {
    public internal(set) var privateKey: String?
    public internal(set) var certificate: String?
    /// `--ca-cert` or, if `bootstraps`, `--bootstrap-ca-cert`.
    public internal(set) var authority: String?
    public internal(set) var bootstraps = false
    public internal(set) var shownAuthority: String?
    public internal(set) var versions: String?
    public internal(set) var ciphers: String?

    public init() {}
}

/// What the options before the first command ask for.
public struct VsctlOptions: Equatable, Sendable {
    /// `--db`: where the database is; `nil` is `unix:<rundir>/db.sock`.
    public internal(set) var database: String?
    /// `--timeout`, in seconds; `nil` is `VsctlLimits.timeoutDefault`.
    public internal(set) var timeoutSeconds: Int?
    /// Keys and certificates for `ssl:`, as their options name the files.
    public internal(set) var tls = VsctlTLSOptions()
    /// `--retry`: try to connect until the time is over.
    public internal(set) var retries = false
    var waitsForSwitch = true
    var isDryRun = false
    var isOneLine = false
    var style = VsctlStyle()

    public init() {}
}

/// Reads options, as far as they go.
struct VsctlOptionReader {
    enum Action { case proceed, help, version }

    private(set) var options = VsctlOptions()
    /// Options that belong to the first command.
    private(set) var local: [VsctlInvocation.Option] = []
    private var words: ArraySlice<String>

    private enum Value { case none, required, optional }

    /// Options of the tool; those of commands are added from their table.
    private static let global: [(name: String, value: Value)] = [
        ("db", .required), ("no-syslog", .none), ("no-wait", .none), ("dry-run", .none),
        ("oneline", .none), ("timeout", .required), ("retry", .none), ("help", .none),
        ("leader-only", .none), ("no-leader-only", .none), ("shuffle-remotes", .none),
        ("no-shuffle-remotes", .none), ("version", .none), ("verbose", .optional),
        ("log-file", .optional), ("syslog-target", .required), ("syslog-method", .required),
        ("format", .required), ("data", .required), ("no-headings", .none), ("pretty", .none),
        ("bare", .none), ("max-column-width", .required), ("private-key", .required),
        ("certificate", .required), ("ca-cert", .required), ("bootstrap-ca-cert", .required),
        ("peer-ca-cert", .required), ("ssl-protocols", .required), ("ssl-ciphers", .required),
    ]
    private static let short: [(letter: Character, name: String)] = [
        ("t", "timeout"), ("h", "help"), ("V", "version"), ("f", "format"), ("d", "data"),
        ("v", "verbose"), ("p", "private-key"), ("c", "certificate"), ("C", "ca-cert"),
    ]
    private static let ofCommands: [(name: String, value: Value)] = {
        var result: [(name: String, value: Value)] = []
        for option in VsctlCommand.groups.flatMap(\.commands).flatMap(\.options) {
            let name = String(option.name.dropFirst(2))
            guard !result.contains(where: { $0.name == name }) else { continue }
            result.append((name, option.takesValue ? .required : .none))
        }
        return result
    }()

    init(_ arguments: [String]) { words = arguments[...] }

    /// - Returns: The words that are left, beginning with the first command, and what to do.
    mutating func read() throws(VsctlStop) -> (rest: [String], action: Action) {
        while let word = words.first, word.hasPrefix("-"), word != "-" {
            words.removeFirst()
            if word == "--" { break }
            let action =
                word.hasPrefix("--")
                ? try long(String(word.dropFirst(2))) : try shorts(word.dropFirst())
            if action != .proceed { return (Array(words), action) }
        }
        return (Array(words), .proceed)
    }

    private mutating func long(_ word: String) throws(VsctlStop) -> Action {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let typed = String(parts[0])
        let (name, kind) = try resolve(typed)
        var value = parts.count == 2 ? String(parts[1]) : nil
        switch kind {
        case .none:
            guard value == nil else {
                throw .failure("option '--\(name)' doesn't allow an argument")
            }
        case .required:
            if value == nil, !words.isEmpty { value = words.removeFirst() }
            guard value != nil else {
                throw .failure("option '--\(name)' requires an argument")
            }
        case .optional: break
        }
        return try apply(name, value)
    }

    private func resolve(_ typed: String) throws(VsctlStop) -> (name: String, value: Value) {
        let all = Self.global + Self.ofCommands
        if let exact = all.first(where: { $0.name == typed }) { return exact }
        let matches = all.filter { $0.name.hasPrefix(typed) }
        guard let match = matches.first, !typed.isEmpty else {
            throw .failure(
                "unrecognized option '--\(typed)'"
                    + (nearest(to: typed, among: all.map(\.name)).map {
                        " (did you mean --\($0)?)"
                    } ?? ""))
        }
        guard matches.count == 1 else {
            let names = matches.map { "'--\($0.name)'" }.joined(separator: " ")
            throw .failure("option '--\(typed)' is ambiguous; possibilities: \(names)")
        }
        return match
    }

    private mutating func shorts(_ letters: Substring) throws(VsctlStop) -> Action {
        var letters = letters
        while let letter = letters.popFirst() {
            guard let name = Self.short.first(where: { $0.letter == letter })?.name else {
                throw .failure("invalid option -- '\(letter)'")
            }
            let kind = Self.global.first { $0.name == name }?.value ?? .none
            var value: String?
            if kind != .none, !letters.isEmpty {
                value = String(letters)
                letters = ""
            } else if kind == .required {
                guard !words.isEmpty else {
                    throw .failure("option requires an argument -- '\(letter)'")
                }
                value = words.removeFirst()
            }
            let action = try apply(name, value)
            if action != .proceed { return action }
        }
        return .proceed
    }

    private mutating func apply(_ name: String, _ value: String?) throws(VsctlStop) -> Action {
        switch name {
        case "help": return .help
        case "version": return .version
        case "db": options.database = value
        case "no-wait": options.waitsForSwitch = false
        case "dry-run": options.isDryRun = true
        case "oneline": options.isOneLine = true
        case "retry": options.retries = true
        case "timeout": options.timeoutSeconds = try Self.seconds(value ?? "")
        case "private-key": options.tls.privateKey = value
        case "certificate": options.tls.certificate = value
        case "ca-cert": options.tls.authority = value
        case "bootstrap-ca-cert": (options.tls.authority, options.tls.bootstraps) = (value, true)
        case "peer-ca-cert": options.tls.shownAuthority = value
        case "ssl-protocols": options.tls.versions = value
        case "ssl-ciphers": options.tls.ciphers = value
        case "format", "data", "no-headings", "pretty", "bare", "max-column-width":
            try applyStyle(name, value ?? "")
        default:
            // Logging and clusters: accepted, so that scripts written for others run.
            guard !Self.global.contains(where: { $0.name == name }) else { break }
            guard !local.contains(where: { $0.name == "--\(name)" }) else {
                throw .failure("'\(name)' option specified multiple times")
            }
            local.append(VsctlInvocation.Option(name: "--\(name)", value: value))
        }
        return .proceed
    }

    private mutating func applyStyle(_ name: String, _ value: String) throws(VsctlStop) {
        switch name {
        case "format":
            guard let format = VsctlStyle.Format(rawValue: value) else {
                throw .failure(
                    "unknown output format \"\(value)\""
                        + suggestion(for: value, among: VsctlStyle.Format.allCases.map(\.rawValue)))
            }
            options.style.format = format
        case "data":
            guard let cell = VsctlStyle.Cell(rawValue: value) else {
                throw .failure(
                    "unknown data format \"\(value)\""
                        + suggestion(for: value, among: VsctlStyle.Cell.allCases.map(\.rawValue)))
            }
            options.style.cell = cell
        case "no-headings": options.style.hasHeadings = false
        case "pretty": options.style.isPretty = true
        case "bare":
            options.style.format = .list
            options.style.cell = .bare
            options.style.hasHeadings = false
        default: options.style.columnWidthMax = Int(leadingNumber(value))
        }
    }

    /// A whole number of seconds above 0.
    static func seconds(_ text: String) throws(VsctlStop) -> Int {
        guard let seconds = UInt32(text), seconds > 0 else {
            throw .failure("value \(text) on -t or --timeout is invalid")
        }
        return Int(seconds)
    }
}
