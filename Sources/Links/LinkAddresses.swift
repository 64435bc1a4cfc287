// Addresses of interfaces, by libnl-route.

internal import CNetlink
internal import Glibc
public import LinkValues
internal import Packets

extension LinkTable {
    /// Addresses of all interfaces, by index, in order.
    public func addresses() throws(LinkError) -> [Int: [InterfaceAddress]] {
        var cache: OpaquePointer?
        // Safe: on success the cache is ours.
        let code = unsafe rtnl_addr_alloc_cache(socket.pointer, &cache)
        guard code == 0, let cache = unsafe cache else {
            throw LinkError(interface: "netlink", attempt: "list addresses", code: code)
        }
        defer { unsafe nl_cache_free(cache) }
        var addresses: [Int: [InterfaceAddress]] = [:]
        // Safe: the objects belong to the cache, which is kept until the end of the function.
        var object = unsafe nl_cache_get_first(cache)
        while let present = unsafe object {
            if let address = unsafe InterfaceAddress(rtnl_addr_get_local(present)) {
                let index = unsafe Int(rtnl_addr_get_ifindex(present))
                addresses[index, default: []].append(address)
            }
            unsafe object = nl_cache_get_next(present)
        }
        return addresses.mapValues { $0.sorted() }
    }

    public func add(_ address: InterfaceAddress, to name: String) throws(LinkError) {
        unsafe try exchange(address, name, "add address \(address)") { table, object in
            unsafe rtnl_addr_add(table.pointer, object, 0)
        }
    }

    public func remove(_ address: InterfaceAddress, from name: String) throws(LinkError) {
        unsafe try exchange(address, name, "remove address \(address)") { table, object in
            unsafe rtnl_addr_delete(table.pointer, object, 0)
        }
    }

    private func exchange(
        _ address: InterfaceAddress, _ name: String, _ attempt: String,
        _ body: (borrowing LinkSocket, OpaquePointer) -> CInt
    ) throws(LinkError) {
        let index = try link(named: name).index
        let octets = address.octets
        // Safe: libnl copies the bytes; both objects are ours until they are put back.
        guard let object = unsafe rtnl_addr_alloc() else {
            throw LinkError(interface: name, attempt: attempt, code: -NLE_NOMEM)
        }
        defer { unsafe rtnl_addr_put(object) }
        let family = octets.count == 4 ? AF_INET : AF_INET6
        guard let local = unsafe nl_addr_build(family, octets, octets.count) else {
            throw LinkError(interface: name, attempt: attempt, code: -NLE_NOMEM)
        }
        defer { unsafe nl_addr_put(local) }
        unsafe nl_addr_set_prefixlen(local, CInt(address.prefixLength))
        unsafe rtnl_addr_set_ifindex(object, CInt(index))
        var code = unsafe rtnl_addr_set_local(object, local)
        if code == 0 { code = unsafe body(socket, object) }
        guard code == 0 else {
            throw LinkError(
                interface: name, attempt: attempt, code: code, kernel: socket.takeComplaint())
        }
    }
}

extension InterfaceAddress {
    fileprivate var octets: [UInt8] {
        func bytes(_ value: some FixedWidthInteger, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
        }
        return switch host {
        case .ipv4(let address): bytes(address.bits, 4)
        case .ipv6(let address): bytes(address.high, 8) + bytes(address.low, 8)
        }
    }

    fileprivate init?(_ address: OpaquePointer?) {
        // Safe: libnl keeps `nl_addr_get_len` bytes at the address, and no more are read.
        guard let address = unsafe address, let start = unsafe nl_addr_get_binary_addr(address)
        else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: start, count: Int(nl_addr_get_len(address)))
        func number(_ range: Range<Int>) -> UInt64 {
            unsafe bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let host: Host
        switch bytes.count {
        case 4: host = .ipv4(IPv4Address(bits: UInt32(number(0..<4))))
        case 16: host = .ipv6(IPv6Address(high: number(0..<8), low: number(8..<16)))
        default: return nil
        }
        self.init(host: host, prefixLength: unsafe Int(nl_addr_get_prefixlen(address)))
    }
}
