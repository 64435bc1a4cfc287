// Which stream is which client.

import DatabaseEngine
import Streams

/// Numbers streams in the order in which they came, for the engine and for the log.
struct Clients {
    private var sessions: [StreamID: SessionID] = [:]
    private var streams: [SessionID: StreamID] = [:]
    private var lastNumber: UInt64 = 0

    mutating func add(_ stream: StreamID) -> SessionID {
        lastNumber += 1
        let session = SessionID(lastNumber)
        sessions[stream] = session
        streams[session] = stream
        return session
    }

    mutating func remove(_ stream: StreamID) -> SessionID? {
        guard let session = sessions.removeValue(forKey: stream) else { return nil }
        streams[session] = nil
        return session
    }

    func session(of stream: StreamID) -> SessionID? { sessions[stream] }
    func stream(of session: SessionID) -> StreamID? { streams[session] }
}
