// What is wrong with a message, its actions, instructions or match.
//
// First and last version (10 = 1.0), then type and code there.

extension OpenFlowErrorCode {
    public static let helloIncompatible = Self("OFPHFC_INCOMPATIBLE", .of(10, 15, 0, 0))
    public static let helloNotAllowed = Self("OFPHFC_EPERM", .of(10, 15, 0, 1))

    public static let badVersion = Self("OFPBRC_BAD_VERSION", .of(10, 15, 1, 0))
    public static let badType = Self("OFPBRC_BAD_TYPE", .of(10, 15, 1, 1))
    public static let badStatistics = Self("OFPBRC_BAD_STAT", .of(10, 15, 1, 2))
    public static let badVendor = Self("OFPBRC_BAD_VENDOR", .of(10, 15, 1, 3))
    public static let badSubtype = Self("OFPBRC_BAD_SUBTYPE", .of(10, 15, 1, 4))
    public static let notAllowed = Self("OFPBRC_EPERM", .of(10, 15, 1, 5))
    public static let badLength = Self("OFPBRC_BAD_LEN", .of(10, 15, 1, 6))
    public static let bufferEmpty = Self("OFPBRC_BUFFER_EMPTY", .of(10, 15, 1, 7))
    public static let bufferUnknown = Self("OFPBRC_BUFFER_UNKNOWN", .of(10, 15, 1, 8))
    public static let badTableID = Self(
        "OFPBRC_BAD_TABLE_ID", .nx(10, 10, 1, 512), .of(11, 15, 1, 9))
    public static let isSecondary = Self(
        "OFPBRC_IS_SECONDARY", .of(10, 11, 1, 5), .of(12, 15, 1, 10))
    public static let badPort = Self("OFPBRC_BAD_PORT", .nx(10, 11, 1, 514), .of(12, 15, 1, 11))
    public static let badPacket = Self("OFPBRC_BAD_PACKET", .of(12, 15, 1, 12))
    public static let multipartOverflow = Self(
        "OFPBRC_MULTIPART_BUFFER_OVERFLOW", .of(13, 15, 1, 13))
    public static let requestMultipartRequestTimeout = Self(
        "OFPBRC_MULTIPART_REQUEST_TIMEOUT", .onf(13, 13, 2640), .of(14, 15, 1, 14))
    public static let requestMultipartReplyTimeout = Self(
        "OFPBRC_MULTIPART_REPLY_TIMEOUT", .onf(13, 13, 2641), .of(14, 15, 1, 15))
    public static let requestMultipartBadSchedule = Self(
        "OFPBRC_MULTIPART_BAD_SCHED", .of(15, 15, 1, 16))
    public static let requestPipelineFieldsOnly = Self(
        "OFPBRC_PIPELINE_FIELDS_ONLY", .of(15, 15, 1, 17))
    public static let requestUnknown = Self("OFPBRC_UNKNOWN", .of(15, 15, 1, 18))

    public static let nxmInvalid = Self("NXBRC_NXM_INVALID", .nx(10, 11, 1, 256), .nx(12, 15, 2))
    public static let nxmBadType = Self("NXBRC_NXM_BAD_TYPE", .nx(10, 11, 1, 257), .nx(12, 15, 3))
    public static let mustBeZero = Self("NXBRC_MUST_BE_ZERO", .nx(10, 11, 1, 515), .nx(12, 15, 4))
    public static let badReason = Self("NXBRC_BAD_REASON", .nx(10, 11, 1, 516), .nx(12, 15, 5))
    public static let requestMonitorBadEvent = Self(
        "NXBRC_FM_BAD_EVENT", .nx(10, 11, 1, 520), .nx(12, 15, 9))
    public static let unencodableError = Self(
        "NXBRC_UNENCODABLE_ERROR", .nx(10, 11, 1, 521), .nx(12, 15, 10))

    public static let badActionType = Self("OFPBAC_BAD_TYPE", .of(10, 15, 2, 0))
    public static let badActionLength = Self("OFPBAC_BAD_LEN", .of(10, 15, 2, 1))
    public static let badActionVendor = Self("OFPBAC_BAD_VENDOR", .of(10, 15, 2, 2))
    public static let badActionVendorType = Self("OFPBAC_BAD_VENDOR_TYPE", .of(10, 15, 2, 3))
    public static let badActionPort = Self("OFPBAC_BAD_OUT_PORT", .of(10, 15, 2, 4))
    public static let badActionArgument = Self("OFPBAC_BAD_ARGUMENT", .of(10, 15, 2, 5))
    public static let actionNotAllowed = Self("OFPBAC_EPERM", .of(10, 15, 2, 6))
    public static let tooManyActions = Self("OFPBAC_TOO_MANY", .of(10, 15, 2, 7))
    public static let badActionQueue = Self("OFPBAC_BAD_QUEUE", .of(10, 15, 2, 8))
    public static let badActionGroup = Self(
        "OFPBAC_BAD_OUT_GROUP", .nx(10, 10, 2, 9), .of(11, 15, 2, 9))
    public static let actionInconsistentWithMatch = Self(
        "OFPBAC_MATCH_INCONSISTENT", .nx(10, 10, 1, 522), .of(11, 15, 2, 10))
    public static let badActionOrder = Self("OFPBAC_UNSUPPORTED_ORDER", .of(11, 15, 2, 11))
    public static let badActionTag = Self("OFPBAC_BAD_TAG", .of(11, 15, 2, 12))
    public static let badSetFieldType = Self(
        "OFPBAC_BAD_SET_TYPE", .nx(10, 11, 1, 523), .of(12, 15, 2, 13))
    public static let badSetFieldLength = Self(
        "OFPBAC_BAD_SET_LEN", .nx(10, 11, 1, 524), .of(12, 15, 2, 14))
    public static let badSetFieldArgument = Self(
        "OFPBAC_BAD_SET_ARGUMENT", .nx(10, 11, 1, 525), .of(12, 15, 2, 15))
    public static let actionBadSetMask = Self(
        "OFPBAC_BAD_SET_MASK", .onf(13, 14, 4250), .of(15, 15, 2, 16))
    public static let actionBadMeter = Self("OFPBAC_BAD_METER", .of(15, 15, 2, 17))

    public static let actionMustBeZero = Self(
        "NXBAC_MUST_BE_ZERO", .nx(10, 11, 2, 256), .nx(12, 15, 11))
    public static let actionBadConjunction = Self(
        "NXBAC_BAD_CONJUNCTION", .nx(10, 11, 2, 526), .nx(12, 15, 15))
    public static let actionBadHeaderType = Self("NXBAC_BAD_HEADER_TYPE", .nx(13, 15, 39))
    public static let actionUnknownEncapProp = Self("NXBAC_UNKNOWN_ED_PROP", .nx(13, 15, 40))
    public static let actionBadEncapProp = Self("NXBAC_BAD_ED_PROP", .nx(13, 15, 41))
    public static let actionCTDatapathSupport = Self(
        "NXBAC_CT_DATAPATH_SUPPORT", .nx(10, 11, 1, 265), .nx(12, 15, 42))

    public static let unknownInstruction = Self("OFPBIC_UNKNOWN_INST", .of(11, 15, 3, 0))
    public static let unsupportedInstruction = Self(
        "OFPBIC_UNSUP_INST", .nx(10, 10, 2, 257), .of(11, 15, 3, 1))
    public static let badInstructionTable = Self("OFPBIC_BAD_TABLE_ID", .of(11, 15, 3, 2))
    public static let unsupportedMetadata = Self("OFPBIC_UNSUP_METADATA", .of(11, 15, 3, 3))
    public static let unsupportedMetadataMask = Self(
        "OFPBIC_UNSUP_METADATA_MASK", .of(11, 15, 3, 4))
    public static let badInstructionExperimenter = Self(
        "OFPBIC_BAD_EXPERIMENTER", .of(11, 15, 3, 5))
    public static let instructionBadExperimenterType = Self(
        "OFPBIC_BAD_EXP_TYPE", .of(11, 11, 3, 5), .of(12, 15, 3, 6))
    public static let badInstructionLength = Self("OFPBIC_BAD_LEN", .of(12, 15, 3, 7))
    public static let instructionNotAllowed = Self("OFPBIC_EPERM", .of(12, 15, 3, 8))
    public static let duplicateInstruction = Self(
        "OFPBIC_DUP_INST", .nx(11, 11, 3, 256), .onf(12, 13, 2600), .of(14, 15, 3, 9))

    public static let badMatchType = Self("OFPBMC_BAD_TYPE", .of(11, 15, 4, 0))
    public static let badMatchLength = Self("OFPBMC_BAD_LEN", .of(11, 15, 4, 1))
    public static let matchBadTag = Self("OFPBMC_BAD_TAG", .of(11, 15, 4, 2))
    public static let matchBadDLAddressMask = Self("OFPBMC_BAD_DL_ADDR_MASK", .of(11, 15, 4, 3))
    public static let matchBadNWAddressMask = Self("OFPBMC_BAD_NW_ADDR_MASK", .of(11, 15, 4, 4))
    public static let badMatchWildcards = Self(
        "OFPBMC_BAD_WILDCARDS", .nx(10, 10, 1, 262), .of(11, 15, 4, 5))
    public static let badMatchField = Self(
        "OFPBMC_BAD_FIELD", .nx(10, 10, 0, 263), .of(11, 15, 4, 6))
    public static let badMatchValue = Self(
        "OFPBMC_BAD_VALUE", .nx(10, 10, 1, 258), .of(11, 15, 4, 7))
    public static let badMatchMask = Self("OFPBMC_BAD_MASK", .nx(10, 11, 1, 259), .of(12, 15, 4, 8))
    public static let badMatchPrerequisite = Self(
        "OFPBMC_BAD_PREREQ", .nx(10, 11, 1, 260), .of(12, 15, 4, 9))
    public static let duplicateMatchField = Self(
        "OFPBMC_DUP_FIELD", .nx(10, 11, 1, 261), .of(12, 15, 4, 10))
    public static let matchNotAllowed = Self("OFPBMC_EPERM", .of(12, 15, 4, 11))

    public static let matchCTDatapathSupport = Self(
        "NXBMC_CT_DATAPATH_SUPPORT", .nx(10, 11, 1, 264), .nx(12, 15, 43))

    static let requestErrors: [OpenFlowErrorCode] = [
        helloIncompatible, helloNotAllowed, badVersion, badType, badStatistics, badVendor,
        badSubtype, notAllowed, badLength, bufferEmpty, bufferUnknown, badTableID, isSecondary,
        badPort, badPacket, multipartOverflow, requestMultipartRequestTimeout,
        requestMultipartReplyTimeout, requestMultipartBadSchedule, requestPipelineFieldsOnly,
        requestUnknown, nxmInvalid, nxmBadType, mustBeZero, badReason, requestMonitorBadEvent,
        unencodableError, badActionType, badActionLength, badActionVendor, badActionVendorType,
        badActionPort, badActionArgument, actionNotAllowed, tooManyActions, badActionQueue,
        badActionGroup, actionInconsistentWithMatch, badActionOrder, badActionTag, badSetFieldType,
        badSetFieldLength, badSetFieldArgument, actionBadSetMask, actionBadMeter, actionMustBeZero,
        actionBadConjunction, actionBadHeaderType, actionUnknownEncapProp, actionBadEncapProp,
        actionCTDatapathSupport, unknownInstruction, unsupportedInstruction, badInstructionTable,
        unsupportedMetadata, unsupportedMetadataMask, badInstructionExperimenter,
        instructionBadExperimenterType, badInstructionLength, instructionNotAllowed,
        duplicateInstruction, badMatchType, badMatchLength, matchBadTag, matchBadDLAddressMask,
        matchBadNWAddressMask, badMatchWildcards, badMatchField, badMatchValue, badMatchMask,
        badMatchPrerequisite, duplicateMatchField, matchNotAllowed, matchCTDatapathSupport,
    ]
}
