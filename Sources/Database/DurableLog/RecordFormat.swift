// The file's records. ovsdb(5), "Standalone format".
//
//     OVSDB JSON 52 4d0a…c3\n            the count of bytes that follow, and their SHA-1
//     {"Bridge":{"…":{"name":"br0"}}}\n
//
// The first record is the schema, each other one a transaction. A record that was torn by a crash
// betrays itself by its count or its checksum.

import Crypto
import DatabaseProtocol

enum RecordFormat {
    static let magic = "OVSDB JSON "
    static let clusterMagic = "OVSDB CLUSTER "
    /// Longest first line: magic, a count of 20 digits, a space, 40 digits, a line feed.
    private static let headerByteCountMax = 73

    /// The bytes of a record that holds `json`.
    static func bytes(of json: JSON) -> [UInt8] {
        var content = json.bytes
        content.append(UInt8(ascii: "\n"))
        return Array("\(magic)\(content.count) \(checksum(content[...]))\n".utf8) + content
    }

    /// A record found in a file.
    struct Found {
        let json: JSON
        /// Where the next record begins.
        let end: Int
    }

    /// Why there is no whole record.
    struct Damage: Error {
        let reason: String
    }

    /// Reads the record that begins at `start`, which must be inside `file`.
    static func record(in file: [UInt8], at start: Int) throws(Damage) -> Found {
        let line = file[start...].prefix(headerByteCountMax)
        guard let lineEnd = line.firstIndex(of: UInt8(ascii: "\n")) else {
            throw Damage(reason: "the record's first line is not whole")
        }
        let words = String(decoding: file[start..<lineEnd], as: UTF8.self)
            .split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "OVSDB", words[1] == "JSON", let count = Int(words[2]),
            count >= 0, words[3].utf8.count == 40
        else { throw Damage(reason: "the record's first line is not one") }
        let first = lineEnd + 1
        guard count <= file.count - first else {
            throw Damage(reason: "only \(file.count - first) of \(count) bytes are there")
        }
        let content = file[first..<(first + count)]
        guard checksum(content) == words[3].lowercased() else {
            throw Damage(reason: "its checksum is not that of its \(count) bytes")
        }
        do {
            return Found(json: try JSON(parsing: Array(content)), end: first + count)
        } catch {
            throw Damage(reason: "\(error)")
        }
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> String {
        Insecure.SHA1.hash(data: bytes).reduce(into: "") { text, byte in
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
