public import LinkValues
import Packets

// Wanted minus present: the steps that bring the links of a file about, in an order in which each
// finds what it stands on. All problems are found before the first step.

/// The links of one network namespace, as they are.
public struct LinkPresence: Sendable {
    public var links: [Link]
    /// By index.
    public var addresses: [Int: [InterfaceAddress]]
    /// By name; links that are missing here are not asked for.
    public var offloads: [String: [LinkOffload: Bool]]

    public init(
        links: [Link], addresses: [Int: [InterfaceAddress]] = [:],
        offloads: [String: [LinkOffload: Bool]] = [:]
    ) {
        self.links = links
        self.addresses = addresses
        self.offloads = offloads
    }
}

/// Steps towards the links of a file.
public struct LinkPlan: Sendable {
    public private(set) var steps: [LinkStep] = []
    private var problems: [LinkProblem] = []
    /// What there will be after the steps so far, by namespace and name. A link that is yet to be
    /// made has index 0.
    private var picture: [Place: Link] = [:]
    private var presence: [String?: LinkPresence]

    private struct Place: Hashable {
        var namespace: String?
        var name: String
    }

    /// Namespaces that `wishes` speak of; `nil` is the tool's own.
    public static func namespaces(of wishes: [WantedLink]) -> [String?] {
        var result: [String?] = [nil]
        for wish in wishes {
            var names = [wish.namespace]
            if case .veth(_, let peer)? = wish.kind { names.append(peer) }
            for name in names where !result.contains(name) { result.append(name) }
        }
        return result
    }

    /// - Parameter presence: The links of each namespace of `namespaces(of:)`.
    /// - Throws: Everything that stands in the way.
    public init(
        _ wishes: [WantedLink], presence: [String?: LinkPresence]
    ) throws(LinkProblems) {
        self.presence = presence
        for (namespace, presence) in presence {
            for link in presence.links {
                picture[Place(namespace: namespace, name: link.name)] = link
            }
        }
        for wish in wishes where wish.isAbsent { remove(wish) }
        var waiting = wishes.filter { !$0.isAbsent }
        while !waiting.isEmpty {
            guard let next = waiting.firstIndex(where: { missing($0) == nil }) else { break }
            plan(waiting.remove(at: next))
        }
        for wish in waiting {
            problems.append(
                LinkProblem(
                    line: wish.line,
                    "\(wish.name) needs \(missing(wish) ?? ""), which is not there"))
        }
        guard problems.isEmpty else { throw LinkProblems(problems) }
    }

    /// The first link that `wish` stands on and that is not there yet.
    private func missing(_ wish: WantedLink) -> String? {
        var names: [String] = wish.members ?? []
        if let master = wish.master { names.append(master) }
        if case .vlan(let parent, _)? = wish.kind { names.append(parent) }
        if wish.kind == nil { names.append(wish.name) }
        return names.first { picture[Place(namespace: wish.namespace, name: $0)] == nil }
    }

    private mutating func remove(_ wish: WantedLink) {
        let place = Place(namespace: wish.namespace, name: wish.name)
        guard let link = picture.removeValue(forKey: place) else { return }
        add(.delete(wish.name), wish)
        // A veth's peer, and what stands on a link, go with it.
        let gone = picture.filter {
            $0.key.namespace == wish.namespace && $0.value.lowerIndex == link.index
                && $0.value.lowerNamespace == nil && link.index != 0
        }
        for place in gone.map(\.key) { picture[place] = nil }
    }

    private mutating func add(_ action: LinkStep.Action, _ wish: WantedLink) {
        steps.append(LinkStep(action, in: wish.namespace))
    }

    private mutating func plan(_ wish: WantedLink) {
        let place = Place(namespace: wish.namespace, name: wish.name)
        if let present = picture[place] {
            if let conflict = conflict(wish, present) {
                problems.append(LinkProblem(line: wish.line, conflict))
                return
            }
            if case .bond(let wanted, _)? = wish.kind, case .bond(let settings) = present.detail {
                let differences = settings.differences(from: wanted)
                if differences != BondSettings() { add(.bond(wish.name, differences), wish) }
            }
        } else if let kind = wish.kind {
            make(wish, kind, place)
        }
        guard let link = picture[place] else { return }
        adjust(wish, link)
        var after = link
        after.isUp = wish.isUp ?? link.isUp
        picture[place] = after
    }

    private mutating func make(_ wish: WantedLink, _ kind: LinkOrder.Kind, _ place: Place) {
        var link = Link(name: wish.name, index: 0, mtu: wish.mtu ?? 0, address: wish.address)
        link.kind = kind.name
        if case .veth(let peer, let peerNamespace) = kind {
            let namespace = peerNamespace ?? wish.namespace
            let peerPlace = Place(namespace: namespace, name: peer)
            guard picture[peerPlace] == nil else {
                problems.append(
                    LinkProblem(
                        line: wish.line, "\(peer), the peer of \(wish.name), is there already"))
                return
            }
            picture[peerPlace] = Link(name: peer, index: 0, mtu: wish.mtu ?? 0, kind: "veth")
        }
        add(
            .add(LinkOrder(name: wish.name, kind: kind, mtu: wish.mtu, address: wish.address)),
            wish)
        picture[place] = link
    }

    /// Why a link that is there cannot become what is wanted.
    private func conflict(_ wish: WantedLink, _ present: Link) -> String? {
        guard let kind = wish.kind else { return nil }
        guard present.kind == kind.name else {
            return "\(wish.name) is there, and is \(present.kind ?? "hardware"), not \(kind.name)"
        }
        switch (kind, present.detail) {
        case (.vlan(let parent, let id), .vlan(let presentID)):
            let lower = picture[Place(namespace: wish.namespace, name: parent)]
            guard id == presentID else {
                return "\(wish.name) is there with id \(presentID), not \(id); remove it first"
            }
            guard lower?.index == present.lowerIndex else {
                return "\(wish.name) is there and does not stand on \(parent); remove it first"
            }
        case (.bond(let wanted, _), .bond(let settings)):
            if let mode = wanted.mode, let now = settings.mode, mode != now {
                return "\(wish.name) is there with mode \(now.name), which cannot change to "
                    + "\(mode.name); remove it first"
            }
        case (.veth(let peer, let peerNamespace), _) where present.index != 0:
            let other = picture[Place(namespace: peerNamespace ?? wish.namespace, name: peer)]
            guard let other, other.index == present.lowerIndex, other.lowerIndex == present.index
            else { return "\(wish.name) is there, and its peer is not \(peer); remove it first" }
        default: break
        }
        return nil
    }

    /// What is common to all kinds.
    private mutating func adjust(_ wish: WantedLink, _ link: Link) {
        let name = wish.name
        let isNew = link.index == 0
        if let mtu = wish.mtu, mtu != link.mtu { add(.mtu(name, mtu), wish) }
        if let address = wish.address, address != link.address {
            add(.address(name, address), wish)
        }
        if let alias = wish.alias, alias != link.alias ?? "" { add(.alias(name, alias), wish) }
        if let master = wish.master {
            let index = picture[Place(namespace: wish.namespace, name: master)]?.index
            if isNew || index == 0 || index != link.masterIndex { add(.master(name, master), wish) }
        }
        if let members = wish.members { join(members, wish, link) }
        let presence = presence[wish.namespace]
        for offload in LinkOffload.allCases {
            guard let wanted = wish.offloads[offload],
                isNew || presence?.offloads[name]?[offload] != wanted
            else { continue }
            add(.offload(name, offload, wanted), wish)
        }
        if let isUp = wish.isUp, isUp != link.isUp { add(.up(name, isUp), wish) }
        guard let wanted = wish.addresses else { return }
        let present = isNew ? [] : presence?.addresses[link.index] ?? []
        for address in present where !wanted.contains(address) && !address.isLinkLocal {
            add(.removeAddress(name, address), wish)
        }
        for address in wanted where !present.contains(address) {
            add(.addAddress(name, address), wish)
        }
    }

    private mutating func join(_ members: [String], _ wish: WantedLink, _ bond: Link) {
        let present = picture.filter {
            $0.key.namespace == wish.namespace && bond.index != 0
                && $0.value.masterIndex == bond.index
        }.map(\.key.name)
        for member in present.sorted() where !members.contains(member) {
            add(.master(member, nil), wish)
        }
        for member in members where !present.contains(member) {
            add(.up(member, false), wish)
            add(.master(member, wish.name), wish)
            add(.up(member, true), wish)
            picture[Place(namespace: wish.namespace, name: member)]?.isUp = true
        }
    }
}
