// A link out of the kernel's message: by libnl-route what that knows, and the rest (what a VLAN or
// a bond is told) out of the message's own attributes.

internal import CNetlink
internal import Glibc
internal import LinkValues
internal import Packets

/// Links as they arrive, and what they have counted.
struct LinkHarvest {
    /// For ethtool's questions.
    let control: CInt
    var links: [Link] = []
    var counters: [Int: LinkCounters] = [:]

    init(control: CInt) { self.control = control }
}

/// Adds the link of one message to the `LinkHarvest` that `context` points to.
func harvestLink(_ message: OpaquePointer?, _ context: UnsafeMutableRawPointer?) -> CInt {
    // Safe: libnl hands in the message that it just read; the context is the caller's harvest.
    guard let message = unsafe message,
        let harvest = unsafe context?.assumingMemoryBound(to: LinkHarvest.self),
        let (link, counters) = unsafe Link.read(message, control: harvest.pointee.control)
    else { return CInt(NL_OK.rawValue) }
    unsafe harvest.pointee.links.append(link)
    unsafe harvest.pointee.counters[link.index] = counters
    return CInt(NL_OK.rawValue)
}

extension Link {
    /// Reads one link message; `nil` if it is not about a link itself. Bridges speak in the same
    /// group, of their ports (family AF_BRIDGE): there "deleted" means that the interface left a
    /// bridge, not that it is gone.
    static func read(_ message: OpaquePointer, control: CInt) -> (Link, LinkCounters)? {
        // Safe: the caller holds the message; the object is held by libnl during the callback, and
        // the result lives until the end of this function.
        guard let header = unsafe nlmsg_hdr(message) else { return nil }
        let fixed = CInt(MemoryLayout<ifinfomsg>.size)
        guard unsafe nlmsg_valid_hdr(header, fixed) != 0,
            let payload = unsafe nlmsg_data(header),
            unsafe payload.load(as: UInt8.self) == UInt8(AF_UNSPEC)
        else { return nil }
        var parsed = Parsed(control: control)
        _ = unsafe withUnsafeMutablePointer(to: &parsed) {
            unsafe nl_msg_parse(message, noteParsed, $0)
        }
        guard var link = parsed.link else { return nil }
        let attributes = unsafe nlmsg_attrdata(header, fixed)
        let count = unsafe nlmsg_attrlen(header, fixed)
        if let info = unsafe nla_find(attributes, count, CInt(IFLA_LINKINFO)) {
            unsafe link.readInformation(info)
        }
        return (link, parsed.counters)
    }

    fileprivate struct Parsed {
        let control: CInt
        var link: Link?
        var counters = LinkCounters()
        init(control: CInt) { self.control = control }
    }

    /// Reads a link object of libnl; `nil` if it has no name or number.
    fileprivate init?(_ object: OpaquePointer, control: CInt) {
        // Safe: the caller holds the object; each string is copied before it is released.
        guard let name = unsafe rtnl_link_get_name(object) else { return nil }
        let index = unsafe Int(rtnl_link_get_ifindex(object))
        guard index > 0 else { return nil }
        let flags = unsafe rtnl_link_get_flags(object)
        self.init(name: unsafe String(cString: name), index: index)
        mtu = unsafe Int(rtnl_link_get_mtu(object))
        isUp = flags & UInt32(IFF_UP) != 0
        // IFF_LOWER_UP, bit 16, has no name in glibc's net/if.h.
        hasCarrier = flags & 1 << 16 != 0
        address = unsafe Self.address(rtnl_link_get_addr(object))
        kind = unsafe rtnl_link_get_type(object).map { unsafe String(cString: $0) }
        alias = unsafe rtnl_link_get_ifalias(object).map { unsafe String(cString: $0) }
        let master = unsafe Int(rtnl_link_get_master(object))
        masterIndex = master > 0 ? master : nil
        let lower = unsafe Int(rtnl_link_get_link(object))
        lowerIndex = lower > 0 ? lower : nil
        var namespace: Int32 = 0
        if unsafe rtnl_link_get_link_netnsid(object, &namespace) == 0 {
            lowerNamespace = Int(namespace)
        }
        readSpeed(control)
    }

    private mutating func readSpeed(_ control: CInt) {
        var megabits: CInt = 0
        var duplex: CInt = 0
        // Safe: the name is a C string for the length of the call. If the question cannot be
        // answered, both numbers say "unknown".
        _ = unsafe apus_link_speed(control, name, &megabits, &duplex)
        speedMegabits = megabits > 0 ? Int(megabits) : nil
        self.duplex =
            switch duplex {
            case CInt(DUPLEX_HALF): .half
            case CInt(DUPLEX_FULL): .full
            default: nil
            }
    }

    private static func address(_ address: OpaquePointer?) -> MACAddress? {
        // Safe: libnl keeps `nl_addr_get_len` bytes at the address; six are read if there are six.
        guard let address = unsafe address, unsafe nl_addr_get_len(address) == 6,
            let octets = unsafe nl_addr_get_binary_addr(address)
        else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: octets, count: 6)
        return unsafe MACAddress(bits: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// IFLA_LINKINFO: the kind, and what links of this kind are told.
    private mutating func readInformation(_ nest: UnsafeMutablePointer<nlattr>) {
        // Safe: the nest lies in the caller's message, and nla_find stays in it.
        let inside = unsafe nla_data(nest)?.assumingMemoryBound(to: nlattr.self)
        let count = unsafe nla_len(nest)
        guard let data = unsafe nla_find(inside, count, CInt(IFLA_INFO_DATA)) else { return }
        let settings = unsafe Attributes(inside: data)
        switch kind {
        case "vlan":
            if let id = settings.number16(CInt(IFLA_VLAN_ID)) { detail = .vlan(id: id) }
        case "bond":
            var bond = BondSettings()
            bond.mode = settings.number8(CInt(IFLA_BOND_MODE)).flatMap(BondMode.init(rawValue:))
            bond.miimon = settings.number32(CInt(IFLA_BOND_MIIMON))
            bond.upDelay = settings.number32(CInt(IFLA_BOND_UPDELAY))
            bond.downDelay = settings.number32(CInt(IFLA_BOND_DOWNDELAY))
            bond.isLACPFast = settings.number8(CInt(IFLA_BOND_AD_LACP_RATE)).map { $0 != 0 }
            bond.hashPolicy = settings.number8(CInt(IFLA_BOND_XMIT_HASH_POLICY)).flatMap(
                BondHashPolicy.init(rawValue:))
            bond.minLinks = settings.number32(CInt(IFLA_BOND_MIN_LINKS))
            detail = .bond(bond)
        default: break
        }
    }
}

private func noteParsed(_ object: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
    // Safe: an object of a link message is a link, held by libnl during the callback.
    guard let object = unsafe object,
        let parsed = unsafe context?.assumingMemoryBound(to: Link.Parsed.self)
    else { return }
    unsafe parsed.pointee.link = Link(object, control: parsed.pointee.control)
    func count(_ what: rtnl_link_stat_id_t) -> UInt64 { unsafe rtnl_link_get_stat(object, what) }
    var counters = LinkCounters()
    counters.rxPackets = count(RTNL_LINK_RX_PACKETS)
    counters.rxBytes = count(RTNL_LINK_RX_BYTES)
    counters.rxErrors = count(RTNL_LINK_RX_ERRORS)
    counters.rxDropped = count(RTNL_LINK_RX_DROPPED)
    counters.txPackets = count(RTNL_LINK_TX_PACKETS)
    counters.txBytes = count(RTNL_LINK_TX_BYTES)
    counters.txErrors = count(RTNL_LINK_TX_ERRORS)
    counters.txDropped = count(RTNL_LINK_TX_DROPPED)
    unsafe parsed.pointee.counters = counters
}

/// The attributes of one nest, by type.
@safe
private struct Attributes {
    let first: UnsafeMutablePointer<nlattr>?
    let count: CInt

    init(inside nest: UnsafeMutablePointer<nlattr>) {
        // Safe: as for the caller's nest.
        unsafe first = nla_data(nest)?.assumingMemoryBound(to: nlattr.self)
        count = unsafe nla_len(nest)
    }

    /// The attribute, if its payload has `width` bytes at least.
    private func find(_ type: CInt, _ width: CInt) -> UnsafeMutablePointer<nlattr>? {
        // Safe: nla_find stays within `count` bytes.
        guard let found = unsafe nla_find(first, count, type), unsafe nla_len(found) >= width
        else { return nil }
        return unsafe found
    }

    func number8(_ type: CInt) -> UInt8? { unsafe find(type, 1).map { unsafe nla_get_u8($0) } }
    func number16(_ type: CInt) -> UInt16? { unsafe find(type, 2).map { unsafe nla_get_u16($0) } }
    func number32(_ type: CInt) -> UInt32? { unsafe find(type, 4).map { unsafe nla_get_u32($0) } }
}
