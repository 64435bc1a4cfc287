import Chance
import Testing

@Suite struct SeededGeneratorTests {
    /// Published with the algorithm's reference implementation.
    @Test func drawsTheReferenceNumbers() {
        var generator = SeededGenerator(seed: 1_234_567)
        let drawn = (0..<3).map { _ in generator.next() }
        #expect(
            drawn == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test func staysBelowItsBound() {
        var generator = SeededGenerator(seed: 1)
        for bound in 1...50 { #expect((0..<bound).contains(generator.below(bound))) }
        #expect(generator.below(0) == 0)
        #expect(generator.pick([7]) == 7)
    }
}
