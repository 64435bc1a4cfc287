// apus-datapath: the kernel half. Introduces the forwarding rules to rings, taps and the channel.

import ArgumentParser
import Daemon

struct ApusDatapath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-datapath",
        abstract: "Forwards packets between network interfaces as apus-vswitchd tells it. "
            + "Needs root (CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF).",
        version: DaemonOptions.version(of: DatapathDaemon.name))

    @OptionGroup var daemon: DaemonOptions

    @Flag(
        name: .customLong("no-express"),
        help: "Let every frame come by the rings; the kernel forwards no flow by itself.")
    var noExpress = false

    @Option(
        help: "Threads that forward packets, 1 to 64. Ports are spread over them.")
    var workers = WorkerCount.standard

    @Option(
        help: ArgumentHelp(
            "Interfaces that all workers receive by, flow by flow. Others have one worker each.",
            valueName: "name,name"))
    var spread = ""

    func validate() throws {
        guard WorkerCount.allowed.contains(workers) else {
            throw ValidationError("--workers is 1 to \(WorkerCount.allowed.upperBound)")
        }
    }

    func run() throws {
        let process = try DaemonProcess.start(name: DatapathDaemon.name, options: daemon)
        do {
            let daemon = try DatapathDaemon(
                process, express: !noExpress, workerCount: workers,
                spreads: spread.split(separator: ",").map(String.init))
            try daemon.serve()
            process.finish()
        } catch {
            process.finish()
            throw error
        }
    }
}

ApusDatapath.main(DaemonOptions.spelledOut(CommandLine.arguments.dropFirst()))
