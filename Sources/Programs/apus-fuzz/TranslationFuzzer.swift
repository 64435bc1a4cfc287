import Chance
import PipelineTwin

// Pipelines by chance, and packets by chance, one after the other: `PipelineTrial` says what holds.

struct TranslationFuzzer: Fuzzer {
    var progress: FuzzProgress
    private var seed: UInt64
    private var packetCount = 0

    init(seed: UInt64) {
        progress = FuzzProgress(seed: seed)
        // Far from those that the tests begin with.
        self.seed = seed << 24
    }

    var summary: String { "\(packetCount) packets" }

    mutating func step() {
        seed += 1
        let kind = PipelineTrial.Kind.allCases[stepCount % PipelineTrial.Kind.allCases.count]
        do {
            var trial = try PipelineTrial(kind, seed: seed)
            for _ in 0..<40 {
                if let wrong = trial.step() {
                    finding = "\(kind) pipeline of seed \(seed): \(wrong)"
                    return
                }
            }
            packetCount += trial.packetCount
        } catch {
            finding = "\(kind) pipeline of seed \(seed): a rule is refused: \(error)"
        }
    }
}
