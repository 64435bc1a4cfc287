internal import DatabaseProtocol
internal import DatabaseReplica
public import Packets
public import Switching

// What rows of Bridge and Port say about spanning trees: conf.db(5), "Spanning Tree Configuration".
//
// The rapid protocol wins where both are asked for. A number that is none, or out of range, counts
// as its default; times of the old protocol are forced into their ranges, as in Open vSwitch.

/// A bridge that speaks a spanning tree protocol.
public struct WantedSpanning: Hashable, Sendable {
    public var version: SpanningTree.Version
    /// nil: the bridge's own address.
    public var address: MACAddress?
    public var priority: UInt16 = 0x8000
    public var times = SpanningTimes()
    public var isRapid = true
    public var transmitHoldCount = 6
    /// `rstp-ageing-time`; nil: not set.
    public var ageingSeconds: Int?
    /// What stands in a column and is not followed.
    public var misunderstood: [String] = []
}

/// What a port says of both protocols.
public struct WantedSpanningPort: Hashable, Sendable {
    public var stp = Tree()
    public var rstp = Tree()
    public var adminEdge = false
    public var autoEdge = true
    public var mcheck = false
    public var isPointToPoint = true

    public struct Tree: Hashable, Sendable {
        public var isEnabled = true
        /// nil: made by the switch. 0: what stands there is no number of a port.
        public var number: UInt16?
        public var priority: UInt8 = 128
        /// nil: made from the link's speed.
        public var pathCost: UInt32?
    }
}

extension WantedSpanning {
    init?(row: TypedRow<BridgeColumns>) {
        let (rapid, old) = (row.rstpEnable, row.stpEnable)
        guard rapid || old else { return nil }
        version = rapid ? .rstp : .stp
        if rapid, old { misunderstood.append("stp_enable beside rstp_enable; RSTP is enabled") }
        let key = rapid ? "rstp-address" : "stp-system-id"
        if let text = row.otherConfig[key] {
            address = MACAddress(text)
            if address == nil { misunderstood.append("\(key)=\(text)") }
        }
        if rapid { readRapid(row.otherConfig) } else { readOld(row.otherConfig) }
    }

    private mutating func readOld(_ config: ColumnMap<String, String>) {
        func seconds(_ key: String, _ usual: Int, _ range: ClosedRange<Int>) -> UInt16 {
            let wanted = config.spanningNumber(key) ?? usual
            return UInt16(clamping: min(max(wanted, range.lowerBound), range.upperBound))
        }
        priority = config.spanningNumber("stp-priority").flatMap { UInt16(exactly: $0) } ?? 0x8000
        let hello = seconds("stp-hello-time", 2, 1...10)
        let age = seconds("stp-max-age", 20, max(2 * (Int(hello) + 1), 6)...40)
        let delay = seconds("stp-forward-delay", 15, Int(age) / 2 + 1...30)
        times = SpanningTimes(maxAge: age, helloTime: hello, forwardDelay: delay)
    }

    private mutating func readRapid(_ config: ColumnMap<String, String>) {
        func number(_ key: String, _ range: ClosedRange<Int>) -> Int? {
            config.spanningNumber(key).flatMap { range.contains($0) ? $0 : nil }
        }
        if let wanted = number("rstp-priority", 0...65535) {
            priority = UInt16(wanted & 0xf000)
        }
        ageingSeconds = number("rstp-ageing-time", 10...1_000_000)
        isRapid = (config.spanningNumber("rstp-force-protocol-version") ?? 2) >= 2
        transmitHoldCount = number("rstp-transmit-hold-count", 1...10) ?? 6
        let age = number("rstp-max-age", 6...40) ?? 20
        let delay = number("rstp-forward-delay", 4...30) ?? 15
        // 802.1D-2004 §17.14: information must not live longer than it takes to forward.
        guard 2 * (delay - 1) >= age else {
            misunderstood.append("rstp-max-age=\(age) with rstp-forward-delay=\(delay)")
            return
        }
        times = SpanningTimes(maxAge: UInt16(age), forwardDelay: UInt16(delay))
    }
}

extension WantedSpanningPort {
    init(row: TypedRow<PortColumns>) {
        func number(_ key: String, _ range: ClosedRange<Int>) -> Int? {
            row.otherConfig.spanningNumber(key).flatMap { range.contains($0) ? $0 : nil }
        }
        func isTrue(_ key: String, _ usual: Bool) -> Bool {
            switch row.otherConfig[key]?.lowercased() {
            case "true": true
            case "false": false
            default: usual
            }
        }
        func portNumber(_ key: String, _ largest: Int) -> UInt16? {
            guard row.otherConfig[key] != nil else { return nil }
            return UInt16(number(key, 1...largest) ?? 0)
        }
        stp.isEnabled = isTrue("stp-enable", true)
        stp.number = portNumber("stp-port-num", SpanningLimits.stpPorts)
        stp.priority = UInt8(number("stp-port-priority", 0...255) ?? 128)
        stp.pathCost = number("stp-path-cost", 0...65535).map { UInt32($0) }
        rstp.isEnabled = isTrue("rstp-enable", true)
        rstp.number = portNumber("rstp-port-num", SpanningLimits.rstpPorts)
        rstp.priority = UInt8((number("rstp-port-priority", 0...240) ?? 128) & 0xf0)
        let cost =
            number("rstp-path-cost", 1...200_000_000)
            ?? number("rstp-port-path-cost", 1...200_000_000)
        rstp.pathCost = cost.map { UInt32($0) }
        adminEdge = isTrue("rstp-port-admin-edge", false)
        autoEdge = isTrue("rstp-port-auto-edge", true)
        mcheck = isTrue("rstp-port-mcheck", false)
        isPointToPoint = row.otherConfig.spanningNumber("rstp-admin-p2p-mac") != 0
    }

    func settings(_ version: SpanningTree.Version) -> Tree { version == .stp ? stp : rstp }
}

extension ColumnMap<String, String> {
    /// A number, decimal or after 0x.
    fileprivate func spanningNumber(_ key: String) -> Int? {
        self[key].flatMap { text in
            text.lowercased().hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        }
    }
}
