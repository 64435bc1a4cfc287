// apus-fuzz: gives a target what a stranger might send, for as long as it is told, and stops at the
// first thing that must not be. A crash is a finding too: tools/fuzz says with which seed to see it
// again.

import ArgumentParser
import Glibc

struct ApusFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-fuzz", abstract: "Feeds a target with broken input.")

    enum Target: String, CaseIterable, ExpressibleByArgument {
        /// JSON, JSON-RPC and transactions, given to the database engine.
        case database
        /// OpenFlow messages of all versions, given to the decoder.
        case openflow
        /// Lines of flow syntax, given to the parser.
        case flowtext = "flow-text"
        /// Random tables and packets, translated and held against a slow twin.
        case translation
    }

    @Argument(help: "What to feed.")
    var target: Target

    @Option(help: "For how long, in seconds.")
    var seconds = 60

    @Option(help: "Where chance begins; without it somewhere new.")
    var seed: UInt64?

    @Option(help: "The folder of honest messages and lines (openflow, flow-text).")
    var corpus = "Tests/Goldens/OpenFlow"

    func run() throws {
        let seed = seed ?? UInt64.random(in: 1...999_999)
        print("target \(target.rawValue), seed \(seed), \(seconds) s")
        // A crash must not take the line with the seed with it.
        fflush(nil)
        var fuzzer: any Fuzzer
        switch target {
        case .database: fuzzer = DatabaseFuzzer(seed: seed)
        case .openflow: fuzzer = MessageFuzzer(seed: seed, try Corpus(folder: corpus))
        case .flowtext: fuzzer = FlowTextFuzzer(seed: seed, try Corpus(folder: corpus))
        case .translation: fuzzer = TranslationFuzzer(seed: seed)
        }
        let end = time(nil) + seconds
        while time(nil) < end {
            for _ in 0..<200 where fuzzer.finding == nil { fuzzer.advance() }
            if let finding = fuzzer.finding {
                print("FINDING after \(fuzzer.stepCount) inputs, seed \(seed): \(finding)")
                throw ExitCode.failure
            }
        }
        print("\(fuzzer.stepCount) inputs, \(fuzzer.summary); no finding")
    }
}

ApusFuzz.main()
