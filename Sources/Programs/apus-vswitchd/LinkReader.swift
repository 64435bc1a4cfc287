// Linux's interfaces as the machine wants to know them.

import Bridges
import Daemon
import LinkValues
import Links
import Packets

/// Reads the interfaces that the machine named, and hears when one of them changes.
struct LinkReader: ~Copyable {
    private var table: LinkTable
    private var watch: LinkWatch
    /// Names that matter.
    var names: [String] = []

    init() throws(DaemonError) {
        do throws(LinkError) {
            let watch = try LinkWatch()
            let table = try LinkTable()
            self.watch = watch
            self.table = table
        } catch {
            throw DaemonError("\(error)")
        }
    }

    var descriptor: Int32 { watch.descriptor }

    /// Whether something happened to an interface that matters (or to one of an unknown name).
    mutating func changed() -> Bool {
        do throws(LinkError) {
            return try watch.events().contains { event in
                switch event {
                case .present(let link): names.contains(link.name)
                case .removed(_, let name): names.contains(name)
                case .eventsLost: true
                }
            }
        } catch {
            return true
        }
    }

    /// What is known of each name; those without an interface are left out.
    mutating func facts() -> [String: LinkFact] {
        var facts: [String: LinkFact] = [:]
        for name in names {
            do throws(LinkError) {
                facts[name] = LinkFact(try table.link(named: name))
            } catch {
                // Not there (yet): the machine is told by its absence.
                continue
            }
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
