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
    private var nesting = Nesting()
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
        guard try scan() else { return nil }
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

    /// Looks at bytes up to the end of a message.
    ///
    /// - Returns: Whether one ends at `scanned`; if not, all bytes have been looked at.
    private mutating func scan() throws(JSONError) -> Bool {
        let held = buffer
        let bytes = held.span
        var place = scanned
        var nesting = nesting
        if nesting.depth == 0 {
            while place < bytes.count, isWhiteSpace(bytes[place]) { place += 1 }
            start = place
        }
        let end = min(bytes.count, start + messageByteCountMax)
        var isWhole = false
        while place < end, !isWhole {
            isWhole = try nesting.ends(with: bytes[place], at: place - start)
            place += 1
        }
        (scanned, self.nesting) = (place, nesting)
        guard isWhole || place == bytes.count else {
            throw JSONError(.tooLong, at: place - start)
        }
        return isWhole
    }
}

/// Counts brackets outside of strings.
private struct Nesting {
    private(set) var depth = 0
    private var isInString = false
    private var isEscaped = false

    /// Takes the next byte, which is no white space if it is the first of a message.
    ///
    /// - Returns: Whether it is the last of the message.
    mutating func ends(with byte: UInt8, at position: Int) throws(JSONError) -> Bool {
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
                throw JSONError(.tooDeep, at: position)
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
