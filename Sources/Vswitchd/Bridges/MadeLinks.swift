internal import DatapathMessages
internal import LinkValues
internal import Timekeeping

// Links that exist because a row asks for them: `type=veth options:peer=v1`.
//
//     row ──> order ──> .makeLink ──> the program makes or adopts it ──> .linkMade ──> attach
//     row gone ──> detach ──> .removeLink ──> the program removes it if it bears our mark
//                                                              ──> .linkRemoved ──> in force
//
// What we make bears a mark, the root row's number in its alias, so that it is known as ours even
// by a vswitchd that did not make it: what a row asked for while nobody looked is found and
// removed. What was there before bears none, is adopted as it is, and stays when the row goes.

/// What became of an order for a link.
public enum LinkOutcome: Hashable, Sendable {
    case made
    /// It was there and is as good.
    case adopted
    /// In words for `Interface.error`.
    case refused(String)
}

/// Orders for links, and what became of them.
struct MadeLinks {
    /// By name: links that are there, as they were ordered.
    var present: [String: LinkOrder] = [:]
    /// Orders under way, by name.
    var waiting: [String: LinkOrder] = [:]
    /// Removals under way, by name, and how many of each.
    var removing: [String: Int] = [:]
    /// Why an order was refused, by name. Asked again when the configuration changes.
    var errors: [String: String] = [:]
    /// Whether links that an earlier vswitchd left were looked for.
    var hasSwept = false

    /// Whether an answer of the program is missing.
    var isUnderWay: Bool { !waiting.isEmpty || !removing.isEmpty }
}

extension WantedSwitch {
    /// What marks the links that this switch has made.
    var linkMark: String { root.map { "apus:\($0)" } ?? "apus" }

    /// Links that rows ask for, ordered by name.
    var links: [LinkOrder] {
        bridges.flatMap { $0.ports.flatMap(\.interfaces) }.compactMap { interface in
            guard case .link(var order) = interface.kind else { return nil }
            order.alias = linkMark
            return order
        }.sorted { $0.name < $1.name }
    }
}

extension WantedInterface {
    /// Reads the order out of a row's `type` ("veth", "vlan" or "bond") and `options`.
    public static func kind(
        ofType type: String, name: String, _ option: (String) -> String?
    ) -> Kind {
        func link(_ key: String) -> String? { option(key).flatMap { isLinkName($0) ? $0 : nil } }
        switch type {
        case "veth":
            guard let peer = link("peer") else {
                return .invalid("a veth port needs options:peer, the name of its other end")
            }
            let namespace = option("peer-netns")
            guard namespace.map(isNamespaceName) ?? true else {
                return .invalid("options:peer-netns is no name of a network namespace")
            }
            return .link(
                LinkOrder(name: name, kind: .veth(peer: peer, peerNamespace: namespace)))
        case "vlan":
            guard let parent = link("parent"), let id = option("id").flatMap({ Int($0) }),
                LinkLimits.vlanRange.contains(id)
            else { return .invalid("a vlan port needs options:parent and options:id (1 to 4094)") }
            return .link(LinkOrder(name: name, kind: .vlan(parent: parent, id: UInt16(id))))
        default:
            var settings = BondSettings()
            for key in BondSettings.names {
                guard let value = option(key) else { continue }
                if let wrong = settings.set(key, value) {
                    return .invalid("options:\(key): \(wrong)")
                }
            }
            let members = (option("members") ?? "").split { $0 == "," || $0 == " " }.map(
                String.init)
            guard !members.isEmpty, members.allSatisfy(isLinkName),
                members.count <= LinkLimits.memberCountMax
            else { return .invalid("a bond port needs options:members, for example eth0,eth1") }
            return .link(LinkOrder(name: name, kind: .bond(settings, members: members)))
        }
    }
}

extension Vswitch {
    /// Orders what rows ask for and is not there; lets go of what none asks for any more.
    mutating func orderLinks() {
        let orders = wanted.links
        let names = Dictionary(
            orders.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        if !madeLinks.hasSwept {
            madeLinks.hasSwept = true
            effects.append(.removeStrayLinks(mark: wanted.linkMark, except: orders.map(\.name)))
        }
        for (name, order) in madeLinks.present.sorted(by: { $0.key < $1.key })
        where names[name] != order {
            madeLinks.present[name] = nil
            detach(name)
            madeLinks.removing[name, default: 0] += 1
            effects.append(.removeLink(name: name, mark: wanted.linkMark))
        }
        madeLinks.errors = madeLinks.errors.filter { names[$0.key] != nil }
        for order in orders
        where madeLinks.present[order.name] == nil && madeLinks.waiting[order.name] == nil {
            madeLinks.errors[order.name] = nil
            madeLinks.waiting[order.name] = order
            effects.append(.makeLink(order))
        }
        for (name, error) in madeLinks.errors { vports.errors[name] = error }
    }

    mutating func linkMade(_ name: String, _ outcome: LinkOutcome, now: Instant) {
        guard let order = madeLinks.waiting.removeValue(forKey: name) else { return }
        switch outcome {
        case .made, .adopted:
            madeLinks.present[name] = order
            log(
                .info, "bridge",
                outcome == .made
                    ? "link \(name): made (\(order))" : "link \(name): was there, adopted")
        case .refused(let text):
            madeLinks.errors[name] = text
            vports.errors[name] = text
            log(.warning, "bridge", "link \(name) could not be made: \(text)")
        }
        guard madeLinks.waiting.isEmpty, datapath.isOpen, datapath.knowsPorts else { return }
        // Meanwhile a row may have gone, or asked for something else.
        let orders = Set(wanted.links)
        if !madeLinks.present.values.allSatisfy(orders.contains) { orderLinks() }
        attachMissing()
        finishReconfigurationIfReady(now: now)
    }

    mutating func linkRemoved(_ name: String, now: Instant) {
        guard let count = madeLinks.removing[name] else { return }
        madeLinks.removing[name] = count > 1 ? count - 1 : nil
        finishReconfigurationIfReady(now: now)
    }

    /// Whether `name` may be attached now: it needs no link made, or has it.
    func isLinkReady(_ name: String) -> Bool {
        madeLinks.waiting[name] == nil && madeLinks.errors[name] == nil
    }
}
