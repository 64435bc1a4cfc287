// Cuts a stream of bytes into messages.

/// Collects what a connection receives and gives out whole messages, in order.
///
/// Holds at most one message that is not complete (65,535 bytes) plus what was fed since the last
/// call of `next`: drain it after each read.
public struct OpenFlowFraming: Sendable {
    /// The stream cannot be followed any further: a header names a length below its own 8 bytes.
    /// The only remedy is to close the connection.
    public struct Broken: Error, Hashable, Sendable {
        public var length: UInt16
    }

    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    public mutating func feed(_ bytes: some Sequence<UInt8>) {
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message; nil: more bytes are needed. O(length of the message).
    public mutating func next() throws(Broken) -> [UInt8]? {
        let available = buffer.count - start
        guard available >= Limits.headerByteCount else { return nil }
        let length = UInt16(buffer[start + 2]) << 8 | UInt16(buffer[start + 3])
        guard length >= Limits.headerByteCount else { throw Broken(length: length) }
        guard available >= Int(length) else { return nil }
        defer { start += Int(length) }
        return Array(buffer[start..<(start + Int(length))])
    }
}
