import PipelineTwin
import Testing

/// Random pipelines, random packets, against the slow twin. `tools/fuzz translation` does the same
/// for as long as one likes; with seed 0 it begins with the trials of this test.
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
        // The kinds take turns, as in the fuzzer.
        let kinds = PipelineTrial.Kind.allCases
        for seed in 1...Self.seedCount * UInt64(kinds.count)
        where kinds[Int(seed) % kinds.count] == kind {
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
