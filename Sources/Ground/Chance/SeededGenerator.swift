/// Chance that can be repeated: the same seed gives the same numbers in every run and on every
/// machine. SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
///
/// For tests, fuzzers and benchmarks; nothing that must not be guessed is drawn from it.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// A number in `0..<bound`, which is small, so that a remainder is fair enough; 0 if `bound` is
    /// not positive.
    public mutating func below(_ bound: Int) -> Int {
        bound > 0 ? Int(next() % UInt64(bound)) : 0
    }

    /// True once in `bound` times.
    public mutating func once(in bound: Int) -> Bool { below(bound) == 0 }

    /// One of `choices`, of which there must be one.
    public mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[below(choices.count)]
    }

    public mutating func octet() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}
