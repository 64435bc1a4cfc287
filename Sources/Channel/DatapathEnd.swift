public import DatapathMessages

// The far end of the channel as its user sees it: our datapath process, or the kernel's module.

/// Something that takes requests and answers them. Owned by one thread; nothing here waits.
public protocol DatapathEnd: AnyObject {
    /// For `poll`: readable when something came or the peer left.
    var descriptor: Int32 { get }
    /// Whether to wait until the descriptor is writable, and call `flush` then.
    var wantsToWrite: Bool { get }
    /// Bytes that wait to be sent.
    var unsentByteCount: Int { get }

    /// Adds a request. It leaves at the next `flush`.
    ///
    /// - Throws: `.overflow` if too much waits already: nothing is added.
    func send(_ request: DatapathRequest, sequence: UInt32) throws(ChannelSendError)

    /// As `send(.answerUpcall(answer), sequence: 0)`, for those who send thousands.
    func send(_ answer: UpcallAnswer) throws(ChannelSendError)

    /// Hands over what the other end takes; returns whether that was everything.
    @discardableResult func flush() throws(ChannelError) -> Bool

    /// Reads some of what came and calls `body` for each reply or upcall.
    func receive(
        replies body: (Received<DatapathReply>) -> Void
    ) throws(ChannelError) -> ChannelConnection.Reception
}

extension DatapathEnd {
    public func send(_ answer: UpcallAnswer) throws(ChannelSendError) {
        try send(.answerUpcall(answer), sequence: 0)
    }
}

extension ChannelConnection: DatapathEnd {}
