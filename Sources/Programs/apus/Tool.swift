// What a tool is to the program, and the little it needs of the machine it runs on. No Foundation:
// people feel how long a tool takes to start.

import Glibc
import Product

/// One of the tools in this program.
struct Tool: Sendable {
    /// Without `ovs-`.
    let name: String
    /// One line for `apus --help`.
    let summary: String
    /// Does the work with the words after the tool's name, and returns the exit code.
    let run: @Sendable ([String]) -> Int32
}

func helpText(_ tools: [Tool]) -> String {
    let lines = tools.map { "  apus \($0.name) ...  or  ovs-\($0.name) ...\n      \($0.summary)\n" }
    return "usage: apus TOOL [ARGUMENT...], or by a link with the tool's own name\n\n"
        + lines.joined() + "\nEach tool has --help. apus --version says the version.\n"
}

/// Where the daemons' sockets and pid files are.
var rundir: String { variable("OVS_RUNDIR") ?? Product.rundir }

/// A variable of the environment; an empty one counts as none.
func variable(_ name: String) -> String? {
    // Safe: nobody changes the environment of a tool, and the value is copied at once.
    guard let value = unsafe getenv(name) else { return nil }
    let text = unsafe String(cString: value)
    return text.isEmpty ? nil : text
}

func printOut(_ text: String) { print(text, to: 1) }
func printError(_ text: String) { print(text, to: 2) }

/// Writes all of it. If nobody reads any more there is nobody to tell.
private func print(_ text: String, to descriptor: Int32) {
    var left = Array(text.utf8)[...]
    while !left.isEmpty {
        // Safe: the call reads the array's own bytes while they are lent.
        let count = unsafe left.withUnsafeBytes {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
        guard count > 0 || errno == EINTR else { return }
        left = left.dropFirst(max(0, count))
    }
}

/// The first `byteCountMax` bytes of a file, or the error number.
func readFile(_ path: String, byteCountMax: Int) -> Result<[UInt8], SystemError> {
    // Safe: Swift lends the call a C string.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count < byteCountMax {
        var piece = [UInt8](repeating: 0, count: min(65_536, byteCountMax - bytes.count))
        // Safe: at most as many bytes are written as the array has.
        let count = unsafe read(descriptor, &piece, piece.count)
        guard count >= 0 else { return .failure(SystemError(code: errno)) }
        guard count > 0 else { break }
        bytes += piece.prefix(count)
    }
    return .success(bytes)
}

/// An error of the system, with its phrase.
struct SystemError: Error, CustomStringConvertible {
    let code: Int32

    // Safe: glibc returns a string that this thread may read until its next call.
    var description: String { unsafe String(cString: strerror(code)) }
}

/// Why a tool gives up, as a sentence for its user.
struct ToolFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
