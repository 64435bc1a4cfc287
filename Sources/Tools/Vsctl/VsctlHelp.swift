// What `--help` says. Commands come from the same table by which they are read, so none is missing.

public enum VsctlHelp {
    /// - Parameter database: Where the database is by default, as `unix:PATH`.
    public static func text(database: String) -> String {
        var text = """
            ovs-vsctl: looks at and changes the configuration of the switch
            usage: ovs-vsctl [OPTIONS] COMMAND [ARG...] [-- [OPTIONS] COMMAND [ARG...]]...

            All commands of one line are one change: all of them happen, or none.

            """
        for (heading, commands) in VsctlCommand.groups {
            text += "\n\(heading):\n"
            for command in commands { text += "  \(syntax(of: command))\n" }
        }
        return text + """

            Names of tables and columns may be cut short and written with - for _.
            A RECORD is a name, a UUID or its first four digits, or . for the only one.

            log, undo and diff are not in Open vSwitch. log and undo read the database's file: the
            one that the server names, or --file; undo takes back the last transaction, or the one
            of that number in the log, if it still applies. diff shows what the commands in FILE, a
            line each, would change, and changes nothing.

            Options:
              --db=DATABASE           where the database is (default: \(database))
              --no-wait               do not wait until ovs-vswitchd has taken the change over
              -t, --timeout=SECONDS   wait so long at most (default: 5, or OVS_CTL_TIMEOUT;
                                      wait-until by default waits for ever)
              --retry                 keep trying to connect until the time is over
              --dry-run               change nothing, but tell whether it could be done
              --oneline               print exactly one line for each command
              -f, --format=FORMAT     records as list, table, csv, json or html; with json every
                                      command prints {"data":[[...],...],"headings":[...]}
              -d, --data=FORMAT       values as string, bare or json
              -p, --private-key=FILE, -c, --certificate=FILE, -C, --ca-cert=FILE,
              --bootstrap-ca-cert=FILE, --peer-ca-cert=FILE, --ssl-protocols=LIST,
              --ssl-ciphers=LIST      keys and certificates for ssl:
              --no-headings, --bare, --pretty, --max-column-width=BYTES
              -h, --help              this text
              -V, --version           the version

            Exit status: 0 done; 1 not done; 2 br-exists: no such bridge; 65 saved, but an interface
            could not be set up; 142 the time was over (the message says what is known).

            """
    }

    private static func syntax(of command: VsctlCommand) -> String {
        let options = command.options.map { "[\($0.name)\($0.takesValue ? "=…" : "")]" }
        return (options + [command.name, command.usage]).filter { !$0.isEmpty }
            .joined(separator: " ")
    }
}
