import DatabaseProtocol
import Glibc
import Streams
import Synchronization
import Testing

@testable import Daemon

/// The control socket, from a client's side. The machine behind it answers `echo` with its words,
/// fails `fail`, and is too busy for `busy`.
@Suite(.timeLimit(.minutes(1))) struct ControlServerTests {
    private final class Machine: Sendable {
        let server = Mutex<ControlServer?>(nil)

        func take(_ request: ControlRequest) -> Bool {
            guard request.command != "busy" else { return false }
            guard let server = server.withLock({ $0 }) else { return false }
            if request.command == "fail" {
                server.fail("it cannot be done", request)
            } else {
                server.reply(request.arguments.joined(separator: " "), to: request)
            }
            return true
        }
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
        ) { machine.take($0) }
        machine.server.withLock { $0 = server }
        defer {
            server.close()
            machine.server.withLock { $0 = nil }
        }
        let client = try StreamClient(
            connectingTo: .unix(path: path), of: "test", timeout: .seconds(30))
        var input = JSONStream()
        var answers: [JSON] = []
        for request in requests {
            client.send(Array(request.utf8))
            while answers.count < requests.count {
                if let answer = try input.next() {
                    answers.append(answer)
                    break
                }
                input.append(try client.receive())
            }
        }
        return answers
    }

    @Test(arguments: [
        (
            #"{"method":"echo","params":["a","b c"],"id":7}"#,
            #"{"result":"a b c\n","error":null,"id":7}"#
        ),
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
    ])
    func answers(_ request: String, _ answer: String) throws {
        #expect(try converse([request]).map(\.text) == [answer])
    }

    @Test(arguments: [
        (#"{"method":"nix","params":[],"id":0}"#, "\"nix\" is no command of test"),
        (#"{"method":"vlog/set","params":["bridge:nix"],"id":0}"#, "\"nix\" is no module"),
        (#"{"method":"set-options","params":["--format","xml"],"id":0}"#, "json|text"),
    ])
    func refusesAndNamesTheWord(_ request: String, _ words: String) throws {
        let error = try #require(try converse([request]).first?.object?["error"]?.string)
        #expect(error.contains(words) && error.hasSuffix("\n"))
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
