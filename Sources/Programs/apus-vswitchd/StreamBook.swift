// Which stream is whose.

import Bridges
import Channel
import Streams

/// Translates between streams of the hub and the machine's words.
struct StreamBook {
    /// The stream to the database, from the attempt on.
    var database: StreamID?
    /// What our own datapath says; the kernel's module is no stream.
    var datapath: StreamID?
    private var purposes: [ListenerID: ListenerPurpose] = [:]
    private var sessions: [StreamID: SessionID] = [:]
    private var byID: [SessionID: StreamID] = [:]
    private var lastSession: UInt64 = 0

    func stream(of session: SessionID) -> StreamID? { byID[session] }

    func purpose(of listener: ListenerID) -> ListenerPurpose? { purposes[listener] }

    mutating func remember(_ listener: ListenerID, _ purpose: ListenerPurpose) {
        purposes[listener] = purpose
    }

    mutating func remember(_ stream: StreamID, _ session: SessionID) {
        sessions[stream] = session
        byID[session] = stream
    }

    /// The listener that stood for `purpose`.
    mutating func forget(_ purpose: ListenerPurpose) -> ListenerID? {
        guard let listener = purposes.first(where: { $0.value == purpose })?.key else { return nil }
        purposes[listener] = nil
        return listener
    }

    /// What an event of the hub means; nil: nothing, as of streams that were given up.
    mutating func event(_ event: StreamEvent) -> SwitchEvent? {
        switch event {
        case .accepted(let stream, let listener, let peer):
            lastSession += 1
            let session = SessionID(lastSession)
            remember(stream, session)
            guard let purpose = purposes[listener] else { return nil }
            return .sessionAccepted(session, purpose, peer: peer)
        case .connected(let stream):
            if stream == database { return .databaseOpened }
            return sessions[stream].map { .sessionConnected($0) }
        case .received(let stream, let bytes):
            if stream == database { return .databaseReceived(bytes) }
            if stream == datapath { return .datapathSaid(ChannelConnection.replies(in: bytes)) }
            guard let session = sessions[stream] else { return nil }
            return .sessionReceived(session, bytes)
        case .distrusted:
            return nil
        case .closed(let stream, let reason):
            if stream == database {
                database = nil
                return .databaseClosed(reason: reason)
            }
            if stream == datapath {
                datapath = nil
                return .datapathClosed(reason: reason)
            }
            guard let session = sessions.removeValue(forKey: stream) else { return nil }
            byID[session] = nil
            return .sessionClosed(session, reason: reason)
        }
    }
}
