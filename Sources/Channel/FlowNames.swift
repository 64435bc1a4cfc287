internal import DatapathMessages
internal import Flows
internal import Glibc

// Names for flows, and what they stand for.
//
// The kernel writes a mask in its own way, so that what it tells of a flow need not look like what
// it was told. By its name each is recognised, and the words of whoever made it are given back.

struct FlowNames {
    private struct Identity: Hashable {
        let key: FlowKey
        let mask: FlowMask
    }
    private var names: [Identity: UFID] = [:]
    private var identities: [UFID: Identity] = [:]
    /// Given since the last dump of flows began: it may not show them.
    private var young: Set<UFID> = []
    private let high: UInt64
    private var last: UInt64 = 0

    init() {
        // One that no other process gives: another vswitchd's flows may still be there.
        var time = timespec()
        // Safe: `time` lives during the call, which cannot fail for this clock.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        high =
            UInt64(bitPattern: Int64(time.tv_sec)) << 30 ^ UInt64(time.tv_nsec)
            ^ UInt64(getpid()) << 44
    }

    /// A name that nothing has.
    mutating func fresh() -> UFID {
        last += 1
        return UFID(high: high, low: last)
    }

    /// The name of the flow with this key and mask; a new one if it has none.
    mutating func name(_ key: FlowKey, _ mask: FlowMask) -> UFID {
        let identity = Identity(key: key, mask: mask)
        if let name = names[identity] { return name }
        let name = fresh()
        names[identity] = name
        identities[name] = identity
        young.insert(name)
        return name
    }

    /// Gives `flow` back the key and mask that it was named by; one of another process is named as
    /// the kernel tells it.
    mutating func recall(_ flow: inout CachedFlow) {
        guard let name = flow.ufid else { return }
        if let identity = identities[name] {
            (flow.key, flow.mask) = (identity.key, identity.mask)
        } else {
            let identity = Identity(key: flow.key, mask: flow.mask)
            guard names[identity] == nil else { return }
            names[identity] = name
            identities[name] = identity
        }
    }

    mutating func remove(_ key: FlowKey, _ mask: FlowMask) -> UFID? {
        guard let name = names.removeValue(forKey: Identity(key: key, mask: mask)) else {
            return nil
        }
        identities[name] = nil
        young.remove(name)
        return name
    }

    /// Forgets what a whole dump did not show, except what is too new for it.
    mutating func keep(_ seen: Set<UFID>) {
        let gone = identities.filter { !seen.contains($0.key) && !young.contains($0.key) }
        for (name, identity) in gone {
            identities[name] = nil
            names[identity] = nil
        }
        young = []
    }

    mutating func removeAll() { (names, identities, young) = ([:], [:], []) }
}
