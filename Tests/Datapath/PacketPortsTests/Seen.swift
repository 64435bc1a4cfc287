// What a port handed in, copied out of the memory that it lent.

import CLinuxPacket
import Glibc
import PacketPorts
import Packets

struct Seen: Equatable {
    var octets: [UInt8]
    var headroom: Int
    var vlanTPID: UInt16
    var vlanTCI: UInt16
    var offload: Offload
    var lostByteCount: Int

    init(_ received: ReceivedFrame) {
        let frame = received.frame
        octets = Array(UnsafeRawBufferPointer(start: frame.start, count: frame.byteCount))
        headroom = frame.headroom
        vlanTPID = frame.vlanTPID
        vlanTCI = frame.vlanTCI
        offload = frame.offload
        lostByteCount = received.lostByteCount
    }

    /// The number that `testFrame` put into the frame.
    var number: Int { octets[14..<18].reduce(0) { $0 << 8 | Int($1) } }
}

/// Reads blocks until `count` frames were seen, giving each block back; fails after 2 s of silence.
func collect(_ count: Int, from ring: inout PacketRing) throws -> [Seen] {
    var seen: [Seen] = []
    while seen.count < count {
        guard var block = ring.nextBlock() else {
            guard waitUntilReadable(ring.descriptor) else {
                throw Refused(description: "silence after \(seen.count) of \(count) frames")
            }
            continue
        }
        while let frame = block.nextFrame() { seen.append(Seen(frame)) }
        block.giveBack()
    }
    return seen
}

/// Sends a frame again and again until it has come: an interface whose peer has just come up drops
/// frames for a moment, until the kernel has taken note of the carrier.
func sendUntilSeen(
    _ frame: [UInt8], by peer: String, at ring: inout PacketRing
) throws -> [Seen] {
    let socket = try PlainSocket(peer)
    for _ in 0..<200 {
        try socket.send(frame)
        if waitUntilReadable(ring.descriptor, milliseconds: 20) {
            return try collect(1, from: &ring)
        }
    }
    throw Refused(description: "silence")
}

/// Sends each of `frames`, held in memory until flushed, and returns the sum of all reports.
func sendAll(
    _ frames: [[UInt8]], by sender: inout FrameSender, tag: (UInt16, UInt16) = (0, 0),
    offload: Offload = .none, copyingHeader: Int = 0
) -> SendReport {
    var sum = SendReport()
    var lent: [UnsafeMutableRawPointer] = []
    func note(_ report: SendReport) {
        sum.sentCount += report.sentCount
        sum.sentByteCount += report.sentByteCount
        sum.failureCount += report.failureCount
        for memory in lent { memory.deallocate() }
        lent = []
    }
    for (index, octets) in frames.enumerated() {
        if sender.isFull { note(sender.flush()) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: octets.count, alignment: 8)
        memory.copyMemory(from: octets, byteCount: octets.count)
        lent.append(memory)
        let frame = Frame(
            start: memory, byteCount: octets.count, vlanTPID: tag.0, vlanTCI: tag.1,
            offload: offload)
        sender.append(frame, token: UInt32(index), copyingHeader: copyingHeader)
    }
    note(sender.flush())
    return sum
}

/// All failures of the last flush.
func failures(of sender: borrowing FrameSender, _ report: SendReport) -> [SendFailure] {
    var failures: [SendFailure] = []
    for index in 0..<report.failureCount { failures.append(sender.failure(at: index)) }
    return failures
}
