// Why a change that was understood was not made.
//
// First and last version (10 = 1.0), then type and code there.

extension OpenFlowErrorCode {
    public static let flowModFailed = Self("OFPFMFC_UNKNOWN", .of(11, 15, 5, 0))
    public static let tableFull = Self("OFPFMFC_TABLE_FULL", .of(10, 10, 3, 0), .of(11, 15, 5, 1))
    public static let badFlowModTable = Self("OFPFMFC_BAD_TABLE_ID", .of(11, 15, 5, 2))
    public static let flowsOverlap = Self("OFPFMFC_OVERLAP", .of(10, 10, 3, 1), .of(11, 15, 5, 3))
    public static let flowModNotAllowed = Self(
        "OFPFMFC_EPERM", .of(10, 10, 3, 2), .of(11, 15, 5, 4))
    public static let badTimeout = Self("OFPFMFC_BAD_TIMEOUT", .of(11, 15, 5, 5))
    public static let flowModBadEmergencyTimeout = Self(
        "OFPFMFC_BAD_EMERG_TIMEOUT", .of(10, 10, 3, 3))
    public static let badFlowModCommand = Self(
        "OFPFMFC_BAD_COMMAND", .of(10, 10, 3, 4), .of(11, 15, 5, 6))
    public static let badFlowModFlags = Self(
        "OFPFMFC_BAD_FLAGS", .nx(10, 10, 3, 258), .nx(11, 11, 5, 258), .of(12, 15, 5, 7))
    public static let flowModCantSync = Self("OFPFMFC_CANT_SYNC", .of(14, 15, 5, 8))
    public static let flowModBadPriority = Self(
        "OFPFMFC_BAD_PRIORITY", .onf(13, 13, 2360), .of(14, 15, 5, 9))
    public static let flowModIsSync = Self("OFPFMFC_IS_SYNC", .of(14, 15, 5, 10))
    public static let flowModUnsupported = Self("OFPFMFC_UNSUPPORTED", .of(10, 10, 3, 5))

    public static let flowModHardware = Self(
        "NXFMFC_HARDWARE", .nx(10, 11, 5, 256), .nx(12, 15, 12))
    public static let niciraBadTable = Self(
        "NXFMFC_BAD_TABLE_ID", .nx(10, 11, 5, 257), .nx(12, 15, 13))
    public static let flowModInvalidTLVField = Self(
        "NXFMFC_INVALID_TLV_FIELD", .nx(10, 11, 1, 536), .nx(12, 15, 37))

    public static let groupExists = Self(
        "OFPGMFC_GROUP_EXISTS", .nx(10, 10, 6, 0), .of(11, 15, 6, 0))
    public static let invalidGroup = Self(
        "OFPGMFC_INVALID_GROUP", .nx(10, 10, 6, 1), .of(11, 15, 6, 1))
    public static let groupModWeightUnsupported = Self(
        "OFPGMFC_WEIGHT_UNSUPPORTED", .nx(10, 10, 6, 2), .of(11, 15, 6, 2))
    public static let groupModOutOfGroups = Self(
        "OFPGMFC_OUT_OF_GROUPS", .nx(10, 10, 6, 3), .of(11, 15, 6, 3))
    public static let groupModOutOfBuckets = Self(
        "OFPGMFC_OUT_OF_BUCKETS", .nx(10, 10, 6, 4), .of(11, 15, 6, 4))
    public static let groupModChainingUnsupported = Self(
        "OFPGMFC_CHAINING_UNSUPPORTED", .nx(10, 10, 6, 5), .of(11, 15, 6, 5))
    public static let groupModWatchUnsupported = Self(
        "OFPGMFC_WATCH_UNSUPPORTED", .nx(10, 10, 6, 6), .of(11, 15, 6, 6))
    public static let groupModLoop = Self("OFPGMFC_LOOP", .nx(10, 10, 6, 7), .of(11, 15, 6, 7))
    public static let unknownGroup = Self(
        "OFPGMFC_UNKNOWN_GROUP", .nx(10, 10, 6, 8), .of(11, 15, 6, 8))
    public static let groupModChainedGroup = Self(
        "OFPGMFC_CHAINED_GROUP", .nx(10, 10, 6, 9), .of(12, 15, 6, 9))
    public static let groupModBadType = Self(
        "OFPGMFC_BAD_TYPE", .nx(10, 10, 6, 10), .of(12, 15, 6, 10))
    public static let groupModBadCommand = Self(
        "OFPGMFC_BAD_COMMAND", .nx(10, 10, 6, 11), .of(12, 15, 6, 11))
    public static let groupModBadBucket = Self(
        "OFPGMFC_BAD_BUCKET", .nx(10, 10, 6, 12), .of(12, 15, 6, 12))
    public static let groupModBadWatch = Self(
        "OFPGMFC_BAD_WATCH", .nx(10, 10, 6, 13), .of(12, 15, 6, 13))
    public static let groupModNotAllowed = Self(
        "OFPGMFC_EPERM", .nx(10, 10, 6, 14), .of(12, 15, 6, 14))
    public static let groupModUnknownBucket = Self(
        "OFPGMFC_UNKNOWN_BUCKET", .nx(10, 10, 6, 15), .of(15, 15, 6, 15))
    public static let groupModBucketExists = Self(
        "OFPGMFC_BUCKET_EXISTS", .nx(10, 10, 6, 16), .of(15, 15, 6, 16))

    public static let badPortModPort = Self(
        "OFPPMFC_BAD_PORT", .of(10, 10, 4, 0), .of(11, 15, 7, 0))
    public static let badPortModAddress = Self(
        "OFPPMFC_BAD_HW_ADDR", .of(10, 10, 4, 1), .of(11, 15, 7, 1))
    public static let badPortModConfig = Self("OFPPMFC_BAD_CONFIG", .of(11, 15, 7, 2))
    public static let badPortModAdvertise = Self("OFPPMFC_BAD_ADVERTISE", .of(11, 15, 7, 3))
    public static let portModNotAllowed = Self("OFPPMFC_EPERM", .of(12, 15, 7, 4))

    public static let badTableModTable = Self("OFPTMFC_BAD_TABLE", .of(11, 15, 8, 0))
    public static let tableModBadConfig = Self("OFPTMFC_BAD_CONFIG", .of(11, 15, 8, 1))
    public static let tableModNotAllowed = Self("OFPTMFC_EPERM", .of(12, 15, 8, 2))

    public static let badQueuePort = Self("OFPQOFC_BAD_PORT", .of(10, 10, 5, 0), .of(11, 15, 9, 0))
    public static let badQueue = Self("OFPQOFC_BAD_QUEUE", .of(10, 10, 5, 1), .of(11, 15, 9, 1))
    public static let queueNotAllowed = Self("OFPQOFC_EPERM", .of(10, 10, 5, 2), .of(11, 15, 9, 2))

    public static let queueError = Self("NXQOFC_QUEUE_ERROR", .nx(14, 15, 23))

    public static let badConfigFlags = Self("OFPSCFC_BAD_FLAGS", .of(11, 15, 10, 0))
    public static let configBadLength = Self("OFPSCFC_BAD_LEN", .of(11, 15, 10, 1))
    public static let configNotAllowed = Self("OFPSCFC_EPERM", .of(12, 15, 10, 2))

    public static let staleRole = Self("OFPRRFC_STALE", .of(12, 15, 11, 0))
    public static let unsupportedRole = Self("OFPRRFC_UNSUP", .of(12, 15, 11, 1))
    public static let badRole = Self("OFPRRFC_BAD_ROLE", .nx(10, 11, 1, 513), .of(12, 15, 11, 2))
    public static let roleIDUnsupported = Self("OFPRRFC_ID_UNSUP", .of(15, 15, 11, 3))
    public static let roleIDInUse = Self("OFPRRFC_ID_IN_USE", .of(15, 15, 11, 4))

    public static let meterModFailed = Self("OFPMMFC_UNKNOWN", .of(13, 15, 12, 0))
    public static let meterExists = Self("OFPMMFC_METER_EXISTS", .of(13, 15, 12, 1))
    public static let invalidMeter = Self("OFPMMFC_INVALID_METER", .of(13, 15, 12, 2))
    public static let unknownMeter = Self("OFPMMFC_UNKNOWN_METER", .of(13, 15, 12, 3))
    public static let meterModBadCommand = Self("OFPMMFC_BAD_COMMAND", .of(13, 15, 12, 4))
    public static let meterModBadFlags = Self("OFPMMFC_BAD_FLAGS", .of(13, 15, 12, 5))
    public static let meterModBadRate = Self("OFPMMFC_BAD_RATE", .of(13, 15, 12, 6))
    public static let meterModBadBurst = Self("OFPMMFC_BAD_BURST", .of(13, 15, 12, 7))
    public static let meterModBadBand = Self("OFPMMFC_BAD_BAND", .of(13, 15, 12, 8))
    public static let meterModBadBandValue = Self("OFPMMFC_BAD_BAND_VALUE", .of(13, 15, 12, 9))
    public static let meterModOutOfMeters = Self("OFPMMFC_OUT_OF_METERS", .of(13, 15, 12, 10))
    public static let meterModOutOfBands = Self("OFPMMFC_OUT_OF_BANDS", .of(13, 15, 12, 11))

    public static let badTableFeaturesTable = Self("OFPTFFC_BAD_TABLE", .of(13, 15, 13, 0))
    public static let tableFeaturesBadMetadata = Self("OFPTFFC_BAD_METADATA", .of(13, 15, 13, 1))
    public static let tableFeaturesNotAllowed = Self("OFPTFFC_EPERM", .of(13, 15, 13, 5))
    public static let tableFeaturesBadCapability = Self("OFPTFFC_BAD_CAPA", .of(15, 15, 13, 6))
    public static let tableFeaturesBadMaxEntries = Self("OFPTFFC_BAD_MAX_ENT", .of(15, 15, 13, 7))
    public static let tableFeaturesBadFeatures = Self("OFPTFFC_BAD_FEATURES", .of(15, 15, 13, 8))
    public static let tableFeaturesBadCommand = Self("OFPTFFC_BAD_COMMAND", .of(15, 15, 13, 9))
    public static let tableFeaturesTooMany = Self("OFPTFFC_TOO_MANY", .of(15, 15, 13, 10))

    public static let tableFeaturesDuplicateTable = Self("NXTFFC_DUP_TABLE", .nx(13, 15, 44))

    public static let propertyBadType = Self(
        "OFPBPC_BAD_TYPE",
        .nx(10, 11, 13, 2), .nx(12, 12, 25), .of(13, 13, 13, 2), .of(14, 15, 14, 0))
    public static let propertyBadLength = Self(
        "OFPBPC_BAD_LEN",
        .nx(10, 11, 13, 3), .nx(12, 12, 26), .of(13, 13, 13, 3), .of(14, 15, 14, 1))
    public static let propertyBadValue = Self(
        "OFPBPC_BAD_VALUE",
        .nx(10, 11, 13, 4), .nx(12, 12, 27), .of(13, 13, 13, 4), .of(14, 15, 14, 2))
    public static let propertyTooMany = Self(
        "OFPBPC_TOO_MANY",
        .nx(10, 11, 14, 3), .nx(12, 12, 28), .onf(13, 13, 4443), .of(14, 15, 14, 3))
    public static let propertyDuplicateType = Self(
        "OFPBPC_DUP_TYPE",
        .nx(10, 11, 14, 4), .nx(12, 12, 29), .onf(13, 13, 4444), .of(14, 15, 14, 4))
    public static let propertyBadExperimenter = Self(
        "OFPBPC_BAD_EXPERIMENTER",
        .nx(10, 11, 14, 5), .nx(12, 12, 30), .onf(13, 13, 4445), .of(14, 15, 14, 5))
    public static let propertyBadExperimenterType = Self(
        "OFPBPC_BAD_EXP_TYPE",
        .nx(10, 11, 14, 6), .nx(12, 12, 31), .onf(13, 13, 4446), .of(14, 15, 14, 6))
    public static let propertyBadExperimenterValue = Self(
        "OFPBPC_BAD_EXP_VALUE",
        .nx(10, 11, 14, 7), .nx(12, 12, 32), .onf(13, 13, 4447), .of(14, 15, 14, 7))
    public static let propertyNotAllowed = Self(
        "OFPBPC_EPERM", .nx(10, 11, 14, 8), .nx(12, 12, 33), .onf(13, 13, 4448), .of(14, 15, 14, 8))

    public static let asyncInvalid = Self("OFPACFC_INVALID", .onf(13, 13, 2370), .of(14, 15, 15, 0))
    public static let asyncUnsupported = Self(
        "OFPACFC_UNSUPPORTED", .onf(13, 13, 2371), .of(14, 15, 15, 1))
    public static let asyncNotAllowed = Self(
        "OFPACFC_EPERM", .onf(13, 13, 2372), .of(14, 15, 15, 2))

    public static let bundleUnknown = Self("OFPBFC_UNKNOWN", .onf(13, 13, 2300), .of(14, 15, 17, 0))
    public static let bundleNotAllowed = Self(
        "OFPBFC_EPERM", .onf(13, 13, 2301), .of(14, 15, 17, 1))
    public static let bundleBadID = Self("OFPBFC_BAD_ID", .onf(13, 13, 2302), .of(14, 15, 17, 2))
    public static let bundleExist = Self(
        "OFPBFC_BUNDLE_EXIST", .onf(13, 13, 2303), .of(14, 15, 17, 3))
    public static let bundleClosed = Self(
        "OFPBFC_BUNDLE_CLOSED", .onf(13, 13, 2304), .of(14, 15, 17, 4))
    public static let bundleOutOfBundles = Self(
        "OFPBFC_OUT_OF_BUNDLES", .onf(13, 13, 2305), .of(14, 15, 17, 5))
    public static let bundleBadType = Self(
        "OFPBFC_BAD_TYPE", .onf(13, 13, 2306), .of(14, 15, 17, 6))
    public static let bundleBadFlags = Self(
        "OFPBFC_BAD_FLAGS", .onf(13, 13, 2307), .of(14, 15, 17, 7))
    public static let bundleMessageBadLength = Self(
        "OFPBFC_MSG_BAD_LEN", .onf(13, 13, 2308), .of(14, 15, 17, 8))
    public static let bundleMessageBadXID = Self(
        "OFPBFC_MSG_BAD_XID", .onf(13, 13, 2309), .of(14, 15, 17, 9))
    public static let bundleMessageUnsupported = Self(
        "OFPBFC_MSG_UNSUP", .onf(13, 13, 2310), .of(14, 15, 17, 10))
    public static let bundleMessageConflict = Self(
        "OFPBFC_MSG_CONFLICT", .onf(13, 13, 2311), .of(14, 15, 17, 11))
    public static let bundleMessageTooMany = Self(
        "OFPBFC_MSG_TOO_MANY", .onf(13, 13, 2312), .of(14, 15, 17, 12))
    public static let bundleMessageFailed = Self(
        "OFPBFC_MSG_FAILED", .onf(13, 13, 2313), .of(14, 15, 17, 13))
    public static let bundleTimeout = Self(
        "OFPBFC_TIMEOUT", .onf(13, 13, 2314), .of(14, 15, 17, 14))
    public static let bundleInProgress = Self(
        "OFPBFC_BUNDLE_IN_PROGRESS", .onf(13, 13, 2315), .of(14, 15, 17, 15))
    public static let bundleScheduleNotSupported = Self(
        "OFPBFC_SCHED_NOT_SUPPORTED", .of(15, 15, 17, 16))
    public static let bundleScheduleFuture = Self("OFPBFC_SCHED_FUTURE", .of(15, 15, 17, 17))
    public static let bundleSchedulePast = Self("OFPBFC_SCHED_PAST", .of(15, 15, 17, 18))
    public static let bundleBadVersion = Self("OFPBFC_BAD_VERSION", .nx(14, 15, 22))

    public static let monitorUnknown = Self("OFPMOFC_UNKNOWN", .of(14, 15, 16, 0))
    public static let monitorExists = Self(
        "OFPMOFC_MONITOR_EXISTS", .nx(10, 11, 1, 517), .nx(12, 13, 6), .of(14, 15, 16, 1))
    public static let monitorInvalidMonitor = Self("OFPMOFC_INVALID_MONITOR", .of(14, 15, 16, 2))
    public static let monitorUnknownMonitor = Self(
        "OFPMOFC_UNKNOWN_MONITOR", .nx(10, 11, 1, 519), .nx(12, 13, 8), .of(14, 15, 16, 3))
    public static let monitorBadCommand = Self("OFPMOFC_BAD_COMMAND", .of(14, 15, 16, 4))
    public static let monitorBadFlags = Self(
        "OFPMOFC_BAD_FLAGS", .nx(10, 11, 1, 518), .nx(12, 13, 7), .of(14, 15, 16, 5))
    public static let monitorBadTableID = Self("OFPMOFC_BAD_TABLE_ID", .of(14, 15, 16, 6))
    public static let monitorBadOut = Self("OFPMOFC_BAD_OUT", .of(14, 15, 16, 7))

    public static let tlvTableBadCommand = Self(
        "NXTTMFC_BAD_COMMAND", .nx(10, 11, 1, 527), .nx(12, 15, 16))
    public static let tlvTableBadOptLength = Self(
        "NXTTMFC_BAD_OPT_LEN", .nx(10, 11, 1, 528), .nx(12, 15, 17))
    public static let tlvTableBadFieldIndex = Self(
        "NXTTMFC_BAD_FIELD_IDX", .nx(10, 11, 1, 529), .nx(12, 15, 18))
    public static let tlvTableTableFull = Self(
        "NXTTMFC_TABLE_FULL", .nx(10, 11, 1, 530), .nx(12, 15, 19))
    public static let tlvTableAlreadyMapped = Self(
        "NXTTMFC_ALREADY_MAPPED", .nx(10, 11, 1, 531), .nx(12, 15, 20))
    public static let tlvTableDuplicateEntry = Self(
        "NXTTMFC_DUP_ENTRY", .nx(10, 11, 1, 532), .nx(12, 15, 21))
    public static let tlvTableInvalidTLVDeletion = Self(
        "NXTTMFC_INVALID_TLV_DEL", .nx(10, 11, 1, 537), .nx(12, 15, 38))

    public static let resumeNotSupported = Self(
        "NXR_NOT_SUPPORTED", .nx(10, 11, 1, 533), .nx(12, 15, 34))
    public static let resumeStale = Self("NXR_STALE", .nx(10, 11, 1, 534), .nx(12, 15, 35))

    public static let statisticsNotConfigured = Self(
        "NXST_NOT_CONFIGURED", .nx(10, 11, 1, 535), .nx(12, 15, 36))

    static let modificationErrors: [OpenFlowErrorCode] = [
        flowModFailed, tableFull, badFlowModTable, flowsOverlap, flowModNotAllowed, badTimeout,
        flowModBadEmergencyTimeout, badFlowModCommand, badFlowModFlags, flowModCantSync,
        flowModBadPriority, flowModIsSync, flowModUnsupported, flowModHardware, niciraBadTable,
        flowModInvalidTLVField, groupExists, invalidGroup, groupModWeightUnsupported,
        groupModOutOfGroups, groupModOutOfBuckets, groupModChainingUnsupported,
        groupModWatchUnsupported, groupModLoop, unknownGroup, groupModChainedGroup, groupModBadType,
        groupModBadCommand, groupModBadBucket, groupModBadWatch, groupModNotAllowed,
        groupModUnknownBucket, groupModBucketExists, badPortModPort, badPortModAddress,
        badPortModConfig, badPortModAdvertise, portModNotAllowed, badTableModTable,
        tableModBadConfig, tableModNotAllowed, badQueuePort, badQueue, queueNotAllowed, queueError,
        badConfigFlags, configBadLength, configNotAllowed, staleRole, unsupportedRole, badRole,
        roleIDUnsupported, roleIDInUse, meterModFailed, meterExists, invalidMeter, unknownMeter,
        meterModBadCommand, meterModBadFlags, meterModBadRate, meterModBadBurst, meterModBadBand,
        meterModBadBandValue, meterModOutOfMeters, meterModOutOfBands, badTableFeaturesTable,
        tableFeaturesBadMetadata, tableFeaturesNotAllowed, tableFeaturesBadCapability,
        tableFeaturesBadMaxEntries, tableFeaturesBadFeatures, tableFeaturesBadCommand,
        tableFeaturesTooMany, tableFeaturesDuplicateTable, propertyBadType, propertyBadLength,
        propertyBadValue, propertyTooMany, propertyDuplicateType, propertyBadExperimenter,
        propertyBadExperimenterType, propertyBadExperimenterValue, propertyNotAllowed, asyncInvalid,
        asyncUnsupported, asyncNotAllowed, bundleUnknown, bundleNotAllowed, bundleBadID,
        bundleExist, bundleClosed, bundleOutOfBundles, bundleBadType, bundleBadFlags,
        bundleMessageBadLength, bundleMessageBadXID, bundleMessageUnsupported,
        bundleMessageConflict, bundleMessageTooMany, bundleMessageFailed, bundleTimeout,
        bundleInProgress, bundleScheduleNotSupported, bundleScheduleFuture, bundleSchedulePast,
        bundleBadVersion, monitorUnknown, monitorExists, monitorInvalidMonitor,
        monitorUnknownMonitor, monitorBadCommand, monitorBadFlags, monitorBadTableID, monitorBadOut,
        tlvTableBadCommand, tlvTableBadOptLength, tlvTableBadFieldIndex, tlvTableTableFull,
        tlvTableAlreadyMapped, tlvTableDuplicateEntry, tlvTableInvalidTLVDeletion,
        resumeNotSupported, resumeStale, statisticsNotConfigured,
    ]
}
