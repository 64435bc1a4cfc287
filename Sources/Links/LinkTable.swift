// Asking the kernel about interfaces, one question and answer at a time.

internal import CNetlink
internal import Glibc
public import LinkValues
internal import Packets

/// A conversation with the kernel about the interfaces of one network namespace. Reading needs no
/// privilege, changing CAP_NET_ADMIN. For one thread at a time; calls wait for the kernel's answer,
/// which takes microseconds.
@safe
public struct LinkTable: ~Copyable {
    let socket: LinkSocket

    /// In the network namespace of the calling thread.
    ///
    /// - Throws: If the kernel refuses a netlink socket.
    public init() throws(LinkError) {
        socket = try LinkSocket()
    }

    /// In namespace `name`; `nil` is that of the calling thread. See `NetworkNamespace.path`.
    public init(namespace name: String?) throws(LinkError) {
        self = try NetworkNamespace.enter(name) { () throws(LinkError) in try LinkTable() }
    }

    /// The interface called `name`.
    ///
    /// - Throws: `.noSuchLink` if there is none.
    public func link(named name: String) throws(LinkError) -> Link {
        var message: OpaquePointer?
        guard isLinkName(name) else {
            throw LinkError(interface: name, attempt: "read", code: -NLE_NODEV)
        }
        // Safe: `name` is a C string for the length of the call; on success the message is ours.
        let code = unsafe rtnl_link_build_get_request(0, name, &message)
        guard code == 0, let message = unsafe message else {
            throw LinkError(interface: name, attempt: "read", code: code)
        }
        let harvest = unsafe try harvest(message, isDump: false, name, "read")
        guard let link = harvest.links.first else {
            throw LinkError(interface: name, attempt: "read", code: -NLE_NODEV)
        }
        return link
    }

    /// All interfaces, by rising index.
    public func links() throws(LinkError) -> [Link] { try census().links }

    /// All interfaces, by rising index, and what each has counted.
    public func census() throws(LinkError) -> (links: [Link], counters: [Int: LinkCounters]) {
        let message = unsafe try newMessage(RTM_GETLINK, NLM_F_DUMP)
        let harvest = unsafe try harvest(message, isDump: true, "netlink", "list interfaces")
        return (harvest.links.sorted { $0.index < $1.index }, harvest.counters)
    }

    private func harvest(
        _ message: OpaquePointer, isDump: Bool, _ interface: String, _ attempt: String
    ) throws(LinkError) -> LinkHarvest {
        var harvest = LinkHarvest(control: socket.control)
        // Safe: the pointer is used during the call only.
        let result = unsafe withUnsafeMutablePointer(to: &harvest) {
            harvest -> Result<Void, LinkError> in
            do throws(LinkError) {
                unsafe try socket.ask(
                    message, isDump: isDump, interface: interface, attempt: attempt, harvestLink,
                    harvest)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
        return harvest
    }

    /// An rtnetlink message with an empty `struct ifinfomsg`.
    func newMessage(
        _ type: Int, _ flags: Int32, index: Int = 0, flag: UInt32 = 0, flagMask: UInt32 = 0
    ) throws(LinkError) -> OpaquePointer {
        var fixed = ifinfomsg()
        fixed.ifi_index = CInt(clamping: index)
        fixed.ifi_flags = flag
        fixed.ifi_change = flagMask
        // Safe: libnl copies the structure; the message is the caller's.
        guard let message = unsafe nlmsg_alloc_simple(CInt(type), flags),
            unsafe nlmsg_append(
                message, &fixed, MemoryLayout<ifinfomsg>.size, CInt(NLMSG_ALIGNTO)) == 0
        else { throw LinkError(interface: "netlink", attempt: "make a message", code: -NLE_NOMEM) }
        return unsafe message
    }

    /// Which bursts' work an interface does; those that its driver does not know are missing.
    public func offloads(of name: String) -> [LinkOffload: Bool] {
        var result: [LinkOffload: Bool] = [:]
        for offload in LinkOffload.allCases {
            var value: UInt32 = 0
            // Safe: the name is a C string for the length of the call.
            if unsafe apus_link_feature(socket.control, name, offload.question, &value) == 0 {
                result[offload] = value != 0
            }
        }
        return result
    }
}

extension LinkOffload {
    /// ETHTOOL_G…; the order that sets it is one more (linux/ethtool.h).
    var question: UInt32 {
        switch self {
        case .rx: UInt32(ETHTOOL_GRXCSUM)
        case .tx: UInt32(ETHTOOL_GTXCSUM)
        case .sg: UInt32(ETHTOOL_GSG)
        case .tso: UInt32(ETHTOOL_GTSO)
        case .gso: UInt32(ETHTOOL_GGSO)
        case .gro: UInt32(ETHTOOL_GGRO)
        }
    }
}
