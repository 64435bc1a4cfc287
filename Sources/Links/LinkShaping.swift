// Queueing disciplines: frames that leave by an interface wait in classes, each with its rates.
//
//     htb 1: ── class 1:fffe (all queues together) ──┬── class 1:1 (queue 0, the default)
//                                                    ├── class 1:2 (queue 1)
//                                                    └── ...
//
// Classes cannot be compared one by one through this interface of the kernel's, and changing a
// discipline's default class is refused. So shaping anew begins with none: a moment without limits.

internal import CNetlink
public import Flows
internal import Glibc
internal import LinkValues

extension LinkTable {
    private static let handle: UInt32 = 0x1_0000
    private static let rootClass: UInt32 = 0x1_fffe
    /// Priorities of classes, `TC_HTB_NUMPRIO`.
    private static let largestPriority: UInt32 = 7

    /// Has frames that leave by `name` wait as `shaping` says; nil ends that.
    ///
    /// - Throws: `.noSuchLink`, `.notPermitted`, or what the kernel said; then frames leave
    ///   unshaped.
    public func shape(_ name: String, _ shaping: PortTraffic.Shaping?) throws(LinkError) {
        let index = try link(named: name).index
        unsafe try withDiscipline(name, index) { (discipline: OpaquePointer) throws(LinkError) in
            let gone = unsafe rtnl_qdisc_delete(socket.pointer, discipline)
            // There was none: the interface has the default one, which cannot be removed.
            guard gone == 0 || [NLE_OBJ_NOTFOUND, NLE_INVAL].contains(-gone) else {
                throw LinkError(
                    interface: name, attempt: "end shaping", code: gone,
                    kernel: socket.takeComplaint())
            }
            _ = socket.takeComplaint()
            guard shaping != nil else { return }
            let made = unsafe rtnl_qdisc_add(socket.pointer, discipline, NLM_F_CREATE)
            try check(made, name)
        }
        guard let shaping else { return }
        do {
            let all = PortTraffic.Queue(
                number: 0, minRate: shaping.maxRate, maxRate: shaping.maxRate,
                burst: Self.rootBurst(shaping), priority: 0)
            try addClass(all, Self.rootClass, parent: Self.handle, name, index)
            for queue in shaping.queues {
                try addClass(
                    queue, PortTraffic.priority(ofQueue: queue.number), parent: Self.rootClass,
                    name, index)
            }
        } catch {
            try shape(name, nil)
            throw error
        }
    }

    private static func rootBurst(_ shaping: PortTraffic.Shaping) -> UInt32 {
        shaping.queues.map(\.burst).max() ?? 0
    }

    /// What the queues of `name` have sent since `shape`, by rising number.
    ///
    /// - Throws: `.noSuchLink`, or what the kernel said.
    public func queueCounters(_ name: String) throws(LinkError) -> [QueueCounters] {
        let index = try link(named: name).index
        var cache: OpaquePointer?
        // Safe: `cache` lives through the call.
        let asked = unsafe rtnl_class_alloc_cache(socket.pointer, CInt(index), &cache)
        try check(asked, name)
        // Safe: a cache of classes, ours from here to its release; each object in it is a class.
        defer { unsafe nl_cache_free(cache) }
        var queues: [QueueCounters] = []
        var next = unsafe nl_cache_get_first(cache)
        while let entry = unsafe next {
            unsafe next = nl_cache_get_next(entry)
            let handle = unsafe rtnl_tc_get_handle(entry)
            guard handle & 0xffff_0000 == Self.handle, handle != Self.rootClass, handle & 0xffff > 0
            else { continue }
            func count(_ what: rtnl_tc_stat) -> UInt64 { unsafe rtnl_tc_get_stat(entry, what) }
            queues.append(
                QueueCounters(
                    queue: (handle & 0xffff) - 1, packets: count(RTNL_TC_PACKETS),
                    bytes: count(RTNL_TC_BYTES), drops: count(RTNL_TC_DROPS)))
        }
        return queues.sorted { $0.queue < $1.queue }
    }

    /// Lends htb as the interface's root, which is not yet there.
    private func withDiscipline(
        _ name: String, _ index: Int, _ body: (OpaquePointer) throws(LinkError) -> Void
    ) throws(LinkError) {
        guard let discipline = unsafe rtnl_qdisc_alloc() else { throw outOfMemory(name) }
        // Safe: a discipline is a traffic control object; ours from here to its release.
        defer { unsafe rtnl_qdisc_put(discipline) }
        unsafe rtnl_tc_set_ifindex(discipline, CInt(index))
        unsafe rtnl_tc_set_parent(discipline, 0xffff_ffff /* TC_H_ROOT */)
        unsafe rtnl_tc_set_handle(discipline, Self.handle)
        try check(unsafe rtnl_tc_set_kind(discipline, "htb"), name)
        try check(unsafe rtnl_htb_set_defcls(discipline, 1), name)
        unsafe try body(discipline)
    }

    private func addClass(
        _ queue: PortTraffic.Queue, _ handle: UInt32, parent: UInt32, _ name: String, _ index: Int
    ) throws(LinkError) {
        guard let entry = unsafe rtnl_class_alloc() else { throw outOfMemory(name) }
        // Safe: as above.
        defer { unsafe rtnl_class_put(entry) }
        unsafe rtnl_tc_set_ifindex(entry, CInt(index))
        unsafe rtnl_tc_set_parent(entry, parent)
        unsafe rtnl_tc_set_handle(entry, handle)
        try check(unsafe rtnl_tc_set_kind(entry, "htb"), name)
        try check(unsafe rtnl_htb_set_rate64(entry, queue.minRate), name)
        try check(unsafe rtnl_htb_set_ceil64(entry, queue.maxRate), name)
        try check(unsafe rtnl_htb_set_rbuffer(entry, queue.burst), name)
        try check(unsafe rtnl_htb_set_cbuffer(entry, queue.burst), name)
        let priority = min(queue.priority, Self.largestPriority)
        try check(unsafe rtnl_htb_set_prio(entry, priority), name)
        try check(unsafe rtnl_class_add(socket.pointer, entry, NLM_F_CREATE), name)
    }

    private func outOfMemory(_ name: String) -> LinkError {
        LinkError(interface: name, attempt: "shape", code: -NLE_NOMEM)
    }

    private func check(_ code: CInt, _ name: String) throws(LinkError) {
        guard code < 0 else { return }
        throw LinkError(
            interface: name, attempt: "shape", code: code, kernel: socket.takeComplaint())
    }
}
