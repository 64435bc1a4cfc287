internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Groups, meters and settings of tables: from messages to the pipeline, and its refusals back.

extension Vswitch {
    mutating func apply(
        _ mod: GroupMod, _ index: Int, news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        do throws(GroupModError) {
            news.removed += try model[bridge: index].tables.apply(mod, now: now).removed
            return nil
        } catch {
            return error.code
        }
    }

    mutating func apply(
        _ mod: MeterMod, _ index: Int, news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        do throws(MeterModError) {
            news.removed += try model.apply(mod, bridge: index, now: now).removed
            return nil
        } catch {
            return error.code
        }
    }

    mutating func apply(_ mod: TableMod, _ index: Int) -> OpenFlowErrorCode? {
        do throws(FlowModError) {
            try model[bridge: index].tables.apply(mod)
            return nil
        } catch {
            return .badTableModTable
        }
    }

    /// What groups, meters and tables tell of themselves.
    func answer(
        later request: StatisticsRequest, _ bridge: PresentBridge, _ version: OpenFlowVersion,
        now: Instant
    ) -> StatisticsReply {
        let tables = model[bridge: bridge.index].tables
        switch request {
        case .queue(let port, let queue):
            return .queue(queueStatistics(bridge, port, queue, now: now))
        case .group(let group): return .group(tables.groupStatistics(of: group, now: now))
        case .groupDescription(let group):
            return .groupDescription(tables.groups.descriptions(of: group))
        case .groupFeatures: return .groupFeatures(GroupTable.features(in: version))
        case .meter(let meter):
            return .meter(meterStatistics(bridge: bridge.index, meter: meter, now: now))
        case .meterConfig(let meter):
            return .meterConfig(tables.meters.chosen(meter).map(\.description))
        case .meterFeatures: return .meterFeatures(MeterSet.features)
        case .queueDescription(let port, let queue):
            return .queueDescription(queueDescriptions(bridge, port, queue))
        default: return .tableDescription(tables.tableDescriptions())
        }
    }
}

extension FlowModError {
    var code: OpenFlowErrorCode {
        switch self {
        case .tableFull: .tableFull
        case .overlap: .flowsOverlap
        case .badTable: .badFlowModTable
        case .badGotoTable: .badInstructionTable
        case .fieldNotWritable: .badSetFieldType
        case .badFieldRange: .badSetFieldArgument
        case .badOutputPort: .badActionPort
        case .noSuchGroup: .badActionGroup
        case .noSuchMeter: .invalidMeter
        case .badConjunction: .actionBadConjunction
        case .badArgument: .badActionArgument
        case .noConnectionTracking: .actionCTDatapathSupport
        case .unsupportedAction: .badActionType
        }
    }
}

extension GroupModError {
    var code: OpenFlowErrorCode {
        switch self {
        case .groupExists: .groupExists
        case .invalidGroup: .invalidGroup
        case .unknownGroup: .unknownGroup
        case .outOfGroups: .groupModOutOfGroups
        case .outOfBuckets: .groupModOutOfBuckets
        case .loop: .groupModLoop
        case .badBucket: .groupModBadBucket
        case .watchUnsupported: .groupModWatchUnsupported
        case .bucketExists: .groupModBucketExists
        case .unknownBucket: .groupModUnknownBucket
        case .badCommand: .groupModBadCommand
        case .badSelection: .propertyBadValue
        case .badAction(let error): error.code
        }
    }
}

extension MeterModError {
    var code: OpenFlowErrorCode {
        switch self {
        case .meterExists: .meterExists
        case .invalidMeter: .invalidMeter
        case .unknownMeter: .unknownMeter
        case .badFlags: .meterModBadFlags
        case .badRate: .meterModBadRate
        case .outOfMeters: .meterModOutOfMeters
        case .outOfBands: .meterModOutOfBands
        }
    }
}
