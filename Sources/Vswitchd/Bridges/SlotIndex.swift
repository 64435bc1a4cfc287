// From a hash to numbers that have it.
//
// A row of words, each a hash and a number; who comes to a taken place goes to the next free one.
// What the numbers stand for lies elsewhere, so the index costs eight bytes a place and looks at
// nothing else until a whole hash agrees.
//
//     places:   [ . ][h 7][h 3][ . ][h 9][ . ]        h: 32 bits of hash, then number + 1; 0 = free

/// Numbers below 2³² - 1 by hash. Which of equal hashes is meant, the caller says.
struct SlotIndex {
    private var places: [UInt64] = []
    private(set) var count = 0

    private static let smallest = 16

    /// The number with this hash that `isMeant`; nil if there is none. O(1) on average.
    @inline(__always)
    func find(_ hash: UInt32, _ isMeant: (Int) -> Bool) -> Int? {
        guard !places.isEmpty else { return nil }
        let mask = places.count - 1
        var place = Int(hash) & mask
        // Ends: at least a quarter of all places is free.
        while places[place] != 0 {
            let number = Int(places[place] & 0xffff_ffff) - 1
            if UInt32(truncatingIfNeeded: places[place] >> 32) == hash, isMeant(number) {
                return number
            }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Adds a number that is not there yet.
    mutating func insert(_ hash: UInt32, _ number: Int) {
        if (count + 1) * 4 > places.count * 3 { grow() }
        put(UInt64(hash) << 32 | UInt64(UInt32(number + 1)))
        count += 1
    }

    private mutating func put(_ word: UInt64) {
        let mask = places.count - 1
        var place = Int(word >> 32) & mask
        while places[place] != 0 { place = (place + 1) & mask }
        places[place] = word
    }

    private mutating func grow() {
        let before = places
        places = Array(repeating: 0, count: max(Self.smallest, before.count * 2))
        for word in before where word != 0 { put(word) }
    }

    /// Takes out a number that is there.
    mutating func remove(_ hash: UInt32, _ number: Int) {
        let word = UInt64(hash) << 32 | UInt64(UInt32(number + 1))
        let mask = places.count - 1
        var hole = Int(hash) & mask
        while places[hole] != word {
            precondition(places[hole] != 0, "a number that is there")
            hole = (hole + 1) & mask
        }
        count -= 1
        // Whoever stands behind the hole and came from it or from before it moves into it.
        var place = (hole + 1) & mask
        while places[place] != 0 {
            let home = Int(places[place] >> 32) & mask
            if (place - home) & mask >= (place - hole) & mask {
                places[hole] = places[place]
                hole = place
            }
            place = (place + 1) & mask
        }
        places[hole] = 0
    }
}

/// Words to a hash, one multiplication for each, where the standard hash would take ten times as
/// long. Keyed with a secret of this process: nobody outside can aim.
struct WordMixer {
    private var state: UInt64
    private let secret: UInt64

    init() { (state, secret) = Self.secrets }

    @inline(__always)
    mutating func add(_ word: UInt64) {
        let product = (word ^ state).multipliedFullWidth(by: secret)
        // The sum keeps what a product of 0 would forget.
        state = (product.high ^ product.low) &+ (word &<< 32 | word &>> 32)
    }

    var hash: UInt32 { UInt32(truncatingIfNeeded: state ^ state &>> 32) }

    /// What the standard library hashes with in this process.
    private static let secrets: (UInt64, UInt64) = {
        func word(_ number: UInt64) -> UInt64 {
            var hasher = Hasher()
            hasher.combine(number)
            return UInt64(truncatingIfNeeded: Int64(hasher.finalize()))
        }
        return (word(1), word(2) | 1)
    }()
}
