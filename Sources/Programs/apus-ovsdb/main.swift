// apus-ovsdb: the OVSDB server. Introduces the engine to the log, the sockets and the clock.

import ArgumentParser
import Daemon
import DatabaseProtocol
import Glibc

struct ApusOVSDB: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-ovsdb",
        abstract: "Serves the switch's configuration database to ovs-vsctl and ovs-vswitchd.",
        discussion: "The FILE of --private-key, --certificate, --ca-cert and --bootstrap-ca-cert "
            + "may also be db:DATABASE,TABLE,COLUMN: then it is the one that the column names.",
        version: DaemonOptions.version(of: DatabaseDaemon.name))

    @Option(
        help: ArgumentHelp(
            "Listen at REMOTE (punix:PATH, ptcp:PORT[:HOST], pssl:PORT[:HOST]), call it (unix:, "
                + "tcp:, ssl:), or do what a column says (db:DATABASE,TABLE,COLUMN); may be given "
                + "several times. Without it: punix:db.sock in the run directory.",
            valueName: "REMOTE"))
    var remote: [String] = []

    @OptionGroup var tls: TLSOptions

    @Option(
        help: ArgumentHelp(
            "Which transactions are on the disk before they are acknowledged: always all, or "
                + "those that asked for it, as in Open vSwitch.", valueName: "always|asked"))
    var durability = Durability.always

    @Flag(help: "Bring an older file of the switch's database to the present schema first.")
    var convert = false

    @OptionGroup var daemon: DaemonOptions

    @Argument(
        help: ArgumentHelp(
            "A database's file, made for the switch if it is missing; may be given several times. "
                + "Without it: conf.db in the database directory.", valueName: "DATABASE"))
    var database: [String] = []

    func run() throws {
        let process = try DaemonProcess.start(name: DatabaseDaemon.name, options: daemon)
        do {
            let wishes = DatabaseDaemon.Wishes(
                remotes: remote, databasePaths: database, durability: durability,
                convertsOwnSchema: convert, tls: try tls.sources(.openVSwitch),
                tlsExtras: tls.extras)
            try DatabaseDaemon.serve(process, wishes)
            process.finish()
        } catch {
            process.finish()
            throw error
        }
    }
}

ApusOVSDB.main(DaemonOptions.spelledOut(CommandLine.arguments.dropFirst()))
