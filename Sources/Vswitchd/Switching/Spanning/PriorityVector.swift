internal import Packets

// What is better: the order in which bridges believe each other. IEEE 802.1D-2004 §17.5 and §17.6.

/// A claim about the root: that it is `root`, `rootPathCost` away from the bridge that says so. Of
/// two claims the smaller is the better one.
struct PriorityVector: Hashable, Comparable, Sendable {
    var root: BridgeIdentifier
    var rootPathCost: UInt32
    var designatedBridge: BridgeIdentifier
    var designatedPort: UInt16

    static func < (a: Self, b: Self) -> Bool {
        (a.root, a.rootPathCost, a.designatedBridge, a.designatedPort)
            < (b.root, b.rootPathCost, b.designatedBridge, b.designatedPort)
    }

    /// Whether a received claim takes the place of `present`: it is better, or its sender is the
    /// one whose claim that was, and may think otherwise now (§17.6).
    func supersedes(_ present: Self) -> Bool {
        guard self != present else { return false }
        let isSameSender =
            designatedBridge.address == present.designatedBridge.address
            && designatedPort & 0xfff == present.designatedPort & 0xfff
        return self < present || isSameSender
    }
}

extension PriorityVector {
    init(_ message: BPDU.Message) {
        self.init(
            root: message.root, rootPathCost: message.rootPathCost,
            designatedBridge: message.bridge, designatedPort: message.port)
    }

    /// What a bridge says of itself while it knows of no other.
    init(ofBridge identifier: BridgeIdentifier) {
        self.init(
            root: identifier, rootPathCost: 0, designatedBridge: identifier, designatedPort: 0)
    }

    /// The same claim seen from behind a port with this cost; it does not get better by being too
    /// far away to be counted.
    func adding(cost: UInt32) -> Self {
        var copy = self
        let (sum, overflow) = rootPathCost.addingReportingOverflow(cost)
        copy.rootPathCost = overflow ? .max : sum
        return copy
    }
}
