// Changing interfaces: each change is one message, and the kernel's verdict on it.

internal import CNetlink
internal import Glibc
public import LinkValues
public import Packets

extension LinkTable {
    /// Switches an interface on or off.
    ///
    /// - Throws: `.noSuchLink`, `.notPermitted`, or what the kernel said.
    public func set(_ name: String, up: Bool) throws(LinkError) {
        let flag = UInt32(IFF_UP)
        let message = unsafe try newMessage(
            RTM_NEWLINK, 0, index: link(named: name).index, flag: up ? flag : 0, flagMask: flag)
        unsafe try socket.order(
            message, interface: name, attempt: up ? "switch on" : "switch off")
    }

    /// Sets the largest payload of a frame, in bytes; the driver decides what is possible.
    public func set(_ name: String, mtu: Int) throws(LinkError) {
        guard let number = UInt32(exactly: mtu) else {
            throw LinkError(interface: name, attempt: "set MTU \(mtu)", code: -NLE_RANGE)
        }
        try change(name, attempt: "set MTU \(mtu)") {
            $0.put(CInt(IFLA_MTU), number)
        }
    }

    /// Sets the interface's own MAC address.
    public func set(_ name: String, address: MACAddress) throws(LinkError) {
        try change(name, attempt: "set address") { $0.put(CInt(IFLA_ADDRESS), address) }
    }

    /// Gives an interface another name; it must be down.
    public func rename(_ name: String, to other: String) throws(LinkError) {
        try change(name, attempt: "rename to \(other)") { $0.put(CInt(IFLA_IFNAME), other) }
    }

    /// Writes something beside an interface, at most 255 bytes.
    public func set(_ name: String, alias: String) throws(LinkError) {
        try change(name, attempt: "set alias") { $0.put(CInt(IFLA_IFALIAS), alias) }
    }

    /// Puts an interface into a bridge or a bond; `nil` takes it out. A bond takes only interfaces
    /// that are down.
    public func set(_ name: String, master: String?) throws(LinkError) {
        let index = try master.map { master throws(LinkError) in try link(named: master).index }
        try change(name, attempt: master.map { "put into \($0)" } ?? "take out") {
            $0.put(CInt(IFLA_MASTER), UInt32(clamping: index ?? 0))
        }
    }

    /// Sets what `settings` says of a bond.
    public func set(_ name: String, bond settings: BondSettings) throws(LinkError) {
        try change(name, attempt: "set the bond") { $0.put(settings) }
    }

    /// Sends an interface to another network namespace.
    public func set(_ name: String, namespace: String) throws(LinkError) {
        let descriptor = try NetworkNamespace.open(namespace)
        defer { close(descriptor) }
        try change(name, attempt: "move to namespace \(namespace)") {
            $0.put(CInt(IFLA_NET_NS_FD), UInt32(bitPattern: descriptor))
        }
    }

    /// Switches one kind of burst work on or off.
    public func set(_ name: String, _ offload: LinkOffload, on: Bool) throws(LinkError) {
        var value: UInt32 = on ? 1 : 0
        // Safe: the name is a C string for the length of the call.
        guard
            unsafe apus_link_feature(socket.control, name, offload.question + 1, &value) == 0
        else {
            throw LinkError(
                interface: name, attempt: "set offload \(offload.rawValue)", errno: errno)
        }
    }

    /// Removes an interface; a veth's peer goes with it.
    public func delete(_ name: String) throws(LinkError) {
        let message = unsafe try newMessage(RTM_DELLINK, 0, index: link(named: name).index)
        unsafe try socket.order(message, interface: name, attempt: "delete")
    }

    /// Makes an interface, as one whole: if something about it is refused, it is not there.
    ///
    /// - Throws: `.exists`, `.noSuchLink` (a parent or member), `.notPermitted`, or what the kernel
    ///   said.
    public func add(_ order: LinkOrder) throws(LinkError) {
        guard isLinkName(order.name) else {
            throw LinkError(
                kind: .refused, interface: order.name, attempt: "add",
                reason: "an interface's name has 1 to 15 bytes, and no blank, slash or colon")
        }
        if case .tap = order.kind {
            try addTap(order)
        } else {
            try addByMessage(order)
        }
        guard case .bond(_, let members) = order.kind else { return }
        do throws(LinkError) {
            for member in members {
                try set(member, up: false)
                try set(member, master: order.name)
                try set(member, up: true)
            }
        } catch {
            try delete(order.name)
            throw error
        }
    }

    private func addByMessage(_ order: LinkOrder) throws(LinkError) {
        var namespace: CInt = -1
        var parent = 0
        switch order.kind {
        case .veth(_, let name?): namespace = try NetworkNamespace.open(name)
        case .vlan(let name, _): parent = try link(named: name).index
        default: break
        }
        defer { if namespace >= 0 { close(namespace) } }
        let flags = NLM_F_CREATE | NLM_F_EXCL
        let message = unsafe try newMessage(RTM_NEWLINK, flags)
        var writer = unsafe AttributeWriter(message)
        writer.put(CInt(IFLA_IFNAME), order.name)
        if let mtu = order.mtu { writer.put(CInt(IFLA_MTU), UInt32(clamping: mtu)) }
        if let address = order.address { writer.put(CInt(IFLA_ADDRESS), address) }
        if parent > 0 { writer.put(CInt(IFLA_LINK), UInt32(clamping: parent)) }
        writer.putInformation(order, namespace: namespace)
        let attempt = "add \(order)"
        guard writer.isWhole else {
            unsafe nlmsg_free(message)
            throw LinkError(interface: order.name, attempt: attempt, code: -NLE_NOMEM)
        }
        unsafe try socket.order(message, interface: order.name, attempt: attempt)
        // The kernel looks at an alias only when it changes a link.
        guard let alias = order.alias else { return }
        do throws(LinkError) {
            try set(order.name, alias: alias)
        } catch {
            try delete(order.name)
            throw error
        }
    }

    private func addTap(_ order: LinkOrder) throws(LinkError) {
        // Safe: the name is a C string for the length of the call.
        guard unsafe apus_tap_make(order.name) == 0 else {
            throw LinkError(interface: order.name, attempt: "add \(order)", errno: errno)
        }
        do throws(LinkError) {
            if let mtu = order.mtu { try set(order.name, mtu: mtu) }
            if let address = order.address { try set(order.name, address: address) }
            if let alias = order.alias { try set(order.name, alias: alias) }
        } catch {
            try delete(order.name)
            throw error
        }
    }

    private func change(
        _ name: String, attempt: String, _ edit: (inout AttributeWriter) -> Void
    ) throws(LinkError) {
        let message = unsafe try newMessage(RTM_NEWLINK, 0, index: link(named: name).index)
        var writer = unsafe AttributeWriter(message)
        edit(&writer)
        guard writer.isWhole else {
            unsafe nlmsg_free(message)
            throw LinkError(interface: name, attempt: attempt, code: -NLE_NOMEM)
        }
        unsafe try socket.order(message, interface: name, attempt: attempt)
    }
}

/// Adds attributes to a message that somebody else owns.
@safe
private struct AttributeWriter {
    private let message: OpaquePointer
    /// Whether everything found room.
    private(set) var isWhole = true

    init(_ message: OpaquePointer) { unsafe self.message = message }

    private mutating func check(_ code: CInt) { isWhole = isWhole && code == 0 }

    // Safe here and below: libnl checks the room in its own message and copies what it is given.
    mutating func put(_ type: CInt, _ value: UInt8) {
        check(unsafe nla_put_u8(message, type, value))
    }
    mutating func put(_ type: CInt, _ value: UInt16) {
        check(unsafe nla_put_u16(message, type, value))
    }
    mutating func put(_ type: CInt, _ value: UInt32) {
        check(unsafe nla_put_u32(message, type, value))
    }
    mutating func put(_ type: CInt, _ text: String) {
        check(unsafe nla_put_string(message, type, text))
    }
    mutating func put(_ type: CInt, _ address: MACAddress) {
        let octets = (0..<6).map { UInt8(truncatingIfNeeded: address.bits >> (40 - 8 * $0)) }
        check(unsafe nla_put(message, type, 6, octets))
    }

    mutating func nest(_ type: CInt, _ body: (inout AttributeWriter) -> Void) {
        guard let start = unsafe nla_nest_start(message, type) else {
            isWhole = false
            return
        }
        body(&self)
        check(unsafe nla_nest_end(message, start))
    }

    mutating func put(_ bond: BondSettings) {
        nest(CInt(IFLA_LINKINFO)) {
            $0.put(CInt(IFLA_INFO_KIND), "bond")
            $0.nest(CInt(IFLA_INFO_DATA)) { $0.putBond(bond) }
        }
    }

    private mutating func putBond(_ bond: BondSettings) {
        // The mode first: which of the others are allowed depends on it.
        if let mode = bond.mode { put(CInt(IFLA_BOND_MODE), mode.rawValue) }
        if let miimon = bond.miimon { put(CInt(IFLA_BOND_MIIMON), miimon) }
        if let delay = bond.upDelay { put(CInt(IFLA_BOND_UPDELAY), delay) }
        if let delay = bond.downDelay { put(CInt(IFLA_BOND_DOWNDELAY), delay) }
        if let fast = bond.isLACPFast { put(CInt(IFLA_BOND_AD_LACP_RATE), UInt8(fast ? 1 : 0)) }
        if let policy = bond.hashPolicy { put(CInt(IFLA_BOND_XMIT_HASH_POLICY), policy.rawValue) }
        if let count = bond.minLinks { put(CInt(IFLA_BOND_MIN_LINKS), count) }
    }

    /// - Parameter namespace: A descriptor for the peer's, or -1.
    mutating func putInformation(_ order: LinkOrder, namespace: CInt) {
        nest(CInt(IFLA_LINKINFO)) { writer in
            writer.put(CInt(IFLA_INFO_KIND), order.kind.name)
            switch order.kind {
            case .dummy, .bridge, .tap: break
            case .veth(let peer, _):
                writer.nest(CInt(IFLA_INFO_DATA)) { $0.putPeer(peer, order.mtu, namespace) }
            case .vlan(_, let id):
                writer.nest(CInt(IFLA_INFO_DATA)) { $0.put(CInt(IFLA_VLAN_ID), id) }
            case .bond(let settings, _):
                writer.nest(CInt(IFLA_INFO_DATA)) { $0.putBond(settings) }
            }
        }
    }

    private mutating func putPeer(_ name: String, _ mtu: Int?, _ namespace: CInt) {
        nest(CInt(VETH_INFO_PEER)) {
            var fixed = ifinfomsg()
            $0.check(
                unsafe nlmsg_append(
                    $0.message, &fixed, MemoryLayout<ifinfomsg>.size, CInt(NLMSG_ALIGNTO)))
            $0.put(CInt(IFLA_IFNAME), name)
            if let mtu { $0.put(CInt(IFLA_MTU), UInt32(clamping: mtu)) }
            if namespace >= 0 { $0.put(CInt(IFLA_NET_NS_FD), UInt32(bitPattern: namespace)) }
        }
    }
}
