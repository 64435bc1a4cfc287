internal import Packets
internal import Switching

// `lacp/…` of the control socket, in Open vSwitch's words.

extension Vswitch {
    static let lacpCommands: [ControlCommand] = [
        ControlCommand("lacp/show", "[port]", 0...1),
        ControlCommand("lacp/show-stats", "[port]", 0...1),
    ]

    func answerAboutLACP(
        _ command: String, _ arguments: [String]
    ) throws(ControlError) -> String {
        try lacps(arguments.first).map { name, lacp in
            command == "lacp/show" ? text(of: lacp, name) : counts(of: lacp, name)
        }.joined()
    }

    /// That of the port `wanted`; nil: all, by bridge and then name.
    func lacps(_ wanted: String?) throws(ControlError) -> [(name: String, lacp: LACP)] {
        var all: [(name: String, lacp: LACP)] = []
        for (_, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            for (name, aggregation) in bridge.aggregations.sorted(by: { $0.key < $1.key }) {
                if let lacp = aggregation.lacp { all.append((name, lacp)) }
            }
        }
        if let wanted {
            all = all.filter { $0.name == wanted }
            guard !all.isEmpty else { throw ControlError("no such lacp object") }
        }
        return all
    }

    private func text(of lacp: LACP, _ name: String) -> String {
        let settings = lacp.settings
        let text = """
            ---- \(name) ----
              status: \(settings.isActive ? "active" : "passive")\
            \(lacp.isNegotiated ? " negotiated" : "")
              sys_id: \(settings.system)
              sys_priority: \(settings.systemPriority)
              aggregation key: \(lacp.members.isEmpty ? "none" : "\(lacp.key)")
              lacp_time: \(settings.isFast ? "fast" : "slow")

            """
        return text + lacp.members.map { self.text(of: $0, in: lacp) }.joined()
    }

    private func text(of member: LACPMember, in lacp: LACP) -> String {
        let attached = member.isAttached ? "attached" : "detached"
        return """

            member: \(member.settings.name): \(member.status.rawValue) \(attached)
              port_id: \(member.settings.portID)
              port_priority: \(member.settings.portPriority)
              may_enable: \(lacp.mayEnable(member))

            \(text(of: lacp.actor(member), "actor"))

            \(text(of: member.partner, "partner"))

            """
    }

    private func text(of end: LACPEnd, _ who: String) -> String {
        """
          \(who) sys_id: \(end.system)
          \(who) sys_priority: \(end.systemPriority)
          \(who) port_id: \(end.port)
          \(who) port_priority: \(end.portPriority)
          \(who) key: \(end.key)
          \(who) state:\(end.state.words.map { " " + $0 }.joined())
        """
    }

    private func counts(of lacp: LACP, _ name: String) -> String {
        lacp.members.reduce("---- \(name) statistics ----\n") { text, member in
            let counters = member.counters
            return text + """

                member: \(member.settings.name):
                  TX PDUs: \(counters.sent)
                  RX PDUs: \(counters.received)
                  RX Bad PDUs: \(counters.receivedBad)
                  RX Marker Request PDUs: \(counters.receivedMarkers)
                  Link Expired: \(counters.expired)
                  Link Defaulted: \(counters.defaulted)
                  Carrier Status Changed: \(counters.carrierChanges)

                """
        }
    }
}

extension LACPEnd.State {
    /// The flags that are set, as Open vSwitch calls them.
    var words: [String] {
        let names: [(LACPEnd.State, String)] = [
            (.activity, "activity"), (.shortTimeout, "timeout"), (.aggregation, "aggregation"),
            (.synchronization, "synchronized"), (.collecting, "collecting"),
            (.distributing, "distributing"), (.defaulted, "defaulted"), (.expired, "expired"),
        ]
        return names.filter { contains($0.0) }.map(\.1)
    }
}
