// The back end of swift-log: every daemon logs by `Logger(label: "module")`, and the lines come out
// here, to the terminal, to a file, or to both.
//
// Make loggers after `DaemonProcess.start`; those made before it write nowhere we know of.

import Glibc
import Logging
import Synchronization

/// Where all lines of the process meet. One lock, held for one line: lines never mix.
final class Log: Sendable {
    private struct State {
        var levels = LogLevels()
        var lineCount: UInt64 = 0
        var console: Int32? = 2
        var file: (path: String, descriptor: Int32)?
        /// Lines that could not be written, as when the disk is full.
        var lostCount: UInt64 = 0
    }
    private let state = Mutex(State())

    /// Makes this the back end of all loggers of the process that are made from now on. Traps if
    /// there is one already.
    func takeOver() {
        LoggingSystem.bootstrap { [self] label in ModuleLogHandler(module: label, log: self) }
    }

    func add(_ module: String) { state.withLock { $0.levels.add(module) } }

    func threshold(of module: String) -> Logger.Level {
        state.withLock { $0.levels.threshold(of: module) }
    }

    func apply(_ specification: String) throws(DaemonError) {
        try state.withLock { state throws(DaemonError) in try state.levels.apply(specification) }
    }

    var levelsText: String { state.withLock { $0.levels.text } }

    /// Lines that could not be written; only grows.
    var lostCount: UInt64 { state.withLock { $0.lostCount } }

    /// Logs to a file too, behind what is in it.
    func open(_ path: String) throws(DaemonError) {
        let descriptor = try Self.opened(path)
        state.withLock { $0.file = (path, descriptor) }
    }

    /// Opens the file again under its name, for whoever has moved it away. Without one, does
    /// nothing.
    func reopen() throws(DaemonError) {
        guard let path = state.withLock({ $0.file?.path }) else { return }
        let descriptor = try Self.opened(path)
        let old = state.withLock { state in
            defer { state.file = (path, descriptor) }
            return state.file?.descriptor
        }
        if let old { close(old) }
    }

    /// The terminal is gone.
    func closeConsole() { state.withLock { $0.console = nil } }

    func write(_ level: LogLevel, _ module: String, _ text: String) {
        var time = timespec()
        // Safe: `time` lives during the call. It cannot fail for this clock.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        let moment = UInt64(clamping: time.tv_sec) * 1_000_000_000 + UInt64(clamping: time.tv_nsec)
        state.withLock { state in
            state.lineCount += 1
            let line = LogLine.format(
                moment: moment, number: state.lineCount, module: module, level: level, text: text)
            if let console = state.console, state.levels.level(of: module, at: .console) >= level {
                state.lostCount += Self.write(line, to: console) ? 0 : 1
            }
            if let file = state.file, state.levels.level(of: module, at: .file) >= level {
                state.lostCount += Self.write(line, to: file.descriptor) ? 0 : 1
            }
        }
    }

    private static func write(_ line: String, to descriptor: Int32) -> Bool {
        var line = line
        return line.withUTF8 { bytes in
            // Safe: the call reads the string's own bytes while they are lent.
            unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
        }
    }

    private static func opened(_ path: String) throws(DaemonError) -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
        // Safe: Swift lends the call a C string.
        let descriptor = unsafe Glibc.open(path, flags, 0o640)
        guard descriptor >= 0 else {
            throw DaemonError("cannot log to \(path): \(systemPhrase(errno))")
        }
        return descriptor
    }
}

/// What swift-log asks of a back end, for one module.
struct ModuleLogHandler: LogHandler {
    let module: String
    let log: Log
    var metadata: Logger.Metadata = [:]

    init(module: String, log: Log) {
        self.module = module
        self.log = log
        log.add(module)
    }

    /// Decided by `vlog/set` alone, for all loggers of the module together.
    var logLevel: Logger.Level {
        get { log.threshold(of: module) }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var text = "\(event.message)"
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
        if let error = event.error { text += ": \(error)" }
        log.write(LogLevel(event.level), module, text)
    }
}
