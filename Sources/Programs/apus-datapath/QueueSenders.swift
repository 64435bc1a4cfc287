// The queues of a port whose traffic is shaped: a sender for each, because a priority belongs to a
// socket. A port without shaping has none of them.

import Flows
import PacketPorts
import Packets

@safe
struct QueueSenders: ~Copyable {
    private let senders: UnsafeMutablePointer<FrameSender>
    private let priorities: [UInt32]
    /// Whether a frame waits in one of them.
    private(set) var areWaiting = false

    init() {
        unsafe senders = .allocate(capacity: 0)
        priorities = []
    }

    /// One sender for each queue of `shaping`.
    init(_ shaping: PortTraffic.Shaping?, interface: InterfaceFacts) throws(PortError) {
        let wanted = (shaping?.queues ?? []).map { PortTraffic.priority(ofQueue: $0.number) }
        let memory = UnsafeMutablePointer<FrameSender>.allocate(capacity: wanted.count)
        var made = 0
        do {
            for priority in wanted {
                // Safe: below the count that was allocated for.
                unsafe (memory + made).initialize(
                    to: try FrameSender(interface: interface, queue: priority))
                made += 1
            }
        } catch {
            unsafe memory.deinitialize(count: made)
            unsafe memory.deallocate()
            throw error
        }
        unsafe senders = memory
        priorities = wanted
    }

    deinit {
        // Safe: one initialised sender for each priority.
        unsafe senders.deinitialize(count: priorities.count)
        unsafe senders.deallocate()
    }

    func index(of priority: UInt32) -> Int? { priorities.firstIndex(of: priority) }

    // Safe below: `index(of:)` gave the index.
    func isFull(_ index: Int) -> Bool { unsafe senders[index].isFull }

    mutating func append(_ frame: Frame, to index: Int, token: UInt32) {
        areWaiting = true
        unsafe senders[index].append(frame, token: token)
    }

    mutating func flush(into report: inout SendReport) {
        guard areWaiting else { return }
        areWaiting = false
        for index in priorities.indices {
            let one = unsafe senders[index].flush()
            report.sentCount += one.sentCount
            report.sentByteCount += one.sentByteCount
            report.failureCount += one.failureCount
        }
    }
}
