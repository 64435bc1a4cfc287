// What `ovs-ofctl --help` prints.

public enum OfctlHelp {
    public static let text = """
        ovs-ofctl: looks at and changes the flow tables of a bridge, by OpenFlow 1.0 or 1.3
        usage: ovs-ofctl [OPTION...] COMMAND BRIDGE [ARGUMENT...]
        BRIDGE is a bridge's name, unix:PATH, or tcp:HOST[:PORT].

          show BRIDGE                         the switch and its ports
          dump-desc BRIDGE                    who made it
          dump-tables BRIDGE                  statistics of tables
          dump-ports BRIDGE [PORT]            statistics of ports
          dump-ports-desc BRIDGE              descriptions of ports
          dump-flows BRIDGE [FLOW]            rules, or those that FLOW selects
          dump-aggregate BRIDGE [FLOW]        their counters together
          add-flow BRIDGE FLOW                adds a rule
          add-flows BRIDGE FILE               adds a rule for each line of FILE (-: standard input)
          mod-flows BRIDGE FLOW               changes the actions of rules
          del-flows BRIDGE [FLOW]             deletes rules, or all
          packet-out BRIDGE PORT ACTIONS PACKET...
          packet-out BRIDGE "in_port=PORT packet=PACKET actions=ACTIONS"
          monitor BRIDGE [MISS-LEN]           prints packets sent to the controller until killed
          probe BRIDGE                        whether the switch answers
          ping BRIDGE                         how fast it answers, ten times

        options:
          -O, --protocols=VERSION,...  OpenFlow10, OpenFlow13 (default: what the switch speaks)
          --strict                     mod-flows and del-flows: exactly the rule given
          --names                      print ports by name
          --no-stats                   dump-flows: without counters
          -T, --timeout=SECONDS        give up after this time (default 5; monitor: never)
          -h, --help; -V, --version

        """
}
