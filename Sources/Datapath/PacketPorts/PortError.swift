// What went wrong with a port, in words an operator can act on.
//
// Opening a port happens once and may fail for many reasons of the world, so the error is rich.
// Sending a frame happens millions of times and fails by counting a `PacketEnd` instead.

internal import CLinuxPacket
internal import Glibc

/// Why a port could not be opened, or stopped working.
public struct PortError: Error, Hashable, Sendable {
    /// What an operator or the program can do something about.
    public enum Kind: Hashable, Sendable {
        /// No interface of that name in this network namespace.
        case noSuchInterface
        /// Not a possible interface name: empty, 16 bytes or longer, or with `/` or white space.
        case invalidName
        /// A tap was to be made, but an interface of that name exists.
        case nameTaken
        /// The interface does not carry Ethernet frames.
        case notEthernet
        /// The process lacks CAP_NET_RAW, CAP_NET_ADMIN or CAP_BPF.
        case notPermitted
        /// This kernel does not have what was asked for.
        case unsupported
        /// The rings that are there take all the memory that rings may (`RingBudget`).
        case noRingMemory(limitByteCount: Int)
        /// Any other refusal of the kernel; `errorNumber` says which.
        case refused
    }

    public var kind: Kind
    /// Name of the interface.
    public var interface: String
    /// The system call that failed, for example "bind(AF_PACKET)"; empty if none was made.
    public var call: String
    /// `errno`, or 0 if no system call failed.
    public var errorNumber: CInt

    public init(_ kind: Kind, interface: String, call: String = "", errorNumber: CInt = 0) {
        self.kind = kind
        self.interface = interface
        self.call = call
        self.errorNumber = errorNumber
    }

    /// The error of a system call that just failed.
    init(interface: String, call: String, errorNumber: CInt = errno) {
        let kind: Kind =
            switch errorNumber {
            case ENODEV, ENXIO: .noSuchInterface
            case EPERM, EACCES: .notPermitted
            case ENOPROTOOPT, ENOTSUP, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT: .unsupported
            default: .refused
            }
        self.init(kind, interface: interface, call: call, errorNumber: errorNumber)
    }
}

extension PortError: CustomStringConvertible {
    /// One sentence, for example "eth7: there is no such interface here (create it, for example
    /// `ip link add eth7 type veth peer name eth7-peer`)".
    public var description: String {
        let sentence =
            switch kind {
            case .noSuchInterface:
                "there is no such interface here (create it, for example "
                    + "`ip link add \(interface) type veth peer name peer0`)"
            case .invalidName:
                "not a possible interface name (1 to 15 bytes without `/` and white space)"
            case .nameTaken:
                "an interface of this name exists already (remove it with "
                    + "`ip link del \(interface)`, or choose another name)"
            case .notEthernet: "the interface does not carry Ethernet frames"
            case .notPermitted: "not permitted (run as root, or with CAP_NET_RAW and CAP_NET_ADMIN)"
            case .unsupported: "this kernel does not support it"
            case .noRingMemory(let limit):
                "the rings of other ports take all of the \(limit >> 20) MiB that rings may take "
                    + "(remove ports that are not needed)"
            case .refused: "refused by the kernel"
            }
        guard errorNumber != 0, !call.isEmpty else { return "\(interface): \(sentence)" }
        // Safe: strerror always returns a C string, copied before the next call.
        let text = unsafe String(cString: strerror(errorNumber))
        return "\(interface): \(sentence): \(call): \(text)"
    }
}
