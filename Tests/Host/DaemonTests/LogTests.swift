import Logging
import Testing
import Timekeeping

@testable import Daemon

@Suite struct LogTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_343_400_123, "2026-11-22T10:30:00.123Z"),
            (4_107_542_399_001, "2100-02-28T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(UInt64, String)])
    func linesBeginWithTheTime(_ milliseconds: UInt64, _ time: String) {
        let line = LogLine.format(
            moment: milliseconds * 1_000_000 + 999_999, number: 1, module: "bridge", level: .info,
            text: "port eth1 added")
        #expect(line == "\(time)|00001|bridge|INFO|port eth1 added\n")
    }

    @Test func linesCannotBeForged() {
        let line = LogLine.format(
            moment: 0, number: 123_456, module: "m", level: .warn, text: "a\nb\u{1b}[0m\u{7f}")
        #expect(line == "1970-01-01T00:00:00.000Z|123456|m|WARN|a b [0m \n")
    }

    @Test(arguments: [(-1, false), (0, false), (1, true)])
    func longTextIsCut(_ beyond: Int, _ isCut: Bool) {
        let text = String(repeating: "x", count: LogLine.textByteCountMax + beyond)
        let line = LogLine.format(moment: 0, number: 1, module: "m", level: .dbg, text: text)
        #expect(line.hasSuffix("… (cut)\n") == isCut)
        #expect(line.filter { $0 == "x" }.count == min(text.count, LogLine.textByteCountMax))
    }

    /// Specifications, and what module "bridge" and module "main" then want of console and file.
    @Test(arguments: [
        ([], "info info info info"),
        ([""], "dbg dbg dbg dbg"),
        (["dbg"], "dbg dbg dbg dbg"),
        (["console:off"], "off info off info"),
        (["bridge:file:dbg"], "info dbg info info"),
        (["dbg:bridge"], "dbg dbg info info"),
        (["ANY:console:WARN", "main:err"], "warn info err err"),
        (["file"], "info dbg info dbg"),
        (["syslog:emer"], "info info info info"),
    ])
    func levelsAreSet(_ specifications: [String], _ expected: String) throws {
        var levels = LogLevels()
        levels.add("bridge")
        levels.add("main")
        for specification in specifications { try levels.apply(specification) }
        let found = ["bridge", "main"].flatMap { module in
            [.console, .file].map { levels.level(of: module, at: $0).rawValue }
        }
        #expect(found.joined(separator: " ") == expected)
    }

    @Test(arguments: ["nix", "console:nix", "info:dbg", "bridge:bridge:dbg", "console:file:dbg"])
    func aBadSpecificationChangesNothing(_ specification: String) {
        var levels = LogLevels()
        levels.add("bridge")
        let before = levels.text
        #expect(throws: DaemonError.self) { try levels.apply(specification) }
        #expect(levels.text == before)
    }

    @Test func modulesThatComeLaterGetTheLevelsOfAll() throws {
        var levels = LogLevels()
        try levels.apply("console:err")
        levels.add("late")
        #expect(levels.level(of: "late", at: .console) == .err)
        #expect(levels.threshold(of: "late") == .info)
        try levels.apply("off")
        #expect(levels.threshold(of: "late") == .critical)
    }

    @Test func levelsAreListedAsOpenVSwitchDoes() throws {
        var levels = LogLevels()
        levels.add("bridge")
        try levels.apply("console:off")
        #expect(
            levels.text == """
                                 console    syslog    file
                                 -------    ------    ------
                bridge                  OFF       OFF      INFO

                """)
    }

    @Test func anAllowanceLetsABurstThroughAndThenOneLinePerInterval() {
        var allowance = LogAllowance(burst: 2, interval: .seconds(10))
        let table: [(second: Int64, answer: UInt64?)] = [
            (0, 0), (0, 0), (0, nil), (9, nil), (10, 2), (10, nil), (25, 1), (29, nil), (30, 1),
            (100, 0), (100, 0), (100, nil),
        ]
        for (second, answer) in table {
            let now = Instant.start + .seconds(second)
            #expect(allowance.admit(now: now) == answer, "at \(second) s")
        }
    }
}
