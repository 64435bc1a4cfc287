// How much memory all rings of a process may take together.
//
// The kernel never swaps a ring out, and a port takes its ring when it is attached, so a thousand
// ports must not take what one may. Each ring gets a share of what is left: the first ports have
// long rings, the thousandth has a short one, and none is refused before the whole budget is spent.
//
//     left:    2 GiB ─────────── 1 GiB ─────── 512 MiB ── ...        (a ring of slots: 1/512 of it)
//     a ring:  4 MiB    2 MiB           1 MiB           512 KiB

internal import Glibc
internal import Synchronization

/// Memory for rings, shared by all ports of a process and by threads that open them.
public final class RingBudget: Sendable {
    /// Bytes that all rings together may take.
    public let byteCount: Int
    private let used = Mutex(0)

    /// - Parameter byteCount: What rings may take; 0 lets every one be refused.
    public init(byteCount: Int) { self.byteCount = max(0, byteCount) }

    /// `PortLimits.ringMemoryByteCount`, but no more than a quarter of this machine's memory.
    public static func ofThisMachine() -> RingBudget {
        // Both are always known on Linux.
        let (pages, pageSize) = (sysconf(CInt(_SC_PHYS_PAGES)), sysconf(CInt(_SC_PAGESIZE)))
        let (memory, isTooMuch) = pages.multipliedReportingOverflow(by: pageSize)
        let share = isTooMuch ? Int.max : max(0, memory) / PortLimits.ringMemoryDivisor
        return RingBudget(byteCount: min(share, PortLimits.ringMemoryByteCount))
    }

    /// Bytes that rings have now.
    public var usedByteCount: Int { used.withLock { $0 } }

    /// Memory for one more ring, as long as what is left allows.
    ///
    /// - Throws: `.noRingMemory` if not even the shortest ring of this kind fits.
    func take(
        _ handover: RingLayout.Handover, for interface: String
    ) throws(PortError) -> RingGrant {
        let longest = handover == .slots ? RingLayout.prompt : .standard
        let shortest =
            handover == .slots ? PortLimits.slotRingByteCountMin : PortLimits.blockRingByteCountMin
        let divisor = handover == .slots ? PortLimits.slotRingShare : PortLimits.blockRingShare
        let taken = used.withLock { used -> Int? in
            let left = byteCount - used
            guard left >= shortest else { return nil }
            var size = longest.byteCount
            while size > shortest, size > left / divisor { size /= 2 }
            used += size
            return size
        }
        guard let taken else {
            throw PortError(
                .noRingMemory(limitByteCount: byteCount), interface: interface,
                errorNumber: ENOBUFS)
        }
        return RingGrant(budget: self, layout: RingLayout(handover, byteCount: taken))
    }

    fileprivate func giveBack(_ byteCount: Int) { used.withLock { $0 -= byteCount } }
}

/// What one ring was given of a budget; it goes back when this ends.
struct RingGrant: ~Copyable, Sendable {
    private let budget: RingBudget
    let layout: RingLayout

    fileprivate init(budget: RingBudget, layout: RingLayout) {
        self.budget = budget
        self.layout = layout
    }

    deinit { budget.giveBack(layout.byteCount) }
}
