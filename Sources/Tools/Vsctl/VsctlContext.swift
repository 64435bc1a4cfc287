// What one command sees while it runs, and what it leaves behind.

import DatabaseProtocol
import DatabaseReplica

struct VsctlContext {
    var draft: VsctlDraft
    /// The row of `Open_vSwitch`.
    let root: RowKey
    var invocation: VsctlInvocation
    /// Whether no command follows: the last one may change maps piece by piece.
    var isLast = false
    var output = VsctlOutput.text(VsctlText())
    var warnings: [String] = []
    /// Interfaces that the command line adds: whether they work is asked at the end.
    var newInterfaces: [Atom] = []

    /// What the program read for `log`, `undo` and `diff`.
    var files = VsctlFiles()
    /// Set by `diff`: nothing is sent.
    var discardsDraft = false
    /// For the database's log, after the command line; empty adds nothing.
    var comment = ""

    private var cachedTopology: (revision: Int, topology: VsctlTopology)?
    private var hasVerifiedPorts = false

    init(draft: VsctlDraft, root: RowKey, invocation: VsctlInvocation) {
        (self.draft, self.root, self.invocation) = (draft, root, invocation)
    }

    /// Gets ready for the next command.
    mutating func begin(_ invocation: VsctlInvocation, isLast: Bool) {
        (self.invocation, self.isLast) = (invocation, isLast)
        output = .text(VsctlText(headings: invocation.command.headings))
        hasVerifiedPorts = false
    }

    var arguments: [String] { invocation.arguments }
    func has(_ option: String) -> Bool { invocation.options.contains { $0.name == option } }
    func value(of option: String) -> String? {
        invocation.options.first { $0.name == option }?.value
    }

    /// Bridges, ports and interfaces as the draft has them now.
    mutating func topology() -> VsctlTopology {
        if let cached = cachedTopology, cached.revision == draft.revision { return cached.topology }
        let topology = VsctlTopology(of: draft, root: root)
        for warning in topology.warnings where !warnings.contains(warning) {
            warnings.append(warning)
        }
        cachedTopology = (draft.revision, topology)
        return topology
    }

    /// Makes the transaction depend on nobody else changing which ports there are.
    mutating func verifyPorts() {
        guard !hasVerifiedPorts else { return }
        hasVerifiedPorts = true
        draft.verify(root, "bridges")
        for bridge in draft.rows(of: "Bridge") { draft.verify(bridge, "ports") }
        for port in draft.rows(of: "Port") { draft.verify(port, "interfaces") }
    }
}
