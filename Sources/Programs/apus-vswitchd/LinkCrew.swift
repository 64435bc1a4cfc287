// Orders about links, carried out beside the thread that answers upcalls.
//
//     .removeLink  ─┐
//     .makeLink    ─┼─> [orders, oldest first] ──> removals at once, or one make ──> events
//     .removeStray ─┘
//
// To remove an interface the kernel waits for all processors, 20 ms each; removals that stand next
// to each other overlap. Everything else keeps its order: a VLAN may stand on a link of the order
// before.

import Bridges
import Daemon
import LinkValues
import Links

/// Makes and removes links elsewhere. Owned by one thread.
struct LinkCrew {
    enum Order: Sendable {
        case make(LinkOrder)
        case remove(name: String, mark: String)
        case sweep(mark: String, except: [String])

        var isRemoval: Bool { if case .remove = self { true } else { false } }
    }

    enum Outcome: Sendable {
        case made(name: String, LinkOutcome)
        /// `error`: why it is still there, if it is.
        case removed(name: String, error: String?)
        case swept([String])
    }

    /// Removals that overlap. They wait for the kernel and compute nothing.
    private static let threadCount = 16
    /// Ports of a datapath, each with its link.
    private static let outcomeCountMax = 65_536

    private let crew = Crew<Outcome>(threadCount: threadCount, capacity: outcomeCountMax)
    private var waiting: [Order] = []
    private var runningCount = 0

    /// Readable while outcomes wait.
    var descriptor: Int32 { crew.descriptor }

    mutating func post(_ order: Order) {
        waiting.append(order)
        if runningCount == 0 { begin() }
    }

    mutating func takeOutcomes() -> [Outcome] {
        let outcomes = crew.take()
        runningCount -= outcomes.count
        if runningCount == 0 { begin() }
        return outcomes
    }

    /// Has the orders begun that need not wait for each other.
    private mutating func begin() {
        guard let first = waiting.first else { return }
        let batch = waiting.prefix { $0.isRemoval == first.isRemoval }
            .prefix(Self.outcomeCountMax)
        waiting.removeFirst(batch.count)
        runningCount = batch.count
        for order in batch {
            switch order {
            case .make(let order):
                crew.post(key: "") { .made(name: order.name, LinkMaker.make(order)) }
            case .remove(let name, let mark):
                crew.post(key: name) {
                    .removed(name: name, error: LinkMaker.remove(name, mark: mark))
                }
            case .sweep(let mark, let names):
                crew.post(key: "") { .swept(LinkMaker.sweep(mark: mark, except: names)) }
            }
        }
    }
}
