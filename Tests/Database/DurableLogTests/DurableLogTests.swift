import DatabaseProtocol
import DurableLog
import Glibc
import Testing

/// What was appended is there again; what was torn is cut; what is not ours is left alone.
@Suite struct DurableLogTests {
    static let records: [JSON] = [
        ["Queue": ["00000000-0000-4000-8000-000000000001": ["dscp": 5]], "_date": 1],
        ["Queue": ["00000000-0000-4000-8000-000000000001": nil], "_comment": "é\n"],
    ]

    let folder = TemporaryFolder()
    var path: String { "\(folder.path)/conf.db" }

    /// Opens the file, takes its records, appends more, and closes it.
    @discardableResult
    func visit(appending more: [JSON] = []) throws -> ([JSON], DurableLog.Cut?) {
        let log = try DurableLog(opening: path, schemaIfNew: .server)
        var found = [try log.schema().json]
        try log.takeRecords { found.append($0) }
        for record in more { try log.append(record.bytes) }
        try log.synchronize()
        return (found, log.cut)
    }

    @Test func remembers() throws {
        let schema = DatabaseSchema.server.json
        #expect(try visit() == ([schema], nil))
        #expect(try visit(appending: Self.records) == ([schema], nil))
        #expect(try visit() == ([schema] + Self.records, nil))
        #expect(folder.names == [".conf.db.~lock~", "conf.db"])
        let text = String(decoding: folder.read("conf.db"), as: UTF8.self)
        #expect(text.hasPrefix("OVSDB JSON "))
        #expect(text.hasSuffix("\n"))
    }

    /// Whoever opens the file sees one record where there were several, and what came after it.
    @Test func isWrittenAnew() throws {
        try visit(appending: Self.records)
        do {
            let log = try DurableLog(opening: path, schemaIfNew: nil)
            try log.replace(with: .server, (["Queue": [:]] as JSON).bytes)
            #expect(log.recordCount == 1)
            try log.append(Self.records[0].bytes)
            try log.synchronization()
        }
        let schema = DatabaseSchema.server.json
        #expect(try visit() == ([schema, ["Queue": [:]], Self.records[0]], nil))
        #expect(folder.names == [".conf.db.~lock~", "conf.db"])
    }

    /// A record written by Open vSwitch 3.1's ovsdb-tool.
    @Test func readsWhatOpenVSwitchWrote() throws {
        let text =
            #"{"name":"x","version":"1.0.0","tables":{"T":{"columns":{"a":{"type":"string"}}}}}"#
            + "\n"
        folder.write(
            Array("OVSDB JSON 82 174af980074a40a36b86c5bbf5f0abf568290094\n".utf8)
                + Array(text.utf8),
            "conf.db")
        let (found, cut) = try visit()
        #expect(cut == nil)
        #expect(try DatabaseSchema(parsing: #require(found.first)).table("T") != nil)
    }

    /// The crash may come at any byte of the last record: the ones before it are all there, and the
    /// file goes on from them.
    @Test func isCutAtEveryByteOfItsLastRecord() throws {
        try visit(appending: [Self.records[0]])
        let before = folder.read("conf.db")
        try visit(appending: [Self.records[1]])
        let whole = folder.read("conf.db")
        let kept = [DatabaseSchema.server.json, Self.records[0]]
        for count in before.count..<whole.count {
            folder.write(Array(whole[..<count]), "conf.db")
            let (found, cut) = try visit(appending: [Self.records[1]])
            #expect(found == kept)
            #expect(cut?.offset ?? before.count == before.count)
            #expect(cut?.byteCount ?? 0 == count - before.count)
            if cut != nil {
                #expect(folder.read("conf.db.cut") == Array(whole[before.count..<count]))
            }
            #expect(folder.read("conf.db") == whole)
        }
    }

    /// A changed byte of the last record is noticed wherever it is.
    @Test func isCutAtAChangedByte() throws {
        try visit(appending: Self.records)
        let whole = folder.read("conf.db")
        try visit()
        let first = whole.count - RecordSize.last(whole)
        for place in first..<whole.count {
            var changed = whole
            changed[place] ^= 0x01
            folder.write(changed, "conf.db")
            let (found, cut) = try visit()
            #expect(found.count == 2 && cut?.offset == first, "byte \(place)")
        }
    }

    @Test(arguments: [
        ("", "empty"), ("x", "first line"), ("OVSDB CLUSTER 5 x\n", "cluster"),
        ("OVSDB JSON 99", "first line"),
        ("OVSDB JSON 5 0000000000000000000000000000000000000000\n{}", "only 2 of 5"),
        ("OVSDB JSON -5 0000000000000000000000000000000000000000\n{}", "first line"),
        ("OVSDB JSON 9223372036854775807 0000000000000000000000000000000000000000\n{}", "only 2"),
        ("OVSDB JSON 2 0000000000000000000000000000000000000000\n{}", "checksum"),
    ])
    func leavesOtherFilesAlone(_ text: String, _ reason: String) {
        folder.write(Array(text.utf8), "conf.db")
        let error = #expect(throws: DurableLogError.self) { try visit() }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(folder.read("conf.db") == Array(text.utf8))
    }

    @Test func namesTheFolderThatIsMissing() {
        #expect(throws: DurableLogError.self) {
            try DurableLog(opening: "\(folder.path)/no/conf.db", schemaIfNew: .server)
        }
    }
}

enum RecordSize {
    /// Bytes of the last record of a whole file.
    static func last(_ file: [UInt8]) -> Int {
        let magic = Array("OVSDB JSON ".utf8)
        let starts = file.indices.filter { file[$0...].starts(with: magic) }
        return file.count - (starts.last ?? 0)
    }
}
