import DatabaseProtocol
import Testing
import Timekeeping

@testable import DatabaseEngine

/// A client that sends what looks almost right can neither stop the server nor bend the database.
@Suite struct HostileTests {
    static let honest = [
        transact(ops(root, bridge)), transact(clearBridges),
        transact(select("Port", #""name","_uuid""#)),
        transact(delete("Queue", where: #"[["dscp","<=",5],["_uuid","!=",["named-uuid","q"]]]"#)),
        transact(
            ops(
                insert("QoS", #"{"queues":["map",[[7,["named-uuid","q"]]]]}"#, as: "qos"),
                insert("Queue", #"{"dscp":5,"other_config":["map",[["a","b"]]]}"#, as: "q"),
                update("Port", #"{"qos":["named-uuid","qos"],"trunks":["set",[1,2]]}"#))),
        transact(
            mutate(
                "Open_vSwitch",
                #"["next_cfg","+=",9223372036854775807],["other_config","delete",["set",["a"]]]"#)),
        transact(
            ops(
                insert("Mirror", #"{"name":"m","output_port":["named-uuid","p"]}"#, as: "m"),
                mutate("Bridge", #"["mirrors","insert",["named-uuid","m"]]"#), bridge)),
        transact(#"{"op":"wait","table":"Port","where":[],"until":"!=","rows":[],"timeout":50}"#),
        transact(#"{"op":"comment","comment":"x"},{"op":"commit","durable":true},{"op":"abort"}"#),
        transact(#"{"op":"assert","lock":"l"}"#), call("lock", #""l""#), call("steal", #""l""#),
        call("unlock", #""l""#), call("get_schema", #""_Server""#), call("echo", "[1.5e3,true]"),
        call("monitor", #""Open_vSwitch",["a",1],{"Port":[{"columns":["name"]}],"Bridge":{}}"#),
        call("monitor_cond", #""Open_vSwitch",2,{"Port":{"where":[["tag","==",5],false]}}"#),
        call("monitor_cond_since", #""Open_vSwitch",null,{"Queue":{}},"x""#),
        call("monitor_cond_change", #"2,3,{"Port":[{"where":[["tag",">",1]]}]}"#),
        call("monitor_cancel", "3"), call("cancel", "1", id: "null"),
    ]

    /// Every value inside of `json`, itself included.
    static func parts(_ json: JSON) -> [JSON] {
        let inner = json.array ?? json.object.map { $0.values + $0.names.map(JSON.string) } ?? []
        return [json] + inner.flatMap(parts)
    }

    /// `json` with one value in it replaced by one of `others`.
    static func mixed(
        _ json: JSON, _ others: [JSON], _ dice: inout SeededGenerator
    ) -> JSON {
        let other = others[Int(dice.next() % UInt64(others.count))]
        switch json {
        case .array(var elements) where !elements.isEmpty && dice.next() % 4 > 0:
            let place = Int(dice.next() % UInt64(elements.count))
            elements[place] = mixed(elements[place], others, &dice)
            return .array(elements)
        case .object(var object) where !object.isEmpty && dice.next() % 8 > 0:
            let name = object.names[Int(dice.next() % UInt64(object.count))]
            if dice.next() % 8 == 0, let text = other.string {
                object[text] = object[name]
                object[name] = nil
            } else {
                object[name] = object[name].map { mixed($0, others, &dice) }
            }
            return .object(object)
        default: return other
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6])
    func mixedMessagesBendNothing(_ seed: UInt64) throws {
        let messages = try Self.honest.map { try JSON(parsing: $0) }
        let others = messages.flatMap(Self.parts) + [nil, -1, 0.5, "_uuid", "_version", [], [:]]
        var dice = SeededGenerator(state: seed)
        var bench = try Bench()
        for step in 0..<1500 {
            var message = messages[Int(dice.next() % UInt64(messages.count))]
            for _ in 0..<(dice.next() % 3) { message = Self.mixed(message, others, &dice) }
            let client = dice.next() % 3 + 1
            _ = try bench.tell(message.text, client: client)
            _ = try bench.pass(milliseconds: Int64(dice.next() % 20))
            _ = bench.server.open(SessionID(client))
            if step % 300 == 299 { bench.checkWhatIsBesideTheRows() }
        }
    }

    /// Bytes changed anywhere in a message: an answer or a closed connection, never more.
    @Test func changedBytesBendNothing() throws {
        var dice = SeededGenerator(state: 9)
        var bench = try Bench()
        for text in Self.honest {
            let honest = Array(text.utf8)
            for _ in 0..<100 {
                var bytes = honest
                for _ in 0...(dice.next() % 3) {
                    bytes[Int(dice.next() % UInt64(bytes.count))] = UInt8(
                        truncatingIfNeeded: dice.next())
                }
                _ = bench.server.receive(
                    bytes, from: SessionID(1), now: bench.now, random: &bench.random,
                    journal: bench.journal)
                _ = bench.server.close(SessionID(1))
                _ = bench.server.open(SessionID(1))
            }
        }
        bench.checkWhatIsBesideTheRows()
    }
}

extension Bench {
    /// Counts, indexes and limits are what looking at all rows would give.
    func checkWhatIsBesideTheRows() {
        for name in server.databaseNames { #expect(server.inconsistency(of: name) == nil) }
    }
}
