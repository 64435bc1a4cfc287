import Testing

@testable import FlowCache

/// Eight bytes of a sieve at once, beside one after the other.
struct SieveTests {
    /// Which bytes in front of the first empty one are `tag`, and whether there is an empty one.
    private func slow(_ bytes: [UInt8], _ tag: UInt8) -> (found: [Int], ends: Bool) {
        let end = bytes.firstIndex(of: 0) ?? bytes.count
        return (bytes[..<end].indices.filter { bytes[$0] == tag }, end < bytes.count)
    }

    @Test func allAtOnceFindAsOneByOne() {
        var chance = SeededWords(state: 7)
        // Neighbours of the tag, whose difference to it is a single bit, stand beside it often.
        let choices: [UInt8] = [0, 0x80, 0x81, 0x82, 0xff, 0xfe, 0x80, 0x81]
        for _ in 0..<100_000 {
            let bits = chance.next()
            let bytes = (0..<8).map { choices[Int(bits >> UInt64($0 * 3) & 7)] }
            let word = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
            let tag = choices[1 + Int(bits >> 40) % 5]
            let (wanted, ends) = slow(bytes, tag)
            let search = Sieve.search(word, tag)
            #expect(search.ends == ends)
            let found = (0..<8).filter { search.found >> UInt64($0 * 8) & 0xff != 0 }
            // None is missed, and what is found too much is no empty one.
            #expect(wanted.allSatisfy { found.contains($0) })
            #expect(found.allSatisfy { bytes[...$0].allSatisfy { $0 != 0 } })
            #expect(found.isEmpty == wanted.isEmpty)
        }
    }

    @Test(arguments: [0, 1, 0xff00_0000, .max] as [UInt32])
    func aTagIsNeverEmpty(hash: UInt32) {
        let tag = Sieve.tag(hash)
        #expect(tag >= 0x80)
    }
}

/// The same words in every run.
private struct SeededWords {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        return word ^ word >> 27
    }
}
