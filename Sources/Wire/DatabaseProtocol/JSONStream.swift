// Where one message ends and the next begins, on a stream without separators.
//
//     chunks   {"id":1,"met | hod":"echo"}{"id" | :2,...
//     texts    `------------------------'`---------- ...
//
// The stream only counts brackets outside of strings; whether what lies between them is JSON is
// the parser's to say. Every byte is looked at once, however the chunks fall.

/// Takes bytes as they arrive and gives back whole JSON texts, each an object or an array.
///
/// After the first error the stream is of no more use (nobody can tell where the next message
/// begins): it throws the same error again, and the connection should be closed.
public struct JSONStream: Sendable {
    private var buffer: [UInt8] = []
    /// Where the message being read begins, and how far it has been looked at.
    private var start = 0
    private var scanned = 0
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var failure: JSONError?
    private let messageByteCountMax: Int

    /// - Parameter messageByteCountMax: Most bytes that one message may have.
    public init(messageByteCountMax: Int = ProtocolLimits.messageByteCountMax) {
        self.messageByteCountMax = messageByteCountMax
    }

    /// Bytes that are held and not yet part of a whole message.
    public var heldByteCount: Int { buffer.count - start }

    /// Adds bytes that arrived. Then call `next` until it returns `nil`.
    public mutating func append(_ chunk: [UInt8]) {
        guard failure == nil else { return }
        if start == buffer.count {
            buffer = chunk
            (start, scanned) = (0, 0)
        } else {
            if start > buffer.count / 2 {
                buffer.removeSubrange(..<start)
                (start, scanned) = (0, scanned - start)
            }
            buffer.append(contentsOf: chunk)
        }
    }

    /// The next whole message, or `nil` if more bytes are needed.
    ///
    /// - Throws: What is wrong; positions count from the message's first byte.
    public mutating func next() throws(JSONError) -> JSON? {
        if let failure { throw failure }
        do throws(JSONError) {
            guard let text = try nextText() else { return nil }
            return try JSON(parsing: text)
        } catch {
            failure = error
            buffer = []
            (start, scanned) = (0, 0)
            throw error
        }
    }

    private mutating func nextText() throws(JSONError) -> [UInt8]? {
        while scanned < buffer.count {
            let byte = buffer[scanned]
            if depth == 0 && isWhiteSpace(byte) {
                scanned += 1
                start = scanned
                continue
            }
            guard scanned - start < messageByteCountMax else {
                throw JSONError(.tooLong, at: scanned - start)
            }
            scanned += 1
            if try endsMessage(byte) {
                // Most chunks are one whole message: no need to copy it.
                guard start > 0 || scanned < buffer.count else {
                    let text = buffer
                    buffer = []
                    (start, scanned) = (0, 0)
                    return text
                }
                defer { start = scanned }
                return Array(buffer[start..<scanned])
            }
        }
        return nil
    }

    private mutating func endsMessage(_ byte: UInt8) throws(JSONError) -> Bool {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return false
        }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            guard depth <= ProtocolLimits.nestingDepthMax else {
                throw JSONError(.tooDeep, at: scanned - 1 - start)
            }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            guard depth >= 0 else { throw JSONError(.notContainer, at: 0) }
            return depth == 0
        default:
            guard depth > 0 else { throw JSONError(.notContainer, at: 0) }
            isInString = byte == UInt8(ascii: "\"")
        }
        return false
    }
}
