public import Execution
import Flows

/// Why an order was refused. Nothing has changed then.
public enum OrderRefusal: Error, Hashable, Sendable {
    case portExists(UInt32)
    case noSuchPort(UInt32)
    /// Above `ForwardingLimits.portNumber`.
    case invalidPortNumber(UInt32)
    case noSuchFlow
    /// The packet is not kept (any more).
    case noSuchUpcall
    case tooManyFlows(limit: Int)
    case tooManyMasks(limit: Int)
    case tooManyActions(limit: Int)
    case actionsTooLarge(byteLimit: Int)
    /// Lists of actions inside each other.
    case actionsTooDeep(limit: Int)
    case meter(MeterRefusal)
    /// All action lists together have reached their limit.
    case noRoomForActions
    /// A packet to be executed is shorter than an Ethernet header.
    case truncatedPacket(byteCount: Int)
    case packetTooLarge(byteCount: Int, limit: Int)
    /// A packet's offload header is not 10 bytes, or points outside the packet.
    case invalidOffload
    /// The sink had no memory to lend.
    case noScratchMemory
}

extension OrderRefusal: CustomStringConvertible {
    /// The `errno` of the netlink answer, as the kernel's datapath would give it.
    public var errorNumber: Int32 {
        switch self {
        case .noSuchFlow, .noSuchUpcall, .meter(.noSuchMeter): 2  // ENOENT
        case .meter(.tooManyMeters): 27  // EFBIG
        case .actionsTooDeep, .meter: 22  // EINVAL
        case .tooManyActions, .actionsTooLarge: 7  // E2BIG
        case .noScratchMemory: 12  // ENOMEM
        case .portExists: 17  // EEXIST
        case .noSuchPort: 19  // ENODEV
        case .truncatedPacket, .invalidOffload: 22  // EINVAL
        case .invalidPortNumber: 27  // EFBIG
        case .tooManyFlows, .tooManyMasks, .noRoomForActions: 28  // ENOSPC
        case .packetTooLarge: 90  // EMSGSIZE
        }
    }

    /// One sentence for an operator, for the extended acknowledgement.
    public var description: String {
        switch self {
        case .portExists(let port): "port \(port) is there already"
        case .noSuchPort(let port): "there is no port \(port)"
        case .invalidPortNumber(let port):
            "port number \(port) is above \(ForwardingLimits.portNumber)"
        case .noSuchFlow: "there is no flow with this key and mask"
        case .noSuchUpcall: "the packet that this answers is not kept"
        case .tooManyFlows(let limit): "the table is full with \(limit) flows"
        case .tooManyMasks(let limit): "the table has \(limit) different masks already"
        case .tooManyActions(let limit): "more than \(limit) actions in one flow"
        case .actionsTooLarge(let limit): "the actions of one flow take more than \(limit) bytes"
        case .actionsTooDeep(let limit):
            "more than \(limit) lists of actions inside each other"
        case .meter(.tooManyMeters(let limit)): "meter numbers end at \(limit - 1)"
        case .meter(.badBandCount(let count)):
            "a meter has 1 to \(DatapathMeter.bandCountMax) bands, not \(count)"
        case .meter(.badRate): "a band needs a rate above 0"
        case .meter(.noSuchMeter): "there is no such meter"
        case .noRoomForActions: "the actions of all flows together take too much memory"
        case .truncatedPacket(let count): "a packet of \(count) bytes has no Ethernet header"
        case .packetTooLarge(let count, let limit):
            "a packet of \(count) bytes is larger than \(limit)"
        case .invalidOffload: "the packet's offload header contradicts its bytes"
        case .noScratchMemory: "no memory is left to execute a packet in"
        }
    }
}
