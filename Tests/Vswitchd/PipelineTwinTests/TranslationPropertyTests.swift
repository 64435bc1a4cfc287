import PipelineTwin
import Testing

/// Random pipelines, random packets, against the slow twin. `tools/fuzz translation` does the same
/// for as long as one likes, from other seeds.
@Suite struct TranslationPropertyTests {
    #if DEBUG
        static let seedCount: UInt64 = 60
    #else
        static let seedCount: UInt64 = 2000
    #endif

    /// So many pipelines × 40 packets × up to 4 relatives, of each kind.
    @Test(arguments: PipelineTrial.Kind.allCases)
    func cachedFlowsAnswerForOthersAsForTheirFirstPacket(kind: PipelineTrial.Kind) throws {
        var packetCount = 0
        for seed in 1...Self.seedCount {
            var trial = try PipelineTrial(kind, seed: seed)
            for _ in 0..<40 {
                if let wrong = trial.step() {
                    Issue.record("\(kind), seed \(seed): \(wrong)")
                    return
                }
            }
            packetCount += trial.packetCount
        }
        #expect(packetCount > Int(Self.seedCount) * 40 * 2)
    }
}
