// Where the names of new rows come from: a seed is handed in, the rest is arithmetic.
//
// The engine draws several numbers in each transaction. A concrete generator, and not whatever the
// caller has, lets the compiler see through those calls, and spares a system call for each.

/// xoshiro256**: the same seed gives the same numbers. Good for names, not for secrets.
public struct UUIDSource: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    /// Begins with 256 bits, which should be random ones.
    public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        // All zeros would stay zeros.
        state = (a, b, c, d | 1)
    }

    /// Begins with a number, for simulations and tests.
    public init(seed: UInt64) {
        self.init(seed, seed &* 0x9e37_79b9_7f4a_7c15, ~seed, seed ^ 0xbf58_476d_1ce4_e5b9)
        for _ in 0..<16 { _ = next() }
    }

    public mutating func next() -> UInt64 {
        func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
        let result = rotate(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotate(state.3, 45)
        return result
    }
}
