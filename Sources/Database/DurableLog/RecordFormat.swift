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
    static func bytes(of json: JSON) -> [UInt8] { bytes(ofText: json.bytes) }

    /// The bytes of a record that holds a JSON text.
    static func bytes(ofText text: [UInt8]) -> [UInt8] {
        var record = Array(magic.utf8)
        record.reserveCapacity(headerByteCountMax + text.count + 1)
        record.append(contentsOf: String(text.count + 1).utf8)
        record.append(UInt8(ascii: " "))
        record.append(contentsOf: checksum(text[...], then: "\n"))
        record.append(UInt8(ascii: "\n"))
        record.append(contentsOf: text)
        record.append(UInt8(ascii: "\n"))
        return record
    }

    /// Why there is no whole record.
    struct Damage: Error {
        let reason: String
    }

    /// Finds the content of the record that begins at `start`, which must be inside `file`, and
    /// compares its checksum.
    static func record(in file: [UInt8], at start: Int) throws(Damage) -> Range<Int> {
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
        guard checksum(content) == Array(words[3].lowercased().utf8) else {
            throw Damage(reason: "its checksum is not that of its \(count) bytes")
        }
        return content.indices
    }

    /// Reads the content of a record.
    static func json(in file: [UInt8], _ content: Range<Int>) throws(JSONError) -> JSON {
        try JSON(parsing: Array(file[content]), byteCountMax: LogLimits.fileByteCountMax)
    }

    /// The SHA-1 of `bytes`, and of `end` after them, in lower-case hexadecimal digits.
    private static func checksum(
        _ bytes: ArraySlice<UInt8>, then end: StaticString = ""
    ) -> [UInt8] {
        var sum = Insecure.SHA1()
        // Safe: the sum reads the bytes while they are lent; a `StaticString` lives for ever.
        unsafe bytes.withUnsafeBytes { unsafe sum.update(bufferPointer: $0) }
        unsafe sum.update(
            bufferPointer: UnsafeRawBufferPointer(
                start: end.utf8Start, count: end.utf8CodeUnitCount))
        var digits: [UInt8] = []
        digits.reserveCapacity(40)
        for byte in sum.finalize() {
            digits.append(digit(byte >> 4))
            digits.append(digit(byte & 15))
        }
        return digits
    }

    private static func digit(_ nibble: UInt8) -> UInt8 { nibble + (nibble < 10 ? 48 : 87) }
}
