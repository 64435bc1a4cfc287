import DatabaseProtocol
import Testing
import Tools

@Suite struct AppctlTests {
    private static func call(
        _ command: String, _ arguments: [String] = [],
        target: AppctlTarget = .daemon(name: "ovs-vswitchd"), timeout: Duration? = .seconds(5),
        format: AppctlFormat? = nil
    ) -> AppctlArguments {
        var call = AppctlCall(command: command)
        (call.arguments, call.target) = (arguments, target)
        (call.timeout, call.format) = (timeout, format)
        return .call(call)
    }

    @Test(arguments: [
        ("version", call("version")),
        ("fdb/show br0", call("fdb/show", ["br0"])),
        ("vlog/set -t", call("vlog/set", ["-t"])),
        (
            "dpif-netdev/pmd-perf-show -nh",
            call(
                "dpif-netdev/pmd-perf-show", ["-nh"], target: .daemon(name: "apus-datapath"))
        ),
        (
            "-t ovs-vswitchd dpif-netdev/pmd-rxq-show", call("dpif-netdev/pmd-rxq-show")
        ),
        ("-t ovsdb-server version", call("version", target: .daemon(name: "ovsdb-server"))),
        ("-tovsdb-server version", call("version", target: .daemon(name: "ovsdb-server"))),
        ("--target=/run/a.ctl exit", call("exit", target: .socket(path: "/run/a.ctl"))),
        ("--target /run/a.ctl exit", call("exit", target: .socket(path: "/run/a.ctl"))),
        ("-T 1 exit", call("exit", timeout: .seconds(1))),
        ("--timeout=0 exit", call("exit", timeout: nil)),
        ("-f json vlog/list", call("vlog/list", format: .json)),
        ("--format=TEXT vlog/list", call("vlog/list", format: .text)),
        ("-v -vdbg --verbose=info -- -odd", call("-odd")),
        ("-h", .help), ("--help", .help), ("-V exit", .version), ("--version", .version),
    ])
    func reads(_ line: String, _ expected: AppctlArguments) throws {
        let words = line.split(separator: " ").map(String.init)
        #expect(try AppctlArguments(parsing: words) == expected)
    }

    @Test(arguments: [
        ("", "which command"), ("-t", "-t needs a value"), ("--target= exit", "needs a value"),
        ("-t a/b exit", "no target"), ("-T x exit", "no number of seconds"),
        ("-T -1 exit", "no number of seconds"), ("-f xml exit", "no format"),
        ("--nix exit", "no option --nix"), ("-x exit", "no option -x"), ("--", "which command"),
    ])
    func refuses(_ line: String, _ words: String) {
        let error = #expect(throws: AppctlUsageError.self) {
            try AppctlArguments(parsing: line.split(separator: " ").map(String.init))
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    private func conversation(_ format: AppctlFormat? = nil) -> AppctlConversation {
        var call = AppctlCall(command: "fdb/show")
        (call.arguments, call.format) = (["br0"], format)
        return AppctlConversation(call)
    }

    @Test func saysTheFormatOnlyIfOneIsWanted() {
        let call = #"{"method":"fdb/show","params":["br0"],"id":1}"#
        let options = #"{"method":"set-options","params":["--format","json"],"id":0}"#
        #expect(String(decoding: conversation().opening, as: UTF8.self) == call)
        #expect(String(decoding: conversation(.json).opening, as: UTF8.self) == options + call)
    }

    @Test(
        arguments: [
            (nil, #"{"id":1,"result":"text\n","error":null}"#, .success(output: "text\n")),
            (nil, #"{"id":1,"result":{"a":1},"error":null}"#, .success(output: "{\"a\":1}\n")),
            (nil, #"{"id":1,"result":null,"error":"no\n"}"#, .refusal(text: "no\n")),
            (
                .json, #"{"id":0,"result":"","error":null}{"id":1,"result":[1],"error":null}"#,
                .success(output: "[1]\n")
            ),
            (.json, #"{"id":0,"result":null,"error":"old\n"}"#, .refusal(text: "old\n")),
        ] as [(AppctlFormat?, String, AppctlConversation.Outcome)])
    func understandsAnswersHoweverTheyArrive(
        _ format: AppctlFormat?, _ answer: String, _ outcome: AppctlConversation.Outcome
    ) throws {
        let bytes = Array(answer.utf8)
        for cut in bytes.indices {
            var conversation = conversation(format)
            let first = try conversation.receive(Array(bytes[..<cut]))
            #expect(first == nil)
            #expect(try conversation.receive(Array(bytes[cut...])) == outcome, "cut at \(cut)")
        }
    }

    @Test(arguments: [
        (#"{"id":9,"result":"","error":null}"#, "nobody had asked"),
        (#"{"id":null,"method":"x","params":[]}"#, "nobody had asked"),
        (#"{"id":1}"#, "must have"), ("[}", "invalid JSON"),
    ])
    func refusesWhatIsNoAnswer(_ answer: String, _ words: String) {
        var conversation = conversation()
        let error = #expect(throws: AppctlAnswerError.self) {
            try conversation.receive(Array(answer.utf8))
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func knowsHowDaemonsAreStarted() {
        #expect(DaemonNames.startHint(for: "ovsdb-server").contains("apus-ovsdb --detach"))
        #expect(DaemonNames.startHint(for: "nix") == "")
    }
}
