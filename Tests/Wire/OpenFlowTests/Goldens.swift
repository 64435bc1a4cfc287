import Foundation

/// Files of `Tests/Goldens/OpenFlow`, recorded between the unmodified ovs-ofctl and ovs-vswitchd.
enum Goldens {
    static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent()  // OpenFlowTests
        .deletingLastPathComponent()  // Wire
        .deletingLastPathComponent()  // Tests
        .appending(path: "Goldens/OpenFlow")

    /// Blocks of lines between empty lines, without comments.
    static func blocks(_ name: String) throws -> [[String]] {
        let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.split { $0.isEmpty }.map { block in
            block.filter { !$0.hasPrefix("#") }.map(String.init)
        }.filter { !$0.isEmpty }
    }

    static func bytes(_ hex: some StringProtocol) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
