// Which thread may do what: the hub's hears peers and must never wait, for everybody waits for it.

import Bridges

extension SwitchEvent {
    /// Whether the machine may be told of it on the hub's thread: it asks for nothing of the kernel
    /// or the hub that takes time, save what `SwitchEffect.waits` names.
    var isForAnyThread: Bool {
        switch self {
        case .sessionReceived, .datapathSaid: true
        default: false
        }
    }

    var isEndOfDatapath: Bool {
        if case .datapathClosed = self { true } else { false }
    }
}

extension SwitchEffect {
    /// Whether to carry it out takes time, or waits for the hub's thread.
    var waits: Bool {
        switch self {
        case .listen, .stopListening, .connect, .connectDatabase, .useTLS, .connectDatapath,
            .closeDatapath, .watchLinks, .makeLink, .removeLink, .removeStrayLinks:
            true
        case .sendDatabase, .closeDatabase, .sendDatapath, .answerUpcalls, .sendSession,
            .closeSession, .answer, .answerJSON, .log:
            false
        }
    }
}
