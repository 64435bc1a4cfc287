import OpenFlow

// What comes of a group mod.

/// Why a group mod was refused; nothing was changed then. Each case names the OpenFlow error
/// (OFPGMFC_*) that tells the controller.
public enum GroupModError: Error, Hashable, Sendable {
    case groupExists(UInt32)
    case invalidGroup(UInt32)
    case unknownGroup(UInt32)
    case outOfGroups(limit: Int)
    case outOfBuckets(limit: Int)
    /// A group may not, by way of others, send to itself.
    case loop(UInt32)
    case badBucket(String)
    /// Only buckets that are chosen among others watch something.
    case watchUnsupported
    case bucketExists(UInt32)
    case unknownBucket(UInt32)
    case badCommand
    case badSelection(String)
    /// An action that no rule could have either.
    case badAction(FlowModError)
}

extension GroupModError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .groupExists(let group): "group \(group) is there already"
        case .invalidGroup(let group): "\(group) is no number of a group that may be changed so"
        case .unknownGroup(let group): "there is no group \(group)"
        case .outOfGroups(let limit): "the bridge has \(limit) groups, which is all it may have"
        case .outOfBuckets(let limit): "a group has \(limit) buckets at most"
        case .loop(let group): "group \(group) would send to itself"
        case .badBucket(let what): what
        case .watchUnsupported: "buckets of this type of group watch nothing"
        case .bucketExists(let id): "bucket \(id) is there already"
        case .unknownBucket(let id): "there is no bucket \(id)"
        case .badCommand: "this type of group has exactly one bucket"
        case .badSelection(let what): what
        case .badAction(let error): error.description
        }
    }
}
