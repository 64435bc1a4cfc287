// Errors by name, with the numbers that each version gives them.
//
// One line each. Where a version has no number of its own, Nicira's extension often gives one
// (vendor 0x2320), and where neither does, NXBRC_UNENCODABLE_ERROR stands in, as in Open vSwitch.

/// An error of `OFPT_ERROR`. OpenFlow 1.0 §5.4.4, 1.3.5 §7.4.4.
public struct OpenFlowErrorCode: Error, Sendable {
    public struct Number: Hashable, Sendable {
        /// 0: a number of the standard.
        public var vendor: UInt32
        public var type: UInt16
        public var code: UInt16
        public init(vendor: UInt32 = 0, _ type: UInt16, _ code: UInt16) {
            self.vendor = vendor
            self.type = type
            self.code = code
        }
    }

    /// As the standard writes it, and `ovs-ofctl` prints it.
    public let name: String
    private let v10: Number?
    private let v13: Number?

    private init(_ name: String, v10: Number?, v13: Number?) {
        self.name = name
        self.v10 = v10
        self.v13 = v13
    }

    public func number(in version: OpenFlowVersion) -> Number {
        switch version {
        case .v10: v10 ?? Number(vendor: niciraID, 1, 521)
        case .v13: v13 ?? Number(vendor: niciraID, 10, 0)
        }
    }

    private func ownNumber(in version: OpenFlowVersion) -> Number? {
        switch version {
        case .v10: v10
        case .v13: v13
        }
    }

    /// The error with this number; nil if it has no name here.
    public static func numbered(_ number: Number, in version: OpenFlowVersion) -> Self? {
        all.first { $0.ownNumber(in: version) == number }
    }

    private static func nicira(_ type: UInt16, _ code: UInt16) -> Number {
        Number(vendor: niciraID, type, code)
    }
    private static func onf(_ type: UInt16, _ code: UInt16) -> Number {
        Number(vendor: openNetworkingFoundationID, type, code)
    }
}

extension OpenFlowErrorCode: Hashable {
    public static func == (a: Self, b: Self) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// Vendor (experimenter) number of Nicira's extensions.
public let niciraID: UInt32 = 0x0000_2320
/// Experimenter number of the Open Networking Foundation's own extensions.
public let openNetworkingFoundationID: UInt32 = 0x4f4e_4600

extension OpenFlowErrorCode {
    public static let helloIncompatible = Self(
        "OFPHFC_INCOMPATIBLE", v10: .init(0, 0), v13: .init(0, 0))
    public static let helloNotAllowed = Self("OFPHFC_EPERM", v10: .init(0, 1), v13: .init(0, 1))
    public static let badVersion = Self("OFPBRC_BAD_VERSION", v10: .init(1, 0), v13: .init(1, 0))
    public static let badType = Self("OFPBRC_BAD_TYPE", v10: .init(1, 1), v13: .init(1, 1))
    public static let badStatistics = Self("OFPBRC_BAD_STAT", v10: .init(1, 2), v13: .init(1, 2))
    public static let badVendor = Self("OFPBRC_BAD_VENDOR", v10: .init(1, 3), v13: .init(1, 3))
    public static let badSubtype = Self("OFPBRC_BAD_SUBTYPE", v10: .init(1, 4), v13: .init(1, 4))
    public static let notAllowed = Self("OFPBRC_EPERM", v10: .init(1, 5), v13: .init(1, 5))
    public static let badLength = Self("OFPBRC_BAD_LEN", v10: .init(1, 6), v13: .init(1, 6))
    public static let bufferEmpty = Self("OFPBRC_BUFFER_EMPTY", v10: .init(1, 7), v13: .init(1, 7))
    public static let bufferUnknown = Self(
        "OFPBRC_BUFFER_UNKNOWN", v10: .init(1, 8), v13: .init(1, 8))
    public static let badTableID = Self(
        "OFPBRC_BAD_TABLE_ID", v10: nicira(1, 512), v13: .init(1, 9))
    public static let isSecondary = Self("OFPBRC_IS_SECONDARY", v10: .init(1, 5), v13: .init(1, 10))
    public static let badPort = Self("OFPBRC_BAD_PORT", v10: nicira(1, 514), v13: .init(1, 11))
    public static let badPacket = Self("OFPBRC_BAD_PACKET", v10: nil, v13: .init(1, 12))
    public static let multipartOverflow = Self(
        "OFPBRC_MULTIPART_BUFFER_OVERFLOW", v10: nil, v13: .init(1, 13))
    public static let nxmInvalid = Self("NXBRC_NXM_INVALID", v10: nicira(1, 256), v13: nicira(2, 0))
    public static let nxmBadType = Self(
        "NXBRC_NXM_BAD_TYPE", v10: nicira(1, 257), v13: nicira(3, 0))
    public static let mustBeZero = Self(
        "NXBRC_MUST_BE_ZERO", v10: nicira(1, 515), v13: nicira(4, 0))
    public static let badReason = Self("NXBRC_BAD_REASON", v10: nicira(1, 516), v13: nicira(5, 0))
    public static let unencodableError = Self(
        "NXBRC_UNENCODABLE_ERROR", v10: nicira(1, 521), v13: nicira(10, 0))
    public static let badActionType = Self("OFPBAC_BAD_TYPE", v10: .init(2, 0), v13: .init(2, 0))
    public static let badActionLength = Self("OFPBAC_BAD_LEN", v10: .init(2, 1), v13: .init(2, 1))
    public static let badActionVendor = Self(
        "OFPBAC_BAD_VENDOR", v10: .init(2, 2), v13: .init(2, 2))
    public static let badActionVendorType = Self(
        "OFPBAC_BAD_VENDOR_TYPE", v10: .init(2, 3), v13: .init(2, 3))
    public static let badActionPort = Self(
        "OFPBAC_BAD_OUT_PORT", v10: .init(2, 4), v13: .init(2, 4))
    public static let badActionArgument = Self(
        "OFPBAC_BAD_ARGUMENT", v10: .init(2, 5), v13: .init(2, 5))
    public static let actionNotAllowed = Self("OFPBAC_EPERM", v10: .init(2, 6), v13: .init(2, 6))
    public static let tooManyActions = Self("OFPBAC_TOO_MANY", v10: .init(2, 7), v13: .init(2, 7))
    public static let badActionQueue = Self("OFPBAC_BAD_QUEUE", v10: .init(2, 8), v13: .init(2, 8))
    public static let badActionGroup = Self(
        "OFPBAC_BAD_OUT_GROUP", v10: nicira(2, 9), v13: .init(2, 9))
    public static let actionInconsistentWithMatch = Self(
        "OFPBAC_MATCH_INCONSISTENT", v10: nicira(1, 522), v13: .init(2, 10))
    public static let badActionOrder = Self("OFPBAC_UNSUPPORTED_ORDER", v10: nil, v13: .init(2, 11))
    public static let badActionTag = Self("OFPBAC_BAD_TAG", v10: nil, v13: .init(2, 12))
    public static let badSetFieldType = Self(
        "OFPBAC_BAD_SET_TYPE", v10: nicira(1, 523), v13: .init(2, 13))
    public static let badSetFieldLength = Self(
        "OFPBAC_BAD_SET_LEN", v10: nicira(1, 524), v13: .init(2, 14))
    public static let badSetFieldArgument = Self(
        "OFPBAC_BAD_SET_ARGUMENT", v10: nicira(1, 525), v13: .init(2, 15))
    public static let unknownInstruction = Self("OFPBIC_UNKNOWN_INST", v10: nil, v13: .init(3, 0))
    public static let unsupportedInstruction = Self(
        "OFPBIC_UNSUP_INST", v10: nicira(2, 257), v13: .init(3, 1))
    public static let badInstructionTable = Self("OFPBIC_BAD_TABLE_ID", v10: nil, v13: .init(3, 2))
    public static let unsupportedMetadata = Self(
        "OFPBIC_UNSUP_METADATA", v10: nil, v13: .init(3, 3))
    public static let unsupportedMetadataMask = Self(
        "OFPBIC_UNSUP_METADATA_MASK", v10: nil, v13: .init(3, 4))
    public static let badInstructionExperimenter = Self(
        "OFPBIC_BAD_EXPERIMENTER", v10: nil, v13: .init(3, 5))
    public static let badInstructionLength = Self("OFPBIC_BAD_LEN", v10: nil, v13: .init(3, 7))
    public static let duplicateInstruction = Self("OFPBIC_DUP_INST", v10: nil, v13: onf(2600, 0))
    public static let badMatchType = Self("OFPBMC_BAD_TYPE", v10: nil, v13: .init(4, 0))
    public static let badMatchLength = Self("OFPBMC_BAD_LEN", v10: nil, v13: .init(4, 1))
    public static let badMatchWildcards = Self(
        "OFPBMC_BAD_WILDCARDS", v10: nicira(1, 262), v13: .init(4, 5))
    public static let badMatchField = Self(
        "OFPBMC_BAD_FIELD", v10: nicira(0, 263), v13: .init(4, 6))
    public static let badMatchValue = Self(
        "OFPBMC_BAD_VALUE", v10: nicira(1, 258), v13: .init(4, 7))
    public static let badMatchMask = Self("OFPBMC_BAD_MASK", v10: nicira(1, 259), v13: .init(4, 8))
    public static let badMatchPrerequisite = Self(
        "OFPBMC_BAD_PREREQ", v10: nicira(1, 260), v13: .init(4, 9))
    public static let duplicateMatchField = Self(
        "OFPBMC_DUP_FIELD", v10: nicira(1, 261), v13: .init(4, 10))
    public static let flowModFailed = Self("OFPFMFC_UNKNOWN", v10: nil, v13: .init(5, 0))
    public static let tableFull = Self("OFPFMFC_TABLE_FULL", v10: .init(3, 0), v13: .init(5, 1))
    public static let badFlowModTable = Self("OFPFMFC_BAD_TABLE_ID", v10: nil, v13: .init(5, 2))
    public static let flowsOverlap = Self("OFPFMFC_OVERLAP", v10: .init(3, 1), v13: .init(5, 3))
    public static let flowModNotAllowed = Self("OFPFMFC_EPERM", v10: .init(3, 2), v13: .init(5, 4))
    public static let badTimeout = Self("OFPFMFC_BAD_TIMEOUT", v10: nil, v13: .init(5, 5))
    public static let badFlowModCommand = Self(
        "OFPFMFC_BAD_COMMAND", v10: .init(3, 4), v13: .init(5, 6))
    public static let badFlowModFlags = Self(
        "OFPFMFC_BAD_FLAGS", v10: nicira(3, 258), v13: .init(5, 7))
    public static let invalidGroup = Self(
        "OFPGMFC_INVALID_GROUP", v10: nicira(6, 1), v13: .init(6, 1))
    public static let unknownGroup = Self(
        "OFPGMFC_UNKNOWN_GROUP", v10: nicira(6, 8), v13: .init(6, 8))
    public static let badPortModPort = Self("OFPPMFC_BAD_PORT", v10: .init(4, 0), v13: .init(7, 0))
    public static let badPortModAddress = Self(
        "OFPPMFC_BAD_HW_ADDR", v10: .init(4, 1), v13: .init(7, 1))
    public static let badPortModConfig = Self("OFPPMFC_BAD_CONFIG", v10: nil, v13: .init(7, 2))
    public static let badPortModAdvertise = Self(
        "OFPPMFC_BAD_ADVERTISE", v10: nil, v13: .init(7, 3))
    public static let badTableModTable = Self("OFPTMFC_BAD_TABLE", v10: nil, v13: .init(8, 0))
    public static let badQueuePort = Self("OFPQOFC_BAD_PORT", v10: .init(5, 0), v13: .init(9, 0))
    public static let badQueue = Self("OFPQOFC_BAD_QUEUE", v10: .init(5, 1), v13: .init(9, 1))
    public static let badConfigFlags = Self("OFPSCFC_BAD_FLAGS", v10: nil, v13: .init(10, 0))
    public static let staleRole = Self("OFPRRFC_STALE", v10: nil, v13: .init(11, 0))
    public static let unsupportedRole = Self("OFPRRFC_UNSUP", v10: nil, v13: .init(11, 1))
    public static let badRole = Self("OFPRRFC_BAD_ROLE", v10: nicira(1, 513), v13: .init(11, 2))
    public static let meterModFailed = Self("OFPMMFC_UNKNOWN", v10: nil, v13: .init(12, 0))
    public static let invalidMeter = Self("OFPMMFC_INVALID_METER", v10: nil, v13: .init(12, 2))
    public static let unknownMeter = Self("OFPMMFC_UNKNOWN_METER", v10: nil, v13: .init(12, 3))
    public static let badTableFeaturesTable = Self("OFPTFFC_BAD_TABLE", v10: nil, v13: .init(13, 0))
    public static let tableFeaturesNotAllowed = Self("OFPTFFC_EPERM", v10: nil, v13: .init(13, 5))
    public static let niciraBadTable = Self(
        "NXFMFC_BAD_TABLE_ID", v10: nicira(5, 257), v13: nicira(13, 0))

    private static let all: [OpenFlowErrorCode] = [
        helloIncompatible, helloNotAllowed, badVersion, badType, badStatistics, badVendor,
        badSubtype, notAllowed, badLength, bufferEmpty, bufferUnknown, badTableID, isSecondary,
        badPort, badPacket, multipartOverflow, nxmInvalid, nxmBadType, mustBeZero, badReason,
        unencodableError, badActionType, badActionLength, badActionVendor, badActionVendorType,
        badActionPort, badActionArgument, actionNotAllowed, tooManyActions, badActionQueue,
        badActionGroup, actionInconsistentWithMatch, badActionOrder, badActionTag, badSetFieldType,
        badSetFieldLength, badSetFieldArgument, unknownInstruction, unsupportedInstruction,
        badInstructionTable, unsupportedMetadata, unsupportedMetadataMask,
        badInstructionExperimenter, badInstructionLength, duplicateInstruction, badMatchType,
        badMatchLength, badMatchWildcards, badMatchField, badMatchValue, badMatchMask,
        badMatchPrerequisite, duplicateMatchField, flowModFailed, tableFull, badFlowModTable,
        flowsOverlap, flowModNotAllowed, badTimeout, badFlowModCommand, badFlowModFlags,
        invalidGroup, unknownGroup, badPortModPort, badPortModAddress, badPortModConfig,
        badPortModAdvertise, badTableModTable, badQueuePort, badQueue, badConfigFlags, staleRole,
        unsupportedRole, badRole, meterModFailed, invalidMeter, unknownMeter,
        badTableFeaturesTable, tableFeaturesNotAllowed, niciraBadTable,
    ]
}
