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
    }

    @Argument(help: "What to feed.")
    var target: Target

    @Option(help: "For how long, in seconds.")
    var seconds = 60

    @Option(help: "Where chance begins; without it somewhere new.")
    var seed: UInt64?

    func run() throws {
        let seed = seed ?? UInt64.random(in: 1...999_999)
        print("target \(target.rawValue), seed \(seed), \(seconds) s")
        var fuzzer = DatabaseFuzzer(seed: seed)
        let end = time(nil) + seconds
        while time(nil) < end {
            for _ in 0..<200 { fuzzer.step() }
            if let finding = fuzzer.finding {
                print("FINDING after \(fuzzer.stepCount) inputs, seed \(seed): \(finding)")
                throw ExitCode.failure
            }
        }
        print("\(fuzzer.stepCount) inputs, \(fuzzer.committedCount) transactions; no finding")
    }
}

ApusFuzz.main()
