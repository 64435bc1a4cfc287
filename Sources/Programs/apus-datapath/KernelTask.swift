// Where the kernel runs a thread. For reports only.

import Glibc

enum KernelTask {
    /// The calling thread's number, as `gettid` says; 0 if the kernel does not say.
    static var number: Int32 {
        var path = [CChar](repeating: 0, count: 64)
        // Safe: at most 63 bytes are written; the last stays 0.
        let count = unsafe readlink("/proc/thread-self", &path, 63)
        let text = String(decoding: path.prefix(max(count, 0)).map(UInt8.init), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { Int32($0) } ?? 0
    }

    /// The processor that a thread of this process runs on; 0 if the kernel does not say. Reads a
    /// file.
    ///
    /// - Parameter number: As `number` says.
    static func processor(of number: Int32) -> Int {
        guard let file = unsafe fopen("/proc/self/task/\(number)/stat", "r") else { return 0 }
        // Safe here and below: the file is open, and `line` lives through the call.
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 1024)
        guard unsafe fgets(&line, 1024, file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        // proc(5): the name, in parentheses, is the second of the fields; this is the 39th.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 36 ? Int(fields[36]) ?? 0 : 0
    }
}
