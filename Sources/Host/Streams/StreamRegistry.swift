// Who is connected, and how much is on its way to whom.
//
// The one thing that callers' threads and the hub's thread share; held under the hub's lock, and
// only for as long as one look-up takes.

import NIOCore

struct StreamRegistry {
    /// One stream, from the moment it has a name until it has closed.
    private struct Stream {
        /// `nil` until the connection stands.
        var channel: (any Channel)?
        var listener: ListenerID?
        var unsentByteCount = 0
        /// Pieces whose turn to be written comes in a later task of the hub's thread.
        var queuedCount = 0
        /// Sent before the connection stood.
        var early: [[UInt8]] = []
        /// Why it will close, once somebody has decided that it shall.
        var endReason: String?
        /// Whether the consumer has heard of it.
        var isAnnounced: Bool
    }

    struct Listener {
        var channel: any Channel
        var file: UnixSocketFile?
    }

    /// What becomes of bytes to be sent. Those `atOnce` may be written by the hub's thread without
    /// a task of their own, for nothing waits before them.
    enum Reservation { case queued, atOnce, overflowed, refused }

    private var streams: [StreamID: Stream] = [:]
    private var listeners: [ListenerID: Listener] = [:]
    private var streamCounts: [ListenerID: Int] = [:]
    private var lastNumber: UInt64 = 0
    private var isShuttingDown = false
    var counters = StreamCounters()

    mutating func addConnecting() -> StreamID {
        let id = StreamID(number: nextNumber())
        streams[id] = Stream(isAnnounced: true)
        return id
    }

    /// - Returns: `nil` if the listener has as many streams as it may, or is closed.
    mutating func addAccepted(by listener: ListenerID, _ limits: StreamLimits) -> StreamID? {
        guard let count = streamCounts[listener], !isShuttingDown else { return nil }
        guard count < limits.streamsPerListenerMax else {
            counters.refusedCount += 1
            return nil
        }
        let id = StreamID(number: nextNumber())
        streams[id] = Stream(listener: listener, isAnnounced: false)
        streamCounts[listener] = count + 1
        counters.acceptedCount += 1
        return id
    }

    /// - Returns: `nil` if the stream was closed before its connection stood.
    mutating func open(
        _ id: StreamID, _ channel: any Channel
    ) -> (listener: ListenerID?, early: [[UInt8]])? {
        guard !isShuttingDown, let stream = streams[id] else { return nil }
        streams[id]?.channel = channel
        streams[id]?.isAnnounced = true
        streams[id]?.early = []
        return (stream.listener, stream.early)
    }

    /// Whether received bytes still matter.
    func isLive(_ id: StreamID) -> Bool { streams[id].map { $0.endReason == nil } ?? false }

    /// - Parameter isAnswer: Whether the hub's thread is waiting to write it.
    mutating func reserve(
        _ byteCount: Int, on id: StreamID, _ limits: StreamLimits, isAnswer: Bool
    ) -> Reservation {
        guard let place = streams.index(forKey: id), streams.values[place].endReason == nil else {
            return .refused
        }
        let unsent = streams.values[place].unsentByteCount + byteCount
        guard unsent <= limits.unsentByteCountMax else {
            streams.values[place].endReason =
                "the peer does not read: \(unsent) bytes are unsent, "
                + "\(limits.unsentByteCountMax) allowed"
            counters.overflowedCount += 1
            return .overflowed
        }
        streams.values[place].unsentByteCount = unsent
        let isFree = streams.values[place].queuedCount == 0 && streams.values[place].channel != nil
        guard !isAnswer || !isFree else { return .atOnce }
        streams.values[place].queuedCount += 1
        return .queued
    }

    /// A task that writes a queued piece has begun.
    mutating func unqueue(_ id: StreamID) { streams[id]?.queuedCount -= 1 }

    /// Bytes have been written.
    ///
    /// - Returns: The channel, if it shall close and has nothing left to say.
    mutating func release(_ byteCount: Int, on id: StreamID) -> (any Channel)? {
        guard let place = streams.index(forKey: id) else { return nil }
        streams.values[place].unsentByteCount -= byteCount
        return streams.values[place].endReason == nil ? nil : channelToClose(id)
    }

    /// The channel to write to; without one yet, the bytes are kept for it.
    mutating func channelOrKeep(
        _ bytes: [UInt8], for id: StreamID
    ) -> (isKept: Bool, channel: (any Channel)?) {
        guard let stream = streams[id] else { return (false, nil) }
        guard let channel = stream.channel else {
            streams[id]?.early.append(bytes)
            return (true, nil)
        }
        return (false, channel)
    }

    /// Notes why a stream closes, unless a reason is noted already.
    ///
    /// - Returns: Whether this is the reason.
    mutating func end(_ id: StreamID, reason: String) -> Bool {
        guard let stream = streams[id], stream.endReason == nil else { return false }
        streams[id]?.endReason = reason
        return true
    }

    func channel(of id: StreamID) -> (isKnown: Bool, channel: (any Channel)?) {
        (streams[id] != nil, streams[id]?.channel)
    }

    /// The channel of a stream that shall close and has nothing left to say.
    func channelToClose(_ id: StreamID) -> (any Channel)? {
        guard let stream = streams[id], stream.endReason != nil, stream.unsentByteCount == 0
        else { return nil }
        return stream.channel
    }

    /// - Returns: The reason to tell the consumer; `nil` if it has heard already, or never heard of
    ///   the stream.
    mutating func remove(_ id: StreamID, reason: String) -> String? {
        guard let stream = streams.removeValue(forKey: id) else { return nil }
        if let listener = stream.listener, let count = streamCounts[listener] {
            streamCounts[listener] = count - 1
        }
        return stream.isAnnounced ? stream.endReason ?? reason : nil
    }

    /// Notes that a stream cannot go on.
    ///
    /// - Returns: The listener and the reason, if the consumer has never heard of the stream, which
    ///   is then forgotten.
    mutating func fail(
        _ id: StreamID, reason: String
    ) -> (listener: ListenerID, reason: String)? {
        guard let stream = streams[id] else { return nil }
        let reason = stream.endReason ?? reason
        streams[id]?.endReason = reason
        guard !stream.isAnnounced, let listener = stream.listener else { return nil }
        counters.distrustedCount += 1
        _ = remove(id, reason: reason)
        return (listener, reason)
    }

    mutating func addListener() -> ListenerID? {
        guard !isShuttingDown else { return nil }
        let id = ListenerID(number: nextNumber())
        streamCounts[id] = 0
        return id
    }

    /// - Returns: Whether it is still wanted.
    mutating func setListener(_ id: ListenerID, _ listener: Listener) -> Bool {
        guard !isShuttingDown, streamCounts[id] != nil else { return false }
        listeners[id] = listener
        return true
    }

    func listener(_ id: ListenerID) -> Listener? { listeners[id] }

    mutating func removeListener(_ id: ListenerID) -> Listener? {
        streamCounts[id] = nil
        return listeners.removeValue(forKey: id)
    }

    mutating func beginShutdown() -> Bool {
        defer { isShuttingDown = true }
        return !isShuttingDown
    }

    mutating func takeAll() -> (streams: [any Channel], listeners: [Listener]) {
        defer { (streams, listeners, streamCounts) = ([:], [:], [:]) }
        return (streams.values.compactMap(\.channel), Array(listeners.values))
    }

    private mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }
}
