import Testing
import Tools

/// What the options before the first command leave behind for the program.
@Suite struct VsctlOptionTests {
    private func line(_ words: [String]) throws -> VsctlCommandLine {
        guard case .run(let line) = try VsctlCommandLine.parse(words + ["init"]) else {
            throw VsctlStop.failure("no line")
        }
        return line
    }

    @Test(arguments: [
        (["--private-key=k", "--certificate", "c", "--ca-cert=a"], "k c a false"),
        (["-p", "k", "-cc", "-C", "a"], "k c a false"),
        (["-pk", "-c", "c", "--bootstrap-ca-cert=b"], "k c b true"),
        ([], "- - - false"),
    ])
    func namesFilesForTLS(_ words: [String], _ expected: String) throws {
        let tls = try line(words).options.tls
        let parts = [tls.privateKey, tls.certificate, tls.authority].map { $0 ?? "-" }
        #expect("\(parts.joined(separator: " ")) \(tls.bootstraps)" == expected)
    }

    @Test(arguments: [
        ("unix:/a,b", ["unix:/a,b"]),
        ("tcp:10.0.0.1:6640,tcp:10.0.0.2:6640", ["tcp:10.0.0.1:6640", "tcp:10.0.0.2:6640"]),
        ("ssl:[::1],unix:/x,y,tcp:h", ["ssl:[::1]", "unix:/x,y", "tcp:h"]),
        ("", [""]),
    ])
    func namesSeveralServers(_ text: String, _ places: [String]) {
        #expect(VsctlCommandLine.places(in: text) == places)
    }
}
