public import Packets

// Frames and members: which one a frame leaves by, and by which it may enter.

extension Bond {
    /// What the choice for a frame depends on.
    public enum Rule: Hashable, Sendable {
        /// Nothing: all frames leave by this member.
        case always(UInt16)
        /// Source address and VLAN.
        case bySource
        /// Addresses, protocol and ports of IP; nothing for other frames.
        case byTransport
        /// No member may send.
        case nowhere
    }

    /// How frames leave now.
    public var rule: Rule {
        if lacpStatus == .configured {
            guard settings.fallsBackToActiveBackup else { return .nowhere }
            return activeMember.map { .always($0) } ?? .nowhere
        }
        switch settings.mode {
        case .activeBackup: return activeMember.map { .always($0) } ?? .nowhere
        case .balanceSLB: return .bySource
        // Without a partner that agreed, one conversation would reach it by many links.
        case .balanceTCP: return lacpStatus == .negotiated ? .byTransport : .nowhere
        }
    }

    /// The member that carries bucket `hash & 255`; one that has none goes to the member whose
    /// turn it is. Changes nothing: `use` makes the choice last.
    public func member(forHash hash: UInt32) -> UInt16? {
        guard !buckets.isEmpty else { return nil }
        return buckets[Int(hash & 0xff)].member ?? turns.first
    }

    /// A frame of `byteCount` bytes went to bucket `hash & 255`, or is about to.
    public mutating func use(hash: UInt32, byteCount: UInt64) {
        guard !buckets.isEmpty else { return }
        let index = Int(hash & 0xff)
        buckets[index].byteCount &+= byteCount
        guard buckets[index].member == nil, let next = turns.first else { return }
        buckets[index].member = next
        turns.append(turns.removeFirst())
    }

    /// Whether a frame that came by `number` may be taken in.
    public func verdict(from number: UInt16, isMulticast: Bool) -> Verdict {
        guard let member = member(number) else { return .drop(.notAMember) }
        switch lacpStatus {
        case .negotiated:
            // The partner knows of the bond and does not send anything twice.
            return member.isEnabled || member.isUp ? .accept : .drop(.memberDisabled)
        case .configured:
            guard settings.fallsBackToActiveBackup else { return .drop(.lacpNotNegotiated) }
        case .off:
            guard settings.mode != .balanceTCP else { return .drop(.needsLACP) }
        }
        if isMulticast, activeMember != number, !settings.allMembersActive {
            return .drop(.groupOnBackup)
        }
        switch settings.mode {
        case .activeBackup, .balanceTCP:
            return activeMember == number ? .accept : .drop(.backupMember)
        case .balanceSLB:
            return .acceptUnlessMoved
        }
    }
}

// Hashes. They are Open vSwitch's, so that `bond/hash` answers with its numbers.

/// MurmurHash3's steps for 32-bit words, by Austin Appleby, in the public domain.
enum Murmur {
    static func add(_ hash: UInt32, _ word: UInt32) -> UInt32 {
        let mixed = rotate(word &* 0xcc9e_2d51, 15) &* 0x1b87_3593
        return rotate(hash ^ mixed, 13) &* 5 &+ 0xe654_6b64
    }

    static func finish(_ hash: UInt32, byteCount: UInt32) -> UInt32 {
        var hash = hash ^ byteCount
        hash = (hash ^ hash >> 16) &* 0x85eb_ca6b
        hash = (hash ^ hash >> 13) &* 0xc2b2_ae35
        return hash ^ hash >> 16
    }

    private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word << count | word >> (32 - count)
    }
}

extension Bond {
    /// The hash of balance-slb. The bucket is its last octet.
    public static func hash(_ source: MACAddress, vlan: UInt16, basis: UInt32) -> UInt32 {
        let bits = source.bits | UInt64(vlan) << 48
        return hash(words: [UInt32(truncatingIfNeeded: bits), UInt32(bits >> 32)], basis: basis)
    }

    /// The hash of any row of words.
    public static func hash(words: [UInt32], basis: UInt32) -> UInt32 {
        Murmur.finish(
            words.reduce(basis) { Murmur.add($0, $1) },
            byteCount: UInt32(truncatingIfNeeded: 4 * words.count))
    }
}

// What an operator may order.

extension Bond {
    /// `bond/migrate`.
    public mutating func migrate(hash: UInt32, to name: String) throws(CommandError) {
        guard settings.mode == .balanceSLB else { throw CommandError("not an SLB bond") }
        let member = try existing(name)
        guard member.isEnabled else { throw CommandError("cannot migrate to disabled member") }
        guard !buckets.isEmpty else { throw CommandError("the bond works as active-backup now") }
        let index = Int(hash & 0xff)
        if let old = buckets[index].member { noteChange(old) }
        noteChange(member.number)
        buckets[index].member = member.number
    }

    /// `bond/set-active-member`. False: it is the active one already.
    public mutating func setActive(
        _ name: String, _ effects: inout [Effect]
    ) throws(CommandError) -> Bool {
        let member = try existing(name)
        guard member.isEnabled else { throw CommandError("cannot make disabled member active") }
        guard member.number != activeMember else { return false }
        makeActive(member.number, &effects)
        return true
    }

    /// `bond/enable-member`, `bond/disable-member`: until the link says otherwise.
    public mutating func setEnabled(
        _ name: String, _ isEnabled: Bool, _ effects: inout [Effect]
    ) throws(CommandError) {
        set(try existing(name).number, isEnabled: isEnabled, &effects)
    }

    private func existing(_ name: String) throws(CommandError) -> Member {
        guard let member = member(named: name) else { throw CommandError("no such member") }
        return member
    }
}
