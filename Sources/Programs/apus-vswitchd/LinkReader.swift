// Linux's interfaces as the machine wants to know them.

import Bridges
import Daemon
import LinkValues
import Links
import Packets

/// Keeps a picture of all interfaces by the kernel's events, and tells of those that matter.
///
/// The picture is read once, after the watch began, and again only when events were lost: a change
/// of one interface among a thousand costs one message.
struct LinkReader: ~Copyable {
    private var table: LinkTable
    private var watch: LinkWatch
    /// By index: a renamed interface keeps it.
    private var links: [Int: Link] = [:]
    private var indices: [String: Int] = [:]
    /// Names that matter.
    private var names: Set<String> = []

    init() throws(DaemonError) {
        do throws(LinkError) {
            let watch = try LinkWatch()
            let table = try LinkTable()
            let links = try table.links()
            self.watch = watch
            self.table = table
            take(links)
        } catch {
            throw DaemonError("\(error)")
        }
    }

    var descriptor: Int32 { watch.descriptor }

    private mutating func take(_ all: [Link]) {
        links = Dictionary(all.map { ($0.index, $0) }, uniquingKeysWith: { $1 })
        indices = Dictionary(all.map { ($0.name, $0.index) }, uniquingKeysWith: { $1 })
    }

    /// Reads what happened, up to now. Returns whether an interface that matters changed.
    mutating func changed() -> Bool {
        var matters = false
        do throws(LinkError) {
            for _ in 0..<Self.roundsMax {
                let events = try watch.events()
                guard !events.isEmpty else { break }
                for event in events { matters = try take(event) || matters }
            }
        } catch {
            // The next event, or the next reading, says more; what is known now may be old.
            return true
        }
        return matters
    }

    /// Of `LinkWatch.eventsPerCall` each: more than the kernel keeps for a listener.
    private static let roundsMax = 64

    private mutating func take(_ event: LinkEvent) throws(LinkError) -> Bool {
        switch event {
        case .present(let link):
            let mattered = forget(link.index, unlessCalled: link.name)
            links[link.index] = link
            indices[link.name] = link.index
            return mattered || names.contains(link.name)
        case .removed(let index, _): return forget(index)
        case .eventsLost:
            take(try table.links())
            return true
        }
    }

    /// Returns whether the interface mattered under its old name.
    private mutating func forget(_ index: Int, unlessCalled name: String? = nil) -> Bool {
        guard let link = links[index], link.name != name else { return false }
        links[index] = nil
        if indices[link.name] == index { indices[link.name] = nil }
        return names.contains(link.name)
    }

    /// Tells of `names` from now on. What happened before this call is in the next facts.
    mutating func watch(_ names: [String]) {
        self.names = Set(names)
        _ = changed()
    }

    /// What is known of each name; those without an interface are left out.
    func facts() -> [String: LinkFact] {
        var facts: [String: LinkFact] = [:]
        for name in names {
            if let link = indices[name].flatMap({ links[$0] }) { facts[name] = LinkFact(link) }
        }
        return facts
    }
}

extension LinkFact {
    init(_ link: Link) {
        self.init(
            index: UInt32(clamping: link.index), address: link.address ?? .zero,
            mtu: UInt32(clamping: link.mtu), isUp: link.isUp, hasCarrier: link.hasCarrier,
            bitsPerSecond: link.speedMegabits.map { UInt64(clamping: $0) * 1_000_000 })
    }
}
