// What all fuzzers have in common: chance that can be repeated, and a verdict.

protocol Fuzzer {
    /// Inputs so far.
    var stepCount: Int { get }
    /// The first thing that must not be; nil: none yet.
    var finding: String? { get }
    /// What was reached, in a few words.
    var summary: String { get }

    /// One input.
    mutating func step()
}

/// Draws the same numbers from the same seed. SplitMix64.
struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// A number from 0 up to but not including `count`; 0 if `count` is not positive.
    mutating func below(_ count: Int) -> Int { count > 0 ? Int(next() % UInt64(count)) : 0 }
}

extension Dice {
    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }
    mutating func octet() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}
