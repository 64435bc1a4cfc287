import DatabaseProtocol
import Testing
import Timekeeping

@testable import DatabaseRemotes

/// Walks the keeper through scripts: what happens, and what it orders then.
@Suite struct RemoteKeeperTests {
    /// One thing that happens, at a second of the script.
    enum Event: Sendable {
        case start
        case opened(UInt64, String)
        case heard(UInt64)
        case closed(UInt64, String)
        case failed(String, String)
        case listening(String)
        case add(String)
        case remove(String)
        case clock
    }

    struct Script: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var remotes: [String]
        var steps: [(second: Int, event: Event, orders: [String])]
    }

    @Test(arguments: [
        Script(
            testDescription: "a place to listen at is listened at until it is removed",
            remotes: ["punix:/s"],
            steps: [
                (0, .start, ["listen punix:/s"]),
                (0, .listening("punix:/s"), ["inform listening at punix:/s"]),
                (1, .opened(1, "punix:/s"), []),
                (60, .clock, []),
                (61, .remove("punix:/s"), ["stop punix:/s", "close 1"]),
            ]),
        Script(
            testDescription: "a silent client of TCP is asked, and closed if it stays silent",
            remotes: ["ptcp:6640"],
            steps: [
                (0, .start, ["listen ptcp:6640"]),
                (1, .opened(1, "ptcp:6640"), []),
                (5, .clock, []),
                (6, .clock, ["send 1"]),
                (7, .heard(1), []),
                (11, .clock, []),
                (12, .clock, ["send 1"]),
                (16, .clock, []),
                (17, .clock, ["close 1"]),
                (17, .clock, []),
                (17, .closed(1, "closed by us"), []),
                (60, .clock, []),
            ]),
        Script(
            testDescription: "who does not answer is called ever less often, up to 8 s",
            remotes: ["tcp:10.0.0.1:6640"],
            steps: [
                (0, .start, []),
                (0, .clock, ["call tcp:10.0.0.1:6640"]),
                (1, .failed("tcp:10.0.0.1:6640", "no"), ["warn tcp:10.0.0.1:6640: no"]),
                (1, .clock, []),
                (2, .clock, ["call tcp:10.0.0.1:6640"]),
                (2, .failed("tcp:10.0.0.1:6640", "no"), []),
                (3, .clock, []),
                (4, .clock, ["call tcp:10.0.0.1:6640"]),
                (4, .failed("tcp:10.0.0.1:6640", "no"), []),
                (8, .clock, ["call tcp:10.0.0.1:6640"]),
                (8, .failed("tcp:10.0.0.1:6640", "no"), []),
                (15, .clock, []),
                (16, .clock, ["call tcp:10.0.0.1:6640"]),
                (16, .failed("tcp:10.0.0.1:6640", "no"), []),
                (23, .clock, []),
                (24, .clock, ["call tcp:10.0.0.1:6640"]),
            ]),
        Script(
            testDescription: "after a connection the pause begins at 1 s again",
            remotes: ["ssl:[::1]:6640"],
            steps: [
                (0, .start, []),
                (0, .clock, ["call ssl:[::1]:6640"]),
                (0, .failed("ssl:[::1]:6640", "no"), ["warn ssl:[::1]:6640: no"]),
                (1, .clock, ["call ssl:[::1]:6640"]),
                (1, .opened(7, "ssl:[::1]:6640"), ["inform ssl:[::1]:6640: connected"]),
                (
                    2, .closed(7, "it hung up"),
                    ["warn ssl:[::1]:6640: connection lost: it hung up"]
                ),
                (3, .clock, ["call ssl:[::1]:6640"]),
                (4, .remove("ssl:[::1]:6640"), ["give up ssl:[::1]:6640"]),
            ]),
        Script(
            testDescription: "what cannot be used is said and left out",
            remotes: ["ptcp:6640"],
            steps: [
                (0, .start, ["listen ptcp:6640"]),
                (1, .failed("ptcp:6640", "in use"), ["warn ptcp:6640: in use"]),
                (2, .add("ptcp:6640"), []),
                (
                    3, .add("http:nonsense"),
                    ["warn http:nonsense is no place to listen at or to call"]
                ),
                (4, .opened(1, "ptcp:1"), ["close 1"]),
            ]),
    ])
    func followsTheScript(_ script: Script) throws {
        var keeper = RemoteKeeper(
            remotes: script.remotes.map(RemoteSource.word), tls: TLSSources(),
            schema: .openVSwitch)
        #expect(!keeper.needsSession)
        for (second, event, orders) in script.steps {
            let now = Instant.start + .seconds(second)
            let effects = Self.happen(event, to: &keeper, now)
            #expect(effects.map(Self.text) == orders, "\(event) at \(second) s")
        }
    }

    static func happen(
        _ event: Event, to keeper: inout RemoteKeeper, _ now: Instant
    ) -> [RemoteEffect] {
        switch event {
        case .start: return keeper.start(now: now)
        case .opened(let number, let target):
            return keeper.opened(RemoteClient(number), at: target, now: now)
        case .heard(let number):
            keeper.heard(RemoteClient(number), now: now)
            return []
        case .closed(let number, let reason):
            return keeper.closed(RemoteClient(number), reason: reason, now: now)
        case .failed(let target, let reason):
            return keeper.failed(at: target, reason: reason, now: now)
        case .listening(let target): return keeper.listening(at: target, port: nil)
        case .add(let word): return keeper.add(.word(word), now: now)
        case .remove(let word): return keeper.remove(.word(word), now: now) ?? []
        case .clock: return keeper.clockAdvanced(now: now)
        }
    }

    static func text(_ effect: RemoteEffect) -> String {
        switch effect {
        case .tellServer(let bytes): "tell \(String(decoding: bytes, as: UTF8.self))"
        case .listen(let target): "listen \(target)"
        case .stopListening(let target): "stop \(target)"
        case .call(let target): "call \(target)"
        case .send(_, let client): "send \(client.number)"
        case .close(let client, _): "close \(client.number)"
        case .giveUpCall(let target): "give up \(target)"
        case .useTLS(let files): "TLS \(files?.privateKey ?? "none")"
        case .inform(let text): "inform \(text)"
        case .warn(let text): "warn \(text)"
        }
    }

    @Test(arguments: [
        ("punix:/s", "word punix:/s"),
        ("db:Open_vSwitch,Open_vSwitch,manager_options", "column Open_vSwitch.manager_options"),
        ("db:Open_vSwitch,SSL,private_key", "column SSL.private_key"),
        ("db:Open_vSwitch,SSL", "refused"), ("db:Other,SSL,private_key", "refused"),
        ("db:Open_vSwitch,Nope,private_key", "refused"), ("db:Open_vSwitch,SSL,nope", "refused"),
        ("db:Open_vSwitch,Bridge,ports", "refused"),
        ("db:Open_vSwitch,Bridge,other_config", "refused"),
        ("db:Open_vSwitch,Interface,ofport", "refused"),
    ])
    func readsSources(_ text: String, _ expected: String) {
        let source: String
        do throws(RemoteSourceError) {
            switch try RemoteSource(parsing: text, .openVSwitch) {
            case .word(let word): source = "word \(word)"
            case .column(let table, let column): source = "column \(table).\(column)"
            }
        } catch {
            source = "refused"
        }
        #expect(source == expected)
    }
}
