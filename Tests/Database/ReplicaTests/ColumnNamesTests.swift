import DatabaseProtocol
import Foundation
import Testing

/// A row reads a column that it does not have as empty, so that a switch of today runs on a schema
/// of yesterday. That would hide a mistyped name: hence each name that the switch writes in a typed
/// accessor must be in the one description of the schema, with a type that the accessor can read.
@Suite struct ColumnNamesTests {
    struct Use: Hashable, CustomTestStringConvertible {
        let file: String
        let accessor: String
        let column: String
        var testDescription: String { "\(file): \(accessor)(\"\(column)\")" }
    }

    static let accessors: Set = [
        "string", "integer", "boolean", "strings", "integers", "references", "reference",
        "numberedReferences", "map",
    ]

    static func uses() throws -> [Use] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let folder = root.appending(path: "Sources/Vswitchd/Bridges")
        let pattern =
            #/(?:[a-z][A-Za-z0-9_]*|\]|\))[?!]?\.([a-z][A-Za-z]+)\("([a-z_]+)"/#
        var uses: Set<Use> = []
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        for name in names where name.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
            for match in text.matches(of: pattern) where accessors.contains(String(match.1)) {
                uses.insert(
                    Use(file: name, accessor: String(match.1), column: String(match.2)))
            }
        }
        return uses.sorted { $0.testDescription < $1.testDescription }
    }

    @Test func areThoseOfTheSchema() throws {
        let uses = try Self.uses()
        #expect(uses.count > 25, "the accessors are spelled in another way now")
        for use in uses {
            let types = DatabaseSchema.openVSwitch.tables.compactMap {
                $0.column(use.column)?.type
            }
            #expect(types.contains { Self.fits($0, use.accessor) }, "\(use.testDescription)")
        }
    }

    private static func fits(_ type: ColumnType, _ accessor: String) -> Bool {
        switch accessor {
        // `string("other_config", "key")` and its like read a map of strings.
        case "string", "boolean", "integer":
            type.isMap
                ? type.key.type == .string : type.max == 1 && type.key.type.rawValue == accessor
        case "strings": type.key.type == .string && !type.isMap
        case "integers": type.key.type == .integer && !type.isMap
        case "references": type.key.type == .uuid && !type.isMap
        case "reference": type.key.type == .uuid && type.max == 1
        case "numberedReferences": type.key.type == .integer && type.value?.type == .uuid
        default: type.isMap && type.key.type == .string
        }
    }
}
