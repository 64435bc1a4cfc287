import PipelineTwin
import Testing

/// Random pipelines, random packets, against the slow twin. In release mode more than a million
/// pairs of tables and packets; `tools/fuzz translation` goes on for as long as one likes.
@Suite struct TranslationPropertyTests {
    #if DEBUG
        static let seedCount: UInt64 = 60
    #else
        static let seedCount: UInt64 = 2000
    #endif

    /// 2000 pipelines × 40 packets × up to 4 relatives, of each kind.
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
