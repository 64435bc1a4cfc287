// Links that rows ask for, by libnl.

import Bridges
import LinkValues
import Links

enum LinkMaker {
    /// Makes the link, or adopts the one that is there; switches on what it made, both ends of it.
    static func make(_ order: LinkOrder) -> LinkOutcome {
        do throws(LinkError) {
            let table = try LinkTable()
            if let present = try find(order.name, table) {
                if try isAsOrdered(present, order, table) {
                    return present.alias == order.alias ? .made : .adopted
                }
                guard present.alias == order.alias else {
                    return .refused(
                        "\(order.name) is there, and is not what the row asks for "
                            + "(\(present.kind ?? "hardware"))")
                }
                // Ours, from other options.
                try table.delete(order.name)
            }
            try table.add(order)
            do throws(LinkError) {
                try table.set(order.name, up: true)
                if case .veth(let peer, let namespace) = order.kind {
                    try LinkStep(.up(peer, true), in: namespace).perform()
                }
            } catch {
                try table.delete(order.name)
                throw error
            }
            return .made
        } catch {
            return .refused("\(error)")
        }
    }

    private static func find(
        _ name: String, _ table: borrowing LinkTable
    ) throws(LinkError) -> Link? {
        do throws(LinkError) {
            return try table.link(named: name)
        } catch {
            guard error.kind == .noSuchLink else { throw error }
            return nil
        }
    }

    private static func isAsOrdered(
        _ present: Link, _ order: LinkOrder, _ table: borrowing LinkTable
    ) throws(LinkError) -> Bool {
        guard present.kind == order.kind.name else { return false }
        switch (order.kind, present.detail) {
        case (.vlan(let parent, let id), .vlan(let presentID)):
            let index = try find(parent, table)?.index
            return id == presentID && index == present.lowerIndex
        case (.veth(let peer, let namespace), _):
            let other = try find(peer, LinkTable(namespace: namespace))
            return other?.index == present.lowerIndex && other?.lowerIndex == present.index
        case (.bond(let wanted, let members), .bond(let settings)):
            let all = try table.links().filter { $0.masterIndex == present.index }.map(\.name)
            return settings.differences(from: wanted) == BondSettings()
                && all.sorted() == members.sorted()
        default: return true
        }
    }

    /// Removes a link that bears `mark`. Returns what went wrong, if something did.
    static func remove(_ name: String, mark: String) -> String? {
        do throws(LinkError) {
            let table = try LinkTable()
            guard let present = try find(name, table), present.alias == mark else { return nil }
            try table.delete(name)
            return nil
        } catch {
            return "\(error)"
        }
    }

    /// Removes all links that bear `mark` and are not named. Returns what was removed.
    static func sweep(mark: String, except names: [String]) -> [String] {
        do throws(LinkError) {
            let strays = try LinkTable().links().filter {
                $0.alias == mark && !names.contains($0.name)
            }
            return strays.map(\.name).filter { remove($0, mark: mark) == nil }
        } catch {
            return []
        }
    }
}
