import Testing

@testable import Daemon

@Suite struct DaemonOptionsTests {
    /// Open vSwitch's spelling, and what is understood: pid file, log file, levels.
    @Test(
        arguments: [
            ([], nil, nil, []),
            (["--pidfile", "--log-file"], "-", "-", []),
            (["--pidfile=", "--log-file="], "-", "-", []),
            (["--pidfile=/a", "--log-file=b"], "/a", "b", []),
            (["-v"], nil, nil, ["dbg"]),
            (["--verbose"], nil, nil, ["dbg"]),
            (["-vconsole:off", "--verbose=file:dbg"], nil, nil, ["console:off", "file:dbg"]),
        ] as [([String], String?, String?, [String])])
    func readsOpenVSwitchsSpelling(
        _ words: [String], _ pidfile: String?, _ logFile: String?, _ verbose: [String]
    ) throws {
        let options = try DaemonOptions.parse(DaemonOptions.spelledOut(words))
        #expect(options.pidfile == pidfile)
        #expect(options.logFile == logFile)
        #expect(options.verbose == verbose)
    }

    @Test func readsTheRest() throws {
        let words = ["--detach", "--no-chdir", "--overwrite-pidfile", "--unixctl=/s"]
        let options = try DaemonOptions.parse(DaemonOptions.spelledOut(words))
        #expect(options.detach && options.noChdir && options.overwritePidfile)
        #expect(options.unixctl == "/s")
    }

    @Test func leavesOtherWordsAlone() {
        let words = ["conf.db", "--remote=punix:/s", "--", "-v", "--pidfile"]
        #expect(DaemonOptions.spelledOut(words) == words)
    }

    @Test(arguments: [("/a/b", "/a/b"), ("b", "/r/b"), ("../b", "/r/../b")])
    func pathsAreMadeAbsolute(_ path: String, _ expected: String) {
        #expect(Places.absolute(path, in: "/r") == expected)
    }
}
