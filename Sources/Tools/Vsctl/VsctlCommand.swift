// What a command of ovs-vsctl is: a name, how many arguments, which options, and what it does.

import DatabaseProtocol

/// The kind of thing that a command does, in the words of `run`: each is a function on the context.
struct VsctlCommand: Sendable {
    typealias Step = @Sendable (inout VsctlContext) throws(VsctlStop) -> Void

    let name: String
    /// How many arguments it takes; `nil` is any number.
    let argumentCountMin: Int
    let argumentCountMax: Int?
    /// As the help shows them.
    let usage: String
    let options: [Option]
    /// Headings of what it prints, for `--format=json`; none if it prints nothing, or chooses them
    /// itself.
    let headings: [String]
    /// Looks at names of tables and columns before any command runs; `nil` if there are none.
    let check: Step?
    let run: Step

    struct Option: Sendable {
        /// With its dashes.
        let name: String
        let takesValue: Bool

        /// `"--id="` takes a value, `"--all"` does not.
        init(_ text: String) {
            takesValue = text.hasSuffix("=")
            name = takesValue ? String(text.dropLast()) : text
        }
    }

    init(
        _ name: String, _ count: ClosedRange<Int>, _ usage: String = "",
        options: [String] = [], prints headings: [String] = [], check: Step? = nil,
        run: @escaping Step
    ) {
        self.name = name
        (argumentCountMin, argumentCountMax) = (count.lowerBound, count.upperBound)
        self.usage = usage
        self.options = options.map(Option.init)
        self.headings = headings
        (self.check, self.run) = (check, run)
    }

    init(
        _ name: String, _ count: PartialRangeFrom<Int>, _ usage: String,
        options: [String] = [], prints headings: [String] = [], check: Step? = nil,
        run: @escaping Step
    ) {
        self.name = name
        (argumentCountMin, argumentCountMax) = (count.lowerBound, nil)
        self.usage = usage
        self.options = options.map(Option.init)
        self.headings = headings
        (self.check, self.run) = (check, run)
    }

    /// Groups of commands with their headings, as the help shows them.
    static let groups: [(heading: String, commands: [VsctlCommand])] = [
        ("Open vSwitch commands", general), ("Bridge commands", bridges),
        ("Port commands (a bond is one port)", ports),
        ("Interface commands", interfaces), ("Controller and manager commands", controllers),
        ("TLS commands", tls), ("Conntrack zone and datapath commands", datapaths + zoneLimits),
        ("Auto Attach commands", autoAttach), ("History commands", history),
        ("Database commands", readingRecords + changingRecords),
    ]

    private static let byName = Dictionary(
        groups.flatMap(\.commands).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    static func named(_ name: String) -> VsctlCommand? { byName[name] }
    static var names: [String] { groups.flatMap(\.commands).map(\.name) }
}

/// One command of a command line, checked against its syntax.
struct VsctlInvocation: Sendable {
    struct Option: Equatable, Sendable {
        let name: String
        let value: String?
    }
    let command: VsctlCommand
    let options: [Option]
    let arguments: [String]

    /// The command as it was typed, for messages.
    var text: String { quoted(options.map(\.name) + [command.name] + arguments) }
}
