// Why a daemon cannot start.

import Glibc

/// One sentence for the operator: what, where, which number, what to do.
public struct DaemonError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The system's phrase for an error number.
func systemPhrase(_ code: Int32) -> String {
    // Safe: glibc returns a string that this thread may read until its next call.
    unsafe String(cString: strerror(code))
}
