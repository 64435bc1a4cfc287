import Glibc
import OpenFlow

// What honest peers send and type: recorded between ovs-ofctl and Open vSwitch, and lines that the
// tests compare the two switches with.

struct Corpus {
    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    /// Recorded messages, and the version of each.
    private(set) var messages: [(version: OpenFlowVersion, bytes: [UInt8])] = []
    private(set) var flows: [String] = []
    private(set) var groups: [String] = []
    private(set) var meters: [String] = []

    /// - Parameter folder: With flows.txt, messages.txt and ofctl-corpus.txt.
    init(folder: String) throws {
        for file in ["flows.txt", "messages.txt"] {
            var version = OpenFlowVersion.v10
            for line in try Self.lines(folder + "/" + file) {
                let words = line.split(separator: " ", maxSplits: 1).map(String.init)
                guard words.count == 2 else { continue }
                switch words[0] {
                case "OpenFlow10", "OpenFlow13":
                    version = words[0] == "OpenFlow10" ? .v10 : .v13
                    if file == "flows.txt" { flows.append(words[1]) }
                case "mod", "reply", "sent", "got":
                    messages.append((version, Self.bytes(words[1])))
                default: break
                }
            }
        }
        for line in try Self.lines(folder + "/ofctl-corpus.txt") {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            guard words.count == 2 else { continue }
            switch words[0] {
            case "flow": flows.append(words[1])
            case "group": groups.append(words[1])
            case "meter": meters.append(words[1])
            default: break
            }
        }
        guard !messages.isEmpty, !flows.isEmpty, !groups.isEmpty, !meters.isEmpty else {
            throw Unreadable(description: "\(folder) does not hold the recorded messages")
        }
    }

    /// Every message in every version that can say it, as that version says it.
    var bodies: [OpenFlowMessage.Body] {
        var bodies: [OpenFlowMessage.Body] = MessageSeeds.bodies
        for (version, bytes) in messages {
            // What is recorded is read, or the tests say so; here it is only material.
            if let message = try? OpenFlowDialect(version).decode(bytes) {
                bodies.append(message.body)
            }
        }
        bodies += flows.compactMap { try? FlowText.parse($0, .add) }.map { .flowMod($0) }
        bodies += groups.compactMap { try? GroupText.parse($0, .add) }.map { .groupMod($0) }
        bodies += meters.compactMap { try? MeterText.parse($0, .add) }.map { .meterMod($0) }
        return bodies
    }

    private static func lines(_ path: String) throws -> [String] {
        guard let file = unsafe fopen(path, "r") else {
            throw Unreadable(description: "\(path) cannot be opened")
        }
        defer { unsafe fclose(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // Safe: the chunk's own bytes, during the call only.
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    private static func bytes(_ digits: String) -> [UInt8] {
        let digits = Array(digits.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
    }
}
