import DatapathMessages
import Execution
import FlowCache
public import Flows
public import KernelPrograms
import Packets
public import Timekeeping

// The tier before the first: flows that the kernel forwards by itself.
//
//     microflow made ──> worth it? ──> tier.open ──> (frames pass below us) ──> refresh: counts
//                                                                                   │
//     flow removed or changed, port gone ──> tier.close ──> last counts <── idle ───┘
//
// What is opened is a megaflow, or as much of it as the tier can recognise. A place is offered
// whenever a microflow is made, that is with the second packet of a flow, to frames so large that
// somebody is in a hurry, and to a sample of the others. It is given up when the flow goes or its
// port, or when places run short and nothing came for a while. What an
// order causes happens before the order is answered, so that an answer means "in force", here as
// in the tables.
//
// What the tier counts is added to flows and ports when it is read: once a second, and before
// anything is told of them. The sums are then what they would have been without it.

/// Where express flows live: the kernel's table, or an array in a test. Used as a generic
/// parameter.
public protocol ExpressTier: ~Copyable {
    /// Has further packets that agree with `key` under `mask` treated as `deed` says, without us:
    /// as many of them as the tier can recognise, and not one other.
    ///
    /// - Returns: By which key the tier knows them; nil if it cannot, has no room, or has them
    ///   already: frames that were on their way up when a flow was opened offer it once more.
    mutating func openExpress(
        _ key: FlowKey, mask: FlowMask, _ deed: ExpressDeed
    ) -> ExpressKey?

    /// From here on the packets come to us again.
    ///
    /// - Returns: What the flow had counted since it was opened.
    mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts

    /// Tells what each flow has counted since it was opened.
    mutating func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void)
}

/// A sink without a tier: nothing is ever taken.
extension ExpressTier where Self: ~Copyable {
    public mutating func openExpress(
        _ key: FlowKey, mask: FlowMask, _ deed: ExpressDeed
    ) -> ExpressKey? { nil }
    public mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts { ExpressCounts() }
    public mutating func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void) {}
}

/// Which flows are in the tier, and what of their counts is already in ours. Owned by one thread.
struct ExpressLane {
    struct Flow {
        var slot: FlowSlotNumber
        var inPort: UInt32
        var deed: ExpressDeed
        /// Bytes of the tag with which the packets came and go, which the tier does not count.
        var inTagBytes: UInt64
        var outTagBytes: UInt64
        var counted = ExpressCounts()
        /// When packets were last found, in milliseconds.
        var usedMilliseconds: UInt64
    }

    typealias FlowSlotNumber = UInt32

    private(set) var flows: [ExpressKey: Flow] = [:]
    /// Keys by the megaflow that they came of.
    private var keys: [FlowSlotNumber: [ExpressKey]] = [:]
    private var offersLeft = ForwardingLimits.expressOffersPerSecond
    private var offersEndMilliseconds: UInt64 = 0
    /// Packets that passed below us.
    private(set) var packets: UInt64 = 0
    /// A flow found no place since the last refresh.
    private var hasRefused = false

    var hasRoom: Bool { flows.count < ForwardingLimits.expressFlows }

    mutating func noteRefusal() { hasRefused = true }

    /// Whether flows that do nothing should make room. Begins anew with each call.
    mutating func takeShortage() -> Bool {
        defer { hasRefused = false }
        return hasRefused || flows.count > ForwardingLimits.expressFlows / 2
    }

    /// Whether one more flow may be looked at in this second.
    mutating func takeOffer(_ nowMilliseconds: UInt64) -> Bool {
        if nowMilliseconds >= offersEndMilliseconds {
            offersLeft = ForwardingLimits.expressOffersPerSecond
            offersEndMilliseconds = nowMilliseconds + 1000
        }
        offersLeft -= 1
        return offersLeft >= 0
    }

    mutating func note(_ key: ExpressKey, _ flow: Flow) {
        flows[key] = flow
        keys[flow.slot, default: []].append(key)
    }

    func expressKeys(of slot: FlowSlotNumber) -> [ExpressKey] { keys[slot] ?? [] }

    mutating func forget(_ key: ExpressKey) {
        guard let flow = flows.removeValue(forKey: key) else { return }
        keys[flow.slot]?.removeAll { $0 == key }
        if keys[flow.slot]?.isEmpty == true { keys[flow.slot] = nil }
    }

    /// What is new in `counts`, which then is in ours; nil if nothing is, or if nobody knows `key`.
    mutating func news(
        _ key: ExpressKey, _ counts: ExpressCounts, _ nowMilliseconds: UInt64
    ) -> (flow: Flow, counts: ExpressCounts)? {
        guard let index = flows.index(forKey: key) else { return nil }
        let before = flows.values[index].counted
        guard counts.packets != before.packets else { return nil }
        flows.values[index].counted = counts
        flows.values[index].usedMilliseconds = nowMilliseconds
        let news = ExpressCounts(
            packets: counts.packets &- before.packets, bytes: counts.bytes &- before.bytes)
        packets &+= news.packets
        return (flows.values[index], news)
    }
}

extension Forwarder {
    /// Offers a packet's flow to the tier. Off the common path: for the second packet of a flow,
    /// and for very large ones.
    @inline(never)
    @usableFromInline
    mutating func offerExpress<Sink: ExpressTier & ~Copyable>(
        _ key: FlowKey, _ slot: UInt32, _ nowMilliseconds: UInt64, _ sink: inout Sink
    ) {
        guard lane.hasRoom, !isPoliced(key.inPort), lane.takeOffer(nowMilliseconds) else { return }
        let (_, mask, record) = tables.megaflows.flow(at: slot)
        guard let deed = ExpressDeed(programs.actions(of: record.program)),
            ledger.hasPort(deed.outPort)
        else { return }
        guard let expressKey = sink.openExpress(key, mask: mask, deed) else {
            lane.noteRefusal()
            return
        }
        let inTag: UInt64 = key.vlan0TCI == 0 ? 0 : 4
        let kept = deed.popsTag ? 0 : inTag
        lane.note(
            expressKey,
            ExpressLane.Flow(
                slot: slot, inPort: key.inPort, deed: deed, inTagBytes: inTag,
                outTagBytes: deed.pushedTCI == nil ? kept : kept + 4,
                usedMilliseconds: nowMilliseconds))
    }

    /// Brings in what the tier has counted, and ends flows of it that have nothing to do. To be
    /// called about once a second, and before counters are told.
    public mutating func refreshExpress<Sink: ExpressTier & ~Copyable>(
        now: Instant, _ sink: inout Sink
    ) {
        let nowMilliseconds = now.millisecondsSinceStart
        guard !lane.flows.isEmpty else { return }
        var all: [(ExpressKey, ExpressCounts)] = []
        sink.readExpress { all.append(($0, $1)) }
        let areShort = lane.takeShortage()
        for (key, counts) in all {
            add(key, counts, nowMilliseconds)
            guard let flow = lane.flows[key] else { continue }
            let idle = nowMilliseconds &- flow.usedMilliseconds
            if areShort && idle >= ForwardingLimits.expressIdleMilliseconds {
                close(key, nowMilliseconds: nowMilliseconds, &sink)
            }
        }
    }

    /// Packets that passed below us, as far as they were brought in.
    public var expressPackets: UInt64 { lane.packets }

    /// Ends all express flows of a megaflow that will go or change. Its counters then are complete.
    mutating func closeExpress<Sink: ExpressTier & ~Copyable>(
        ofFlow key: FlowKey, mask: FlowMask, now: Instant, _ sink: inout Sink
    ) {
        guard !lane.flows.isEmpty, let slot = tables.megaflows.find(key: key, mask: mask) else {
            return
        }
        for key in lane.expressKeys(of: slot) {
            close(key, nowMilliseconds: now.millisecondsSinceStart, &sink)
        }
    }

    /// Ends all express flows that enter or leave by a port; of all ports if `port` is nil.
    public mutating func closeExpress<Sink: ExpressTier & ~Copyable>(
        ofPort port: UInt32?, now: Instant, _ sink: inout Sink
    ) {
        // The order in which they end shows nowhere.
        let keys = lane.flows.filter { flow in
            port == nil || flow.value.inPort == port || flow.value.deed.outPort == port
        }.map(\.key)
        for key in keys { close(key, nowMilliseconds: now.millisecondsSinceStart, &sink) }
    }

    private mutating func close<Sink: ExpressTier & ~Copyable>(
        _ key: ExpressKey, nowMilliseconds: UInt64, _ sink: inout Sink
    ) {
        add(key, sink.closeExpress(key), nowMilliseconds)
        lane.forget(key)
    }

    private mutating func add(
        _ key: ExpressKey, _ counts: ExpressCounts, _ nowMilliseconds: UInt64
    ) {
        guard let (flow, news) = lane.news(key, counts, nowMilliseconds) else { return }
        let inBytes = news.bytes &+ news.packets &* flow.inTagBytes
        tables.megaflows.count(
            flow.slot, packets: news.packets, bytes: inBytes, nowMilliseconds: nowMilliseconds)
        ledger.ports.count(at: ledger.ports.place(of: flow.inPort)) { record in
            record.rxPackets &+= news.packets
            record.rxBytes &+= inBytes
            record.ends[Int(PacketEnd.forwarded.rawValue)] &+= news.packets
        }
        ledger.ports.count(at: ledger.ports.place(of: flow.deed.outPort)) { record in
            record.txPackets &+= news.packets
            record.txBytes &+= news.bytes &+ news.packets &* flow.outTagBytes
        }
    }
}
