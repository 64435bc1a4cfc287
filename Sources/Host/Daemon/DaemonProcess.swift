// The life of a daemon, in the order in which it happens.
//
//     let process = try DaemonProcess.start(name: "ovs-vswitchd", options: daemon)   // 1
//     … make loggers, the hub, the control server, the machine …
//     try process.ready()                                                            // 2
//     while true {
//         let turn = loop.wait(until: machine.deadline)                              // 3
//         if turn.isStopRequested { break }
//         …
//     }
//     … close the control server and the hub …
//     process.finish()                                                               // 4

import CProcess
import Glibc
import Logging

/// Lives on the main thread.
public final class DaemonProcess {
    /// As tools know it: `ovsdb-server`, `ovs-vswitchd`, `apus-datapath`.
    public let name: String
    public let places: Places
    /// Where the control socket is to be; `nil` if none is wanted.
    public let controlSocketPath: String?

    let log: Log
    /// Readable when a signal has come.
    let signalDescriptor: Int32
    private let pidFile: PidFile
    private let detachment: Detachment?
    private let changesDirectory: Bool
    private let logger: Logger
    private var isFinished = false
    /// Set by the control server once it listens.
    var hasControlSocket = false

    /// Detaches if that is wanted, takes the pid file, starts logging, and takes over the signals.
    ///
    /// Must be called before any thread exists, and once: it forks, and threads that are started
    /// later inherit that SIGTERM, SIGINT and SIGHUP are not for them.
    ///
    /// - Throws: A sentence for the operator, also if another instance runs in the same place.
    public static func start(
        name: String, options: DaemonOptions, places: Places = .fromEnvironment()
    ) throws(DaemonError) -> DaemonProcess {
        // Made absolute before the directory may change.
        let pidPath = Places.absolute(
            named(options.pidfile) ?? "\(name).pid", in: places.rundir)
        try Places.create(places.rundir)
        let detachment = options.detach ? try Detachment.begin(name) : nil
        let pidFile = try PidFile.take(
            pidPath, for: name, overwriting: options.overwritePidfile)
        do throws(DaemonError) {
            let log = Log()
            log.takeOver()
            for specification in options.verbose { try log.apply(specification) }
            if let path = try logPath(name, options, places) { try log.open(path) }
            let signals = process_signals()
            guard signals >= 0 else {
                throw DaemonError("cannot take over the signals: \(systemPhrase(errno))")
            }
            return DaemonProcess(
                name: name, options, places, log, signals, pidFile, detachment)
        } catch {
            pidFile.remove()
            throw error
        }
    }

    private init(
        name: String, _ options: DaemonOptions, _ places: Places, _ log: Log, _ signals: Int32,
        _ pidFile: PidFile, _ detachment: Detachment?
    ) {
        self.name = name
        self.places = places
        self.log = log
        signalDescriptor = signals
        self.pidFile = pidFile
        self.detachment = detachment
        changesDirectory = !options.noChdir
        logger = Logger(label: "daemon")
        controlSocketPath =
            switch options.unixctl {
            case "none": nil
            case nil: "\(places.rundir)/\(name).\(getpid()).ctl"
            case let path?: Places.absolute(path, in: places.rundir)
            }
    }

    /// Says that everything is open and loaded: `--detach` returns to the shell now.
    public func ready() throws(DaemonError) {
        if detachment != nil { log.closeConsole() }
        logger.info("\(DaemonOptions.version(of: name)) is ready, process \(getpid())")
        guard let detachment else { return }
        try detachment.finish(changingDirectory: changesDirectory)
    }

    /// Removes the pid file. The last thing to do, when all sockets are closed.
    ///
    /// A daemon that cannot start just throws: the end of the object removes its files too.
    public func finish() {
        guard !isFinished else { return }
        isFinished = true
        logger.info("stopped")
        if hasControlSocket, let path = controlSocketPath {
            // Safe: Swift lends the call a C string. Usually the server has removed it already.
            unsafe unlink(path)
        }
        pidFile.remove()
    }

    deinit { finish() }

    /// Takes the signals that have come.
    ///
    /// - Returns: Whether one of them wants the daemon to stop. SIGHUP reopens the log file.
    func takeSignals() -> Bool {
        var isStopRequested = false
        while true {
            switch process_next_signal(signalDescriptor) {
            case 0: return isStopRequested
            case SIGHUP: reopenLog()
            case let signal:
                logger.info("asked to stop by signal \(signal)")
                isStopRequested = true
            }
        }
    }

    private func reopenLog() {
        do throws(DaemonError) {
            try log.reopen()
        } catch {
            logger.error("\(error)")
        }
    }

    private static func named(_ value: String?) -> String? {
        value == DaemonOptions.byDefault ? nil : value
    }

    /// A detached daemon has no terminal, so it logs to its file unless another one is named.
    private static func logPath(
        _ name: String, _ options: DaemonOptions, _ places: Places
    ) throws(DaemonError) -> String? {
        if let path = named(options.logFile) {
            return Places.absolute(path, in: places.logdir)
        }
        guard options.logFile != nil || options.detach else { return nil }
        try Places.create(places.logdir)
        return "\(places.logdir)/\(name).log"
    }
}
