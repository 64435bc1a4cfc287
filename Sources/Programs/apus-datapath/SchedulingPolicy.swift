// When the datapath runs, if processors are short.
//
// The programs whose packets it carries compete with it for the same processors. Waking for each
// frame at once, ahead of them, is not kind: it interrupts the sender, finds one frame where there
// could be eight, and pays the price of a system call for each. So the worker asks to be treated as
// a batch job: it runs as soon as a processor is free, and does not push others off one. An idle
// machine answers as fast as before. Measured with TCP on two cores, as a share of the Linux
// bridge's: with the highest niceness 0.50 to 0.55, as an ordinary process 0.61 to 0.68, as a batch
// job 0.64 to 0.70.

import Glibc

// The control plane has it the other way round (`Niceness`): it is asked seldom, and others wait.

enum SchedulingPolicy {
    /// `SCHED_BATCH` of sched(7).
    private static let batch: Int32 = 3

    /// Makes the calling thread a batch job.
    ///
    /// - Returns: Whether the kernel agreed; if not, nothing has changed.
    static func runInBatches() -> Bool {
        var parameters = sched_param(sched_priority: 0)
        // Safe: `parameters` lives through the call.
        return unsafe sched_setscheduler(0, batch, &parameters) == 0
    }

    /// For `processor(ofTask:)`.
    static var taskOfThisThread: Int32 {
        var path = [CChar](repeating: 0, count: 64)
        // Safe: at most 63 bytes are written; the last stays 0.
        let count = unsafe readlink("/proc/thread-self", &path, 63)
        let text = String(decoding: path.prefix(max(count, 0)).map(UInt8.init), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { Int32($0) } ?? 0
    }

    /// The processor that a thread of this process runs on; 0 if the kernel does not say. For
    /// reports: reads a file.
    ///
    /// - Parameter task: As `gettid` says.
    static func processor(ofTask task: Int32) -> Int {
        guard let file = unsafe fopen("/proc/self/task/\(task)/stat", "r") else { return 0 }
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
