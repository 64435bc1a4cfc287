import DatabaseProtocol
import Testing

@testable import DatabaseHistory

/// Files as the server and Open vSwitch's write them, and what is read from them.
@Suite struct HistoryTests {
    /// A file with the switch's schema and these records.
    static func file(_ records: [String]) -> [UInt8] {
        ([DatabaseSchema.openVSwitch.json.text] + records).flatMap { text in
            Array("OVSDB JSON \(text.utf8.count + 1) \(String(repeating: "0", count: 40))\n".utf8)
                + Array("\(text)\n".utf8)
        }
    }

    static let port = "11111111-0000-4000-8000-000000000000"
    static let added = """
        {"Port":{"\(port)":{"name":"eth0","trunks":["set",[1,2]]}},"_date":1795356505633,\
        "_comment":"ovs-vsctl (invoked by bash): ovs-vsctl add-port br0 eth0"}
        """
    static let retagged = """
        {"Port":{"\(port)":{"tag":5,"trunks":["set",[2,3]]}},"_comment":"who knows"}
        """
    /// The same, told by its difference.
    static let retaggedByDifference = """
        {"Port":{"\(port)":{"tag":5,"trunks":["set",[1,3]]}},"_comment":"who knows",\
        "_is_diff":true}
        """
    static let deleted = "{\"Port\":{\"\(port)\":null}}"

    @Test(arguments: [retagged, retaggedByDifference])
    func knowsRowsBeforeAndAfter(_ second: String) throws {
        let history = try History(reading: Self.file([Self.added, second, Self.deleted]))
        try #require(history.changes.count == 3)
        let rows = history.changes.compactMap(\.rows.first)
        #expect(rows.map(\.table) == ["Port", "Port", "Port"])
        #expect(rows[0].before == nil)
        #expect(rows[0].after?["trunks"] == Datum(set: [.integer(1), .integer(2)]))
        #expect(rows[1].before == rows[0].after)
        #expect(rows[1].after?["trunks"] == Datum(set: [.integer(2), .integer(3)]))
        #expect(rows[1].after?["tag"] == Datum(.integer(5)))
        #expect(rows[1].wishedColumns.sorted() == ["tag", "trunks"])
        #expect(rows[2].before == rows[1].after)
        #expect(rows[2].after == nil)
        #expect(history.changes.map(\.number) == [1, 2, 3])
        #expect(history.changes[0].milliseconds == 1_795_356_505_633)
    }

    @Test(arguments: [
        (
            "ovs-vsctl (invoked by bash): ovs-vsctl add-br br0", "ovs-vsctl (invoked by bash)",
            "ovs-vsctl add-br br0"
        ),
        ("ovs-vsctl: x", "ovs-vsctl", "x"),
        ("no author", "", "no author"),
        ("two\nlines: x", "", "two\nlines: x"),
        ("", "", ""),
    ])
    func tellsTheAuthor(_ comment: String, _ author: String, _ text: String) {
        let change = PastChange(number: 1, milliseconds: nil, comment: comment, rows: [])
        #expect(change.author == author)
        #expect(change.text == text)
    }

    @Test func whatTheSwitchReportsIsNobodysWish() throws {
        let history = try History(
            reading: Self.file([
                Self.added,
                "{\"Interface\":{\"\(Self.port)\":{\"name\":\"eth0\"}}}",
                "{\"Interface\":{\"\(Self.port)\":{\"ofport\":3,\"error\":\"x\"}}}",
            ]))
        #expect(history.changes.map(\.isOfOperator) == [true, true, false])
        #expect(history.lastOfOperator?.number == 2)
    }

    /// The server may be writing: whatever is there of a record is no error, and never the record.
    @Test func everyTruncationIsReadUpToTheLastWholeRecord() throws {
        let first = Self.file([Self.added])
        let whole = Self.file([Self.added, Self.deleted])
        for count in first.count..<whole.count {
            let history = try History(reading: Array(whole.prefix(count)))
            #expect(history.changes.count == 1, "\(count) bytes")
        }
        #expect(try History(reading: whole).changes.count == 2)
    }

    @Test(arguments: [
        ([], "it is empty"),
        (Array("OVSDB CLUSTER 61 0\n".utf8), "clustered database"),
        (Array("#!/bin/sh\n".utf8), "no OVSDB file"),
        (file(["{\"Nope\":{}}"]), "record 1: "),
        (file(["{\"Port\":{\"x\":null}}"]), "not a valid UUID"),
        (file(["{\"Port\":{\"\(port)\":{\"nope\":1}}}"]), "no column nope"),
        (file(["[]"]), "must be an object"),
    ])
    func refusesWhatIsNoDatabase(_ bytes: [UInt8], _ words: String) {
        let error = #expect(throws: HistoryError.self) { try History(reading: bytes) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func theOldestTransactionsGoFirst() throws {
        let records = (0..<HistoryLimits.transactionCountMax + 1).map {
            "{\"Port\":{\"\(Self.port)\":{\"tag\":\($0 % 4096)}}}"
        }
        let history = try History(reading: Self.file(records))
        #expect(history.changes.count == HistoryLimits.transactionCountMax)
        #expect(history.changes.first?.number == 2)
    }
}
