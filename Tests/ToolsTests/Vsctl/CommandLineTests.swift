import Testing
import Tools

@Suite struct VsctlCommandLineTests {
    /// Lines that are refused before anything is connected, and why.
    @Test(arguments: [
        ("", "missing command name (use --help for help)"),
        ("--", "missing command name (use --help for help)"),
        ("--no-wait", "missing command name (use --help for help)"),
        ("--may-exist", "missing command name (use --help for help)"),
        ("-- --if-exists", "missing command name (use --help for help)"),
        (
            "add-prt br0 p",
            "unknown command 'add-prt'; use --help for help (did you mean add-port?)"
        ),
        ("frobnicate", "unknown command 'frobnicate'; use --help for help"),
        ("add-br", "'add-br' command requires at least 1 arguments"),
        ("add-br a b 3 d", "'add-br' command takes at most 3 arguments"),
        (
            "list-br --real",
            "'list-br' command takes at most 0 arguments (note that options must precede command "
                + "names and follow a \"--\" argument)"
        ),
        ("--if-exists add-br b", "'add-br' command has no '--if-exists' option"),
        (
            "-- --if-exist del-br b",
            "'del-br' command has no '--if-exist' option (did you mean --if-exists?)"
        ),
        (
            "-- --columns list port",
            "missing argument to '--columns' option on 'list' command"
        ),
        (
            "-- --may-exist=1 add-br b",
            "'--may-exist' option on 'add-br' does not accept an argument"
        ),
        (
            "-- --if-exists --if-exists del-br b",
            "'--if-exists' option specified multiple times"
        ),
        ("--may-exist=1 add-br b", "option '--may-exist' doesn't allow an argument"),
        ("--db", "option '--db' requires an argument"),
        ("-t", "option requires an argument -- 't'"),
        ("-x list-br", "invalid option -- 'x'"),
        ("--dryrun list-br", "unrecognized option '--dryrun' (did you mean --dry-run?)"),
        (
            "--no list-br",
            "option '--no' is ambiguous; possibilities: '--no-syslog' '--no-wait' "
                + "'--no-leader-only' '--no-shuffle-remotes' '--no-headings'"
        ),
        ("-t 0 list-br", "value 0 on -t or --timeout is invalid"),
        ("--timeout=x list-br", "value x on -t or --timeout is invalid"),
        ("-f xml list-br", "unknown output format \"xml\""),
        ("-d xml list-br", "unknown data format \"xml\""),
    ])
    func badLinesAreRefused(line: String, message: String) {
        #expect(throws: VsctlStop.failure(message)) {
            try VsctlCommandLine.parse(line.split(separator: " ").map(String.init))
        }
    }

    @Test(
        arguments: [
            ("list-br", nil, nil), ("-t 7 list-br", 7, nil), ("-t7 list-br", 7, nil),
            ("--timeout=7 list-br", 7, nil), ("--time 7 list-br", 7, nil),
            ("--db=tcp:a:1 list-br", nil, "tcp:a:1"), ("--db unix:x list-br", nil, "unix:x"),
            ("-vfile:dbg -v --no-syslog --log-file=x list-br", nil, nil),
        ] as [(String, Int?, String?)])
    func optionsAreRead(line: String, timeout: Int?, database: String?) throws {
        let words = line.split(separator: " ").map(String.init)
        guard case .run(let parsed) = try VsctlCommandLine.parse(words) else {
            Issue.record("not a command")
            return
        }
        #expect(parsed.options.timeoutSeconds == timeout)
        #expect(parsed.options.database == database)
        #expect(!parsed.waitsForOthers)
    }

    @Test func theEnvironmentSetsATimeoutWhereNoOptionDoes() throws {
        for (words, expected) in [(["list-br"], 9), (["-t", "3", "list-br"], 3)] {
            guard case .run(let line) = try VsctlCommandLine.parse(words, timeoutVariable: "9")
            else { continue }
            #expect(line.options.timeoutSeconds == expected)
        }
        #expect(throws: VsctlStop.self) {
            try VsctlCommandLine.parse(["list-br"], timeoutVariable: "soon")
        }
    }

    @Test func helpAndVersionComeFirst() throws {
        for (word, isHelp) in [("--help", true), ("-h", true), ("-V", false), ("--vers", false)] {
            switch try VsctlCommandLine.parse([word, "nonsense"]) {
            case .help: #expect(isHelp)
            case .version: #expect(!isHelp)
            case .run: Issue.record("\(word) is a command")
            }
        }
        for command in ["add-zone-tp", "add-aa-mapping", "undo", "list-dp-cap"] {
            #expect(VsctlHelp.text(database: "unix:x").contains(command))
        }
        #expect(VsctlHelp.text(database: "unix:x").contains("[--may-exist] add-br BRIDGE"))
    }

    @Test func onlyWaitUntilWaitsForOthers() throws {
        guard
            case .run(let line) = try VsctlCommandLine.parse(
                ["list-br", "--", "wait-until", "bridge", "br0"])
        else { return }
        #expect(line.waitsForOthers)
    }
}
