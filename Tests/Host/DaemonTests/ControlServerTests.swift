import DatabaseProtocol
import Glibc
import Streams
import Testing

@testable import Daemon

/// The control socket, from a client's side. The machine behind it answers `echo` with its words,
/// fails `fail`, and is too busy for `busy`.
@Suite(.timeLimit(.minutes(1))) struct ControlServerTests {
    private final class Machine: Sendable {
        let requests = Mailbox<ControlRequest>()
    }

    private func converse(_ requests: [String]) throws -> [JSON] {
        let path = "/tmp/apus-control-\(getpid())-\(UInt32.random(in: 0 ... .max)).ctl"
        let machine = Machine()
        let log = Log()
        log.add("bridge")
        let server = try ControlServer(
            name: "test", log: log, path: path,
            commands: [
                ControlCommand("echo", usage: "WORD...", argumentCounts: 0...3),
                ControlCommand("fail"), ControlCommand("busy"),
            ]
        ) { $0.command != "busy" && machine.requests.post($0) }
        defer { server.close() }
        let client = try StreamClient(
            connectingTo: .unix(path: path), of: "test", timeout: .seconds(30))
        var input = JSONStream()
        var answers: [JSON] = []
        for request in requests {
            client.send(Array(request.utf8))
            var answer: JSON?
            while answer == nil {
                for asked in machine.requests.drain() {
                    if asked.command == "fail" {
                        server.fail("it cannot be done", asked)
                    } else {
                        server.reply(asked.arguments.joined(separator: " "), to: asked)
                    }
                }
                answer = try input.next()
                if answer == nil, try isReadable(machine) {
                    continue
                } else if answer == nil {
                    input.append(try client.receive())
                }
            }
            answers.append(try #require(answer))
        }
        return answers
    }

    /// Whether the request went to the machine: own commands are answered without it.
    private func isReadable(_ machine: Machine) throws -> Bool {
        var waited = pollfd(fd: machine.requests.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waited, 1, 50) == 1
    }

    @Test(arguments: [
        (#"{"method":"echo","params":["a","b c"],"id":7}"#, #"{"result":"a b c\n","error":null,"id":7}"#),
        (#"{"method":"echo","params":[],"id":"x"}"#, #"{"result":"","error":null,"id":"x"}"#),
        (
            #"{"method":"fail","params":[],"id":0}"#,
            #"{"result":null,"error":"it cannot be done\n","id":0}"#
        ),
        (
            #"{"method":"busy","params":[],"id":0}"#,
            #"{"result":null,"error":"test is busy; try again\n","id":0}"#
        ),
        (
            #"{"method":"nix","params":[],"id":0}"#,
            #"{"result":null,"error":"\"nix\" is no command of test; list-commands shows them\n","id":0}"#
        ),
        (
            #"{"method":"echo","params":["1","2","3","4"],"id":0}"#,
            #"{"result":null,"error":"4 arguments given to: echo WORD...\n","id":0}"#
        ),
        (
            #"{"method":"echo","params":[1],"id":0}"#,
            #"{"result":null,"error":"the arguments must be strings\n","id":0}"#
        ),
        (
            #"{"method":"version","params":[],"id":0}"#,
            #"{"result":"test (Apus) 0.1.0\n","error":null,"id":0}"#
        ),
        (
            #"{"method":"vlog/set","params":["bridge:nix"],"id":0}"#,
            #"{"result":null,"error":"\"nix\" is no module, destination (console, file) or level (off, emer, err, warn, info, dbg), or is one too many\n","id":0}"#
        ),
    ])
    func answers(_ request: String, _ answer: String) throws {
        #expect(try converse([request]).map(\.text) == [answer])
    }

    @Test func answersInJSONWhenAskedTo() throws {
        let answers = try converse([
            #"{"method":"set-options","params":["--format","json"],"id":0}"#,
            #"{"method":"echo","params":["a"],"id":1}"#,
        ])
        #expect(answers[1].object?["result"] == ["reply": "a\n", "reply-format": "plain"])
    }

    @Test func setsAndListsLevels() throws {
        let answers = try converse([
            #"{"method":"vlog/set","params":["bridge:console:off"],"id":0}"#,
            #"{"method":"vlog/list","params":[],"id":1}"#,
        ])
        #expect(answers[0].object?["result"] == "")
        #expect(answers[1].object?["result"]?.string?.contains("OFF       OFF      INFO") == true)
    }

    @Test func closesTheConnectionOfWhoeverSendsNonsense() {
        #expect(throws: StreamClientError.self) { try converse(["[}"]) }
    }
}
