// The records of a database's file, one after the other. ovsdb(5), "Standalone format".
//
//     OVSDB JSON 52 4d0a…c3\n            the count of bytes that follow, and their checksum
//     {"Bridge":{"…":{"name":"br0"}}}\n
//
// Read while the server appends: what is not whole yet is the end. The server checks the checksums
// when it starts; to read what it reads again would only make this slow.

import DatabaseProtocol

struct HistoryRecords {
    private let file: [UInt8]
    private var position = 0

    init(_ file: [UInt8]) { self.file = file }

    /// - Returns: `nil` at the end, or where no whole record stands.
    mutating func next() throws(HistoryError) -> JSON? {
        guard let lineEnd = file[position...].prefix(100).firstIndex(of: UInt8(ascii: "\n")) else {
            return nil
        }
        let words = String(decoding: file[position..<lineEnd], as: UTF8.self).split(separator: " ")
        guard words.count == 4, words[0] == "OVSDB", words[1] == "JSON", let count = Int(words[2]),
            count >= 0
        else {
            guard position > 0 else { throw HistoryError(description: notDatabase) }
            return nil
        }
        let first = lineEnd + 1
        guard count <= file.count - first else { return nil }
        do throws(JSONError) {
            let json = try JSON(parsing: Array(file[first..<(first + count)]))
            position = first + count
            return json
        } catch {
            throw HistoryError(description: "byte \(first): \(error)")
        }
    }

    private var notDatabase: String {
        file.starts(with: "OVSDB CLUSTER ".utf8)
            ? "this is a file of a clustered database, which has no history to read here"
            : "this is no OVSDB file"
    }
}

/// Why a file cannot be read as a database's; to stand after the file's name.
public struct HistoryError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}
