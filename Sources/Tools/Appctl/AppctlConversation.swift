// What ovs-appctl says to a daemon and makes of the answers, without the socket between them.

import DatabaseProtocol

/// The state of one call: feed it what the daemon sends until it has an outcome.
public struct AppctlConversation: Sendable {
    /// How the tool ends.
    public enum Outcome: Equatable, Sendable {
        /// Print this to standard output; exit with 0.
        case success(output: String)
        /// Print this to standard error; exit with 2.
        case refusal(text: String)
    }

    /// Ours; the daemon echoes the one it answers.
    private static let formatID: JSON = 0
    private static let callID: JSON = 1

    private let call: AppctlCall
    private var input = JSONStream()

    public init(_ call: AppctlCall) { self.call = call }

    /// The bytes to send first: the wished format, if any, and the call.
    public var opening: [UInt8] {
        var bytes: [UInt8] = []
        if let format = call.format {
            let words: [JSON] = [.string("--format"), .string(format.rawValue)]
            bytes +=
                RPCMessage.request(
                    method: "set-options", parameters: words, id: Self.formatID
                ).bytes
        }
        return bytes
            + RPCMessage.request(
                method: call.command, parameters: call.arguments.map { .string($0) },
                id: Self.callID
            ).bytes
    }

    /// Takes bytes that the daemon sent.
    ///
    /// - Returns: `nil` if more are needed.
    /// - Throws: What is not as it should be, as a sentence about "it".
    public mutating func receive(_ bytes: [UInt8]) throws(AppctlAnswerError) -> Outcome? {
        input.append(bytes)
        while let message = try next() {
            switch message {
            case .reply(let result, Self.callID):
                return .success(output: output(result))
            case .failure(let error, Self.callID), .failure(let error, Self.formatID):
                return .refusal(text: error.string ?? error.text)
            case .reply(_, Self.formatID):
                continue
            case .reply, .failure, .request, .notification:
                throw AppctlAnswerError("it sent what nobody had asked for: \(message.json.text)")
            }
        }
        return nil
    }

    private func output(_ result: JSON) -> String {
        guard call.format != .json, let text = result.string else { return result.text + "\n" }
        return text
    }

    private mutating func next() throws(AppctlAnswerError) -> RPCMessage? {
        do {
            guard let json = try input.next() else { return nil }
            return try RPCMessage(parsing: json)
        } catch {
            throw AppctlAnswerError("\(error)")
        }
    }
}

/// An answer that is none.
public struct AppctlAnswerError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
