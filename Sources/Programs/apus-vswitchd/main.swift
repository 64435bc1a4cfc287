// apus-vswitchd: the userspace half. Introduces the machine of Bridges to sockets and the clock.

import ArgumentParser
import Daemon

struct ApusVswitchd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-vswitchd",
        abstract: "Keeps the OpenFlow tables and tells the datapath what to do. Needs no root.",
        version: DaemonOptions.version(of: VswitchdDaemon.name))

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var tls: TLSOptions

    @Argument(
        help: ArgumentHelp(
            "Where the database is: unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT. Without it: "
                + "unix:db.sock in the run directory.", valueName: "DATABASE"))
    var database: String?

    func run() throws {
        let process = try DaemonProcess.start(name: VswitchdDaemon.name, options: daemon)
        do {
            try VswitchdDaemon.serve(process, database: database, tls: tls.files())
            process.finish()
        } catch {
            process.finish()
            throw error
        }
    }
}

ApusVswitchd.main(DaemonOptions.spelledOut(CommandLine.arguments.dropFirst()))
