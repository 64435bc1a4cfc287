// The kernel's tier as several workers use it: one table, asked by one thread at a time. It is
// asked for a few flows a second, never for a packet.

import KernelPrograms
import PacketPorts
import Synchronization

final class SharedExpress: Sendable {
    private let table: Mutex<Held>
    /// What each port attaches.
    let hooks: ExpressHooks

    /// Moves with its mutex from thread to thread.
    private struct Held: ~Copyable, @unchecked Sendable {
        var table: ExpressTable
    }

    init(_ table: consuming ExpressTable) {
        hooks = table.hooks
        self.table = Mutex(Held(table: table))
    }

    func put(
        _ key: ExpressKey, mask: ExpressMask, _ flow: SIMD8<UInt32>
    ) -> ExpressKey? {
        table.withLock { $0.table.put(key, mask: mask, flow) }
    }

    func take(_ key: ExpressKey) -> ExpressCounts? { table.withLock { $0.table.take(key) } }

    func readAll(_ body: (ExpressKey, ExpressCounts) -> Void) {
        table.withLock { $0.table.readAll(body) }
    }
}
