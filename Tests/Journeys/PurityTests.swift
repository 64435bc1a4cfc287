import Foundation
import Testing

// Rules are pure: a target outside `Host`, `Channel`, `Links`, `PacketPorts`, `DurableLog` and
// `Programs` imports nothing that reaches the system. The compiler checks arrows between our own
// targets; a system module it would let through, so this test reads the sources.

/// A forbidden import: where, and what.
struct Impurity: Equatable, CustomStringConvertible {
    var file: String
    var line: Int
    var module: String
    var description: String { "\(file):\(line): a pure target imports \(module)" }
}

enum Purity {
    static let devices = [
        "Host/", "Channel/", "Links/", "Datapath/PacketPorts/", "Database/DurableLog/", "Programs/",
    ]
    /// libmnl, libyaml and the kernel's constants, arithmetic only: see Package.swift.
    static let exceptions = [
        "Tools/Link/YAMLNode.swift": ["CYAML"],
        "Wire/DatapathMessages/": ["CMnl", "CLinuxPacket"],
    ]
    static let own: Set<String> = [
        "Chance", "Timekeeping", "Product", "Packets", "Flows", "OpenFlow", "DatabaseProtocol",
        "DatapathMessages", "FlowCache", "Execution", "Forwarding", "Classifier", "Switching",
        "Pipeline", "DatabaseHistory", "DatabaseReplica", "DatabaseEngine", "Bridges",
        "KernelPrograms", "LinkValues", "Tools",
    ]

    /// Forbidden imports in `text`, the file at `path` below Sources.
    static func impurities(in text: String, at path: String) -> [Impurity] {
        guard !devices.contains(where: path.hasPrefix) else { return [] }
        let allowed = exceptions.first { path.hasPrefix($0.key) }?.value ?? []
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .compactMap { number, line in
                let words = line.split { $0 == " " || $0 == "\t" }
                guard let place = words.firstIndex(of: "import"), place + 1 < words.count,
                    words[..<place].allSatisfy({ accessWords.contains(String($0)) })
                else { return nil }
                let module = String(words[words.count - 1].prefix { $0 != "." })
                guard !own.contains(module), !allowed.contains(module) else { return nil }
                return Impurity(file: path, line: number + 1, module: module)
            }
    }

    static let accessWords: Set<String> = [
        "public", "package", "internal", "fileprivate", "private", "@testable", "@_exported",
        "@preconcurrency",
    ]
}

@Suite struct PurityTests {
    static let sources = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources")

    @Test func pureTargetsImportNoSystemModule() throws {
        let files = try #require(
            FileManager.default.enumerator(atPath: Self.sources.path)?.compactMap { $0 as? String }
        ).filter { $0.hasSuffix(".swift") }
        #expect(files.count > 50)
        for file in files {
            let text = try String(contentsOf: Self.sources.appending(path: file), encoding: .utf8)
            #expect(Purity.impurities(in: text, at: file) == [])
        }
    }

    @Test(arguments: [
        ("import Glibc", "Wire/Flows/X.swift", "Glibc"),
        ("// idea\n\npublic import Foundation", "Vswitchd/Bridges/X.swift", "Foundation"),
        ("internal import Dispatch", "Datapath/FlowCache/X.swift", "Dispatch"),
        ("import struct Foundation.Date", "Database/Engine/X.swift", "Foundation"),
        ("import CMnl", "Wire/Flows/X.swift", "CMnl"),
        ("import NIOCore", "Tools/Vsctl/X.swift", "NIOCore"),
    ])
    func aSystemImportIsFound(text: String, path: String, module: String) {
        #expect(Purity.impurities(in: text, at: path).map(\.module) == [module])
    }

    @Test(arguments: [
        ("import Glibc", "Channel/X.swift"), ("import CMnl", "Wire/DatapathMessages/X.swift"),
        ("public import Packets", "Wire/Flows/X.swift"), ("// import Glibc", "Wire/Flows/X.swift"),
    ])
    func whatIsAllowedIsLetThrough(text: String, path: String) {
        #expect(Purity.impurities(in: text, at: path) == [])
    }
}
