import Glibc

// Why the channel cannot be used, with what an operator can do about it.

public enum ChannelError: Error, Hashable, Sendable {
    /// The path is empty or longer than a unix socket's may be.
    case invalidPath(String)
    /// Somebody answers on the path already.
    case alreadyServed(String)
    /// A file stands at the path that is not a socket.
    case notASocket(String)
    /// Nobody answers on the path; `code` is the errno.
    case notReachable(String, code: Int32)
    /// The other end is gone.
    case closed
    /// More waits to be sent than `ChannelLimits.outgoingByteCountMax`: the peer does not read.
    case overflow(byteCount: Int)
    /// openvswitch.ko is not loaded.
    case noModule
    /// openvswitch.ko refused, with its own sentence if it had one.
    case kernel(String, code: Int32)
    /// The kernel had more to say than the socket holds.
    case lost
    /// A system call failed in a way that has no meaning of its own here.
    case system(call: String, code: Int32)
}

extension ChannelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidPath(let path):
            "\"\(path)\" cannot be the path of a socket "
                + "(1 to \(ChannelLimits.pathByteCountMax) bytes)"
        case .alreadyServed(let path):
            "\(path): another datapath answers here already"
        case .notASocket(let path):
            "\(path) is there and is not a socket; remove it, or choose another run directory"
        case .notReachable(let path, let code):
            "\(path): datapath connection failed (\(errorText(code))); is apus-datapath running?"
        case .closed: "the datapath's connection was closed by the other end"
        case .overflow(let byteCount):
            "the other end does not read: \(byteCount) bytes wait to be sent"
        case .noModule: "openvswitch.ko is not loaded (modprobe openvswitch)"
        case .kernel(let text, let code):
            "openvswitch.ko refused: \(errorText(code))" + (text.isEmpty ? "" : " (\(text))")
        case .lost: "openvswitch.ko had more to say than its socket holds"
        case .system(let call, let code): "\(call) failed: \(errorText(code))"
        }
    }
}

/// The system's words for an errno.
func errorText(_ code: Int32) -> String {
    // strerror returns a terminated string that stays until the next call of this thread.
    unsafe String(cString: strerror(code))
}
