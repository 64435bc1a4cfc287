internal import CNetlink
public import DatapathMessages
internal import Flows
import Glibc
import Timekeeping

// openvswitch.ko as the far end of the channel: the same messages, by generic netlink.
//
//     orders ──> [queue] ──> socket ──> module      answers at once, in order
//     dumps  ──> [queue] ──> socket ──> module      one at a time, as netlink has it
//     upcalls <───────────── socket <── module      alone, so that a flood loses nothing else
//
// Three things differ from our own datapath, and are settled here. The module knows flows by names
// of 128 bits: this end gives them, and remembers key and mask as vswitchd said them. The module's
// datapath has a port of its own (number 0, the datapath's name), which nobody asked for: it is
// kept back. And a flow that is only tried stays there, so that its removal is ordered with it.

/// A datapath of the kernel's module. Owned by one thread.
@safe
public final class KernelConnection: DatapathEnd {
    /// Not Open vSwitch's `ovs-system`: whoever opens a datapath removes what it does not know
    /// there, and Open vSwitch may run on the same host.
    public static let defaultName = "apus-system"

    public let name: String
    public let descriptor: Int32
    /// Upcalls that the kernel had no room for.
    public private(set) var lostCount: UInt64 = 0

    private let orders: GenericNetlinkSocket
    private let dumps: GenericNetlinkSocket
    private let upcalls: GenericNetlinkSocket
    private let families: DatapathFamilies
    private var destination = DatapathDestination()
    private var writer = DatagramWriter()
    /// Datagrams with the number of requests in each.
    private var waiting: [(bytes: [UInt8], count: Int)] = []
    private var waitingByteCount = 0
    private var waitingDumps: [(bytes: [UInt8], sequence: UInt32)] = []
    /// Requests that the kernel has and has not answered.
    private var outstandingCount = 0
    private var dump: (sequence: UInt32, isOfFlows: Bool, seen: Set<UFID>)?
    private var names = FlowNames()
    /// Flows that are tried: what came of them, and nil until it is known. Their removal is
    /// answered under the same number.
    private var probes: [UInt32: DatapathReply?] = [:]
    /// A tool does not ask whether the kernel can be told why a packet is dropped (Linux 6.7).
    private let dropsReasons: Bool
    private let buffer: UnsafeMutableRawBufferPointer

    /// Whether the module is loaded. Loads nothing, and needs no privilege.
    public static var isModuleLoaded: Bool {
        do throws(ChannelError) {
            return try GenericNetlinkSocket().families() != nil
        } catch { return false }
    }

    /// Opens datapath `name`, and makes it if there is none.
    ///
    /// - Parameter makes: Whether it may be made; a tool only looks.
    /// - Throws: `.noModule`, or `.kernel` with what the kernel said.
    public init(name: String = defaultName, makes: Bool = true) throws(ChannelError) {
        self.name = name
        let orders = try GenericNetlinkSocket()
        let dumps = try GenericNetlinkSocket()
        let upcalls = try GenericNetlinkSocket()
        guard let families = try orders.families() else { throw .noModule }
        let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .system(call: "epoll_create1", code: errno) }
        for socket in [orders.descriptor, dumps.descriptor, upcalls.descriptor] {
            var event = unsafe epoll_event()
            unsafe event.events = EPOLLIN.rawValue
            // The event is copied by the call.
            guard unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, socket, &event) == 0 else {
                let code = errno
                close(descriptor)
                throw .system(call: "epoll_ctl", code: code)
            }
        }
        destination.upcallPort = upcalls.port
        destination.cpuCount = min(
            max(1, Int(sysconf(Int32(_SC_NPROCESSORS_CONF)))), ChannelLimits.cpuCountMax)
        self.orders = orders
        self.dumps = dumps
        self.upcalls = upcalls
        self.families = families
        self.descriptor = descriptor
        dropsReasons = !makes
        // Freed in deinit.
        unsafe buffer = .allocate(
            byteCount: DatapathMessageLimits.datagramByteCountMax, alignment: 16)
        writer.destination = destination
        if makes {
            let failure = try exchange(.addDatapath(name: name))
            guard failure == nil || failure?.errno == EEXIST else {
                throw .kernel(failure?.text ?? "", code: failure?.errno ?? 0)
            }
        }
        // The datapath's own interface has its name.
        destination.interfaceIndex = unsafe if_nametoindex(name)
        guard destination.interfaceIndex != 0 else { throw .kernel("", code: ENODEV) }
        writer.destination = destination
    }

    deinit {
        close(descriptor)
        unsafe buffer.deallocate()
    }

    /// Removes the datapath with all that is in it.
    public func deleteDatapath() throws(ChannelError) {
        if let failure = try exchange(.deleteDatapath) {
            throw .kernel(failure.text, code: failure.errno)
        }
    }

    /// Names of the kernel's datapaths in this network namespace.
    public static func datapathNames() throws(ChannelError) -> [String] {
        let socket = try GenericNetlinkSocket()
        guard let families = try socket.families() else { return [] }
        var writer = DatagramWriter()
        do throws(DatapathMessageError) {
            _ = try writer.append(.describeDatapath, sequence: 1, families: families)
        } catch { throw .system(call: "describe the datapaths", code: error.errno) }
        try socket.send(writer.bytes)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
        defer { unsafe buffer.deallocate() }
        var names: [String] = []
        while let count = unsafe try socket.receive(into: buffer) {
            // Initialised: the kernel wrote these bytes.
            let datagram = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<min(count, 1 << 17)])
            let replies = unsafe DatapathReply.decode(
                RawSpan(_unsafeBytes: datagram), families: families)
            for reply in replies {
                switch reply.content {
                case .success(.datapath(let datapath)): names.append(datapath.name)
                case .success(.done), .success(.failed): return names.sorted()
                default: break
                }
            }
        }
        return names.sorted()
    }

    // MARK: At the beginning

    /// Sends one request and reads its verdict: the kernel has decided before `send` returns.
    private func exchange(
        _ request: KernelRequest
    ) throws(ChannelError) -> (errno: Int32, text: String)? {
        precondition(outstandingCount == 0, "exchanges are for when nothing else is under way")
        let socket = try GenericNetlinkSocket()
        var writer = DatagramWriter()
        writer.destination = destination
        do throws(DatapathMessageError) {
            _ = try writer.append(request, sequence: 1, families: families)
        } catch { throw .system(call: "write a request", code: error.errno) }
        try socket.send(writer.bytes)
        while let count = unsafe try socket.receive(into: buffer) {
            var verdict: DatapathReply?
            decode(count) { if case .success(let reply) = $0.content { verdict = reply } }
            switch verdict {
            case .done?: return nil
            case .failed(let errno, let text)?: return (errno, text)
            default: continue
            }
        }
        throw .system(call: "wait for openvswitch.ko", code: ETIMEDOUT)
    }

    // MARK: Sending

    public var unsentByteCount: Int {
        waitingByteCount + writer.byteCount + waitingDumps.reduce(0) { $0 + $1.bytes.count }
    }
    /// The kernel takes what it is given at once: what waits, waits for its answers.
    public var wantsToWrite: Bool { false }

    public func send(
        _ request: DatapathRequest, sequence: UInt32
    ) throws(ChannelSendError) {
        // A kernel does not know what is news: it tells of all.
        let request = request == .listFlowNews ? .listFlows : request
        guard unsentByteCount < ChannelLimits.outgoingByteCountMax else {
            throw .channel(.overflow(byteCount: unsentByteCount))
        }
        do throws(DatapathMessageError) {
            switch request {
            case .describeDatapath, .listPorts, .listFlows:
                var writer = DatagramWriter()
                writer.destination = destination
                _ = try writer.append(request, sequence: sequence, families: families)
                waitingDumps.append((writer.bytes, sequence))
                if case .listFlows = request { dumpsOfFlows.insert(sequence) }
            default: try add(request, sequence)
            }
        } catch { throw .message(error) }
    }

    private var dumpsOfFlows: Set<UInt32> = []

    private func add(
        _ request: DatapathRequest, _ sequence: UInt32
    ) throws(DatapathMessageError) {
        var request = request
        switch request {
        case .putFlow(let flow): request = .putFlow(kernelForm(flow))
        case .probeFlow(var flow):
            let ufid = names.fresh()
            flow.ufid = ufid
            probes[sequence] = .some(nil)
            try put { writer throws(DatapathMessageError) in
                try writer.append(.probeFlow(flow), sequence: sequence, families: families)
            }
            return try put { writer throws(DatapathMessageError) in
                try writer.append(
                    KernelRequest.deleteFlow(ufid), sequence: sequence, families: families)
            }
        case .execute(var packet):
            packet.offload = nil
            if dropsReasons { packet.actions = packet.actions.withoutDropReasons }
            request = .execute(packet)
        case .deleteFlow(let key, let mask):
            if let ufid = names.remove(key, mask) {
                return try put { writer throws(DatapathMessageError) in
                    try writer.append(
                        KernelRequest.deleteFlow(ufid), sequence: sequence, families: families)
                }
            }
        case .flushFlows: names.removeAll()
        default: break
        }
        let order = request
        try put { writer throws(DatapathMessageError) in
            try writer.append(order, sequence: sequence, families: families)
        }
    }

    /// Has `append` write to the open datagram, or to the next if there is no room.
    private func put(
        _ append: (inout DatagramWriter) throws(DatapathMessageError) -> Bool
    ) throws(DatapathMessageError) {
        if try append(&writer) { return }
        seal()
        _ = try append(&writer)
    }

    private func kernelForm(_ flow: CachedFlow) -> CachedFlow {
        var flow = flow
        flow.ufid = names.name(flow.key, flow.mask)
        if dropsReasons { flow.actions = flow.actions.withoutDropReasons }
        return flow
    }

    private func seal() {
        guard !writer.isEmpty else { return }
        waiting.append((writer.bytes, writer.messageCount))
        waitingByteCount += writer.byteCount
        writer.removeAll()
    }

    @discardableResult
    public func flush() throws(ChannelError) -> Bool {
        seal()
        var sent = 0
        while sent < waiting.count, outstandingCount < ChannelLimits.kernelRequestCountMax {
            try orders.send(waiting[sent].bytes)
            outstandingCount += waiting[sent].count
            waitingByteCount -= waiting[sent].bytes.count
            sent += 1
        }
        waiting.removeFirst(sent)
        if dump == nil, let next = waitingDumps.first {
            waitingDumps.removeFirst()
            try dumps.send(next.bytes)
            dump = (next.sequence, dumpsOfFlows.remove(next.sequence) != nil, [])
        }
        return waiting.isEmpty && waitingDumps.isEmpty
    }

    // MARK: Receiving

    public func receive(
        replies body: (Received<DatapathReply>) -> Void
    ) throws(ChannelError) -> ChannelConnection.Reception {
        var isDrained = true
        for _ in 0..<ChannelLimits.batchCount {
            let order = unsafe try orders.receive(into: buffer)
            if let order { decode(order) { answer($0, body) } }
            let item = unsafe try dumps.receive(into: buffer)
            if let item { decode(item) { dumped($0, body) } }
            let upcall = try receiveUpcall()
            if let upcall { decode(upcall) { body($0) } }
            isDrained = order == nil && item == nil && upcall == nil
            if isDrained { break }
        }
        // What waited for answers may go on.
        try flush()
        return isDrained ? .drained : .more
    }

    private func receiveUpcall() throws(ChannelError) -> Int? {
        do throws(ChannelError) {
            return unsafe try upcalls.receive(into: buffer)
        } catch {
            guard error == .lost else { throw error }
            lostCount += 1
            return nil
        }
    }

    private func decode(_ count: Int, _ body: (Received<DatapathReply>) -> Void) {
        guard count > 0, unsafe count <= buffer.count else { return }
        // Initialised: the kernel wrote these bytes. They are lent for the call.
        let datagram = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
        let replies = unsafe DatapathReply.decode(
            RawSpan(_unsafeBytes: datagram), families: families)
        for reply in replies { body(reply) }
    }

    /// An answer to an order: perhaps an object, then the verdict.
    private func answer(
        _ reply: Received<DatapathReply>, _ body: (Received<DatapathReply>) -> Void
    ) {
        switch reply.content {
        case .success(.done), .success(.failed): outstandingCount = max(0, outstandingCount - 1)
        case .failure: return  // An object that we cannot read; its verdict follows.
        default: break
        }
        if let probe = probes[reply.sequence] {
            answer(toProbe: probe, reply, body)
            return
        }
        body(reply)
    }

    /// The first verdict is on the flow, the second on its removal; of both only the first matters.
    private func answer(
        toProbe probe: DatapathReply?, _ reply: Received<DatapathReply>,
        _ body: (Received<DatapathReply>) -> Void
    ) {
        guard case .success(let verdict) = reply.content else { return }
        switch (verdict, probe) {
        case (.done, nil), (.failed, nil): probes[reply.sequence] = verdict
        case (.done, let first?), (.failed, let first?):
            probes[reply.sequence] = nil
            body(Received(sequence: reply.sequence, content: .success(first)))
        default: break
        }
    }

    private func dumped(
        _ reply: Received<DatapathReply>, _ body: (Received<DatapathReply>) -> Void
    ) {
        guard reply.sequence == dump?.sequence else { return }
        switch reply.content {
        case .success(.datapath(let datapath)): if datapath.name != name { return }
        case .success(.port(let port)): if port.name == name { return }
        case .success(.flow(var flow)):
            names.recall(&flow)
            if let ufid = flow.ufid { dump?.seen.insert(ufid) }
            body(Received(sequence: reply.sequence, content: .success(.flow(flow))))
            return
        case .success(.done), .success(.failed):
            if let dump, dump.isOfFlows, case .success(.done) = reply.content {
                names.keep(dump.seen)
            }
            dump = nil
        // A port or flow of a kind that we do not make: somebody else's.
        case .failure, .success(.upcall), .success(.meter), .success(.meterFeatures): return
        }
        body(reply)
    }
}
