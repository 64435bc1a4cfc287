internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Groups, meters and settings of tables: from messages to the pipeline, and its refusals back.

extension Vswitch {
    mutating func apply(
        _ mod: GroupMod, _ index: Int, news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        .groupModOutOfGroups
    }

    mutating func apply(
        _ mod: MeterMod, _ index: Int, news: inout ChangeNews, now: Instant
    ) -> OpenFlowErrorCode? {
        .meterModOutOfMeters
    }

    mutating func apply(_ mod: TableMod, _ index: Int) -> OpenFlowErrorCode? { .tableModNotAllowed }

    /// What groups, meters and tables tell of themselves.
    func answer(
        later request: StatisticsRequest, _ bridge: PresentBridge, now: Instant
    ) -> StatisticsReply {
        switch request {
        case .group: .group([])
        case .groupDescription: .groupDescription([])
        case .groupFeatures:
            .groupFeatures(
                GroupFeatures(
                    types: 0, capabilities: 0, maxGroups: [0, 0, 0, 0], actions: [0, 0, 0, 0]))
        case .meter: .meter([])
        case .meterConfig: .meterConfig([])
        case .meterFeatures: .meterFeatures(MeterFeatures())
        case .queueDescription: .queueDescription([])
        default: .tableDescription([])
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
        case .badConjunction: .badConjunction
        case .badArgument: .badActionArgument
        case .unsupportedAction: .badActionType
        }
    }
}
