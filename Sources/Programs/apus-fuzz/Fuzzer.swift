import Chance

// What all fuzzers have in common: chance that can be repeated, and a verdict.

protocol Fuzzer {
    var progress: FuzzProgress { get set }
    /// What was reached, in a few words.
    var summary: String { get }

    /// One input.
    mutating func step()
}

/// How far a fuzzer has come.
struct FuzzProgress {
    var dice: SeededGenerator
    /// Inputs so far, the present one included.
    var stepCount = 0
    /// The first thing that must not be; nil: none yet.
    var finding: String?

    init(seed: UInt64) { dice = SeededGenerator(seed: seed) }
}

extension Fuzzer {
    var dice: SeededGenerator {
        get { progress.dice }
        set { progress.dice = newValue }
    }
    var stepCount: Int { progress.stepCount }
    var finding: String? {
        get { progress.finding }
        set { progress.finding = newValue }
    }

    /// One input more.
    mutating func advance() {
        progress.stepCount += 1
        step()
    }
}
