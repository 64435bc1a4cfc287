// What `ovs-ofctl --help` prints.

public enum OfctlHelp {
    public static let text = """
        ovs-ofctl: looks at and changes the flow tables of a bridge, by OpenFlow 1.0 to 1.5
        usage: ovs-ofctl [OPTION...] COMMAND BRIDGE [ARGUMENT...]
        BRIDGE is a bridge's name, unix:PATH, or tcp:HOST[:PORT].

          show BRIDGE                         the switch and its ports
          dump-desc BRIDGE                    who made it
          dump-tables, dump-table-desc, dump-table-features BRIDGE
          dump-ports, dump-ports-desc BRIDGE [PORT]
          dump-flows, dump-aggregate BRIDGE [FLOW]   rules, or their counters together
          add-flow BRIDGE FLOW                adds a rule
          add-flows BRIDGE FILE               adds a rule for each line of FILE (-: standard input)
          mod-flows BRIDGE FLOW               changes the actions of rules
          del-flows BRIDGE [FLOW]             deletes rules, or all
          replace-flows BRIDGE FILE           makes the rules those of FILE
          diff-flows SOURCE SOURCE            compares rules of bridges or files
          bundle BRIDGE FILE                  flow, group and packet-out lines, all or nothing
          add-group, mod-group BRIDGE GROUP; add-groups BRIDGE FILE; del-groups BRIDGE [GROUP]
          insert-buckets, remove-buckets BRIDGE GROUP
          dump-groups, dump-group-stats BRIDGE [GROUP]; dump-group-features BRIDGE
          add-meter, mod-meter BRIDGE METER; del-meters BRIDGE [METER]
          dump-meters, meter-stats BRIDGE [METER]; meter-features BRIDGE
          mod-port BRIDGE PORT up|down|[no-]receive|flood|forward|packet-in|stp
          mod-table BRIDGE TABLE controller|continue|drop|evict|noevict|vacancy:LOW,HIGH|novacancy
          queue-stats BRIDGE [PORT [QUEUE]]; queue-get-config BRIDGE [PORT]
          get-frags BRIDGE; set-frags BRIDGE normal|drop|reassemble|nx-match
          packet-out BRIDGE PORT ACTIONS PACKET...
          packet-out BRIDGE "in_port=PORT packet=PACKET actions=ACTIONS"
          monitor BRIDGE [MISS-LEN] [watch:WHAT]   prints packets and changes until killed
          snoop BRIDGE                        prints what it and its controllers say
          add-tlv-map, del-tlv-map, dump-tlv-map, dump-ipfix-bridge, dump-ipfix-flow
          ct-flush-zone BRIDGE ZONE; ct-flush BRIDGE [zone=ZONE]
          ofp-parse FILE                      prints the OpenFlow messages in a file
          ofp-parse-pcap FILE [TCP-PORT...]   prints those in captured packets
          probe BRIDGE; ping BRIDGE; benchmark BRIDGE BYTES COUNT

        options:
          -O, --protocols=VERSION,...  OpenFlow10 to OpenFlow15 (default: the best that the switch
                                       speaks up to 14, or what the command needs)
          --strict                     mod-flows and del-flows: exactly the rule given
          --bundle                     changes take effect together or not at all
          --may-create                 mod-group: adds what is not there
          --names                      print ports by name
          --no-stats                   dump-flows: without counters
          --sort[=FIELD], --rsort[=FIELD]   dump-flows: by priority, or by a field
          -f, --format=json            dumps as JSON
          -t, --timeout=SECONDS        give up after this time (default 5; monitor: never)
          -h, --help; -V, --version

        """
}
