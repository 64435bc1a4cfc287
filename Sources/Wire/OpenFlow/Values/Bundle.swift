// Bundles: messages that take effect together or not at all. OpenFlow 1.4 §6.8, §7.3.9; for 1.3
// the ONF's extension 230.

/// OFPT_BUNDLE_CONTROL.
public struct BundleControl: Hashable, Sendable {
    public enum Kind: UInt16, Hashable, Sendable {
        case openRequest = 0, openReply, closeRequest, closeReply, commitRequest, commitReply
        case discardRequest, discardReply
    }
    public var bundle: UInt32
    public var kind: Kind
    public var flags: BundleFlags
    public init(bundle: UInt32, kind: Kind, flags: BundleFlags = []) {
        self.bundle = bundle
        self.kind = kind
        self.flags = flags
    }
}

/// `OFPBF_*`.
public struct BundleFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static let atomic = BundleFlags(rawValue: 1)
    public static let ordered = BundleFlags(rawValue: 2)
}

/// OFPT_BUNDLE_ADD_MESSAGE: `message` is to be carried out when the bundle is committed.
public struct BundleAddition: Hashable, Sendable {
    public var bundle: UInt32
    public var flags: BundleFlags
    public var message: OpenFlowMessage
    public init(bundle: UInt32, flags: BundleFlags = [], message: OpenFlowMessage) {
        self.bundle = bundle
        self.flags = flags
        self.message = message
    }
}
