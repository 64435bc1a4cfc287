// apus-bench: what tools/bench and tools/bench-tables need besides iperf3 and ping. It is no part
// of the switch.

import ArgumentParser
import Glibc
import PacketPorts

struct ApusBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-bench", abstract: "Measures the datapath; see tools/bench.",
        subcommands: [
            FloodCommand.self, SinkCommand.self, MicroCommand.self, TablesCommand.self,
            RulesCommand.self, FlowModsCommand.self, LookupsCommand.self, PacketsCommand.self,
            RoundTripsCommand.self,
        ])
}

struct FloodCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flood", abstract: "Sends small UDP frames and prints how many left.")

    @Option(help: "By which interface they leave.") var interface: String
    @Option(help: "Ethernet address they are sent to.") var to: String
    @Option(help: "Their source; the interface's own if not given.") var from: String?
    @Option(help: "Different flows, one after the other; 0: every frame is a flow of its own.")
    var flows = 1
    @Option(help: "Number of the first flow, which earlier floods have not had.") var first = 0
    @Option(help: "How long, in seconds; one batch leaves in any case.") var seconds = 1.0
    @Option(help: "Frames per second; 0: as many as can be.") var rate = 0

    func run() throws {
        var flood = try Flood(
            interface: interface, to: to, from: from, flowCount: flows, first: first)
        print(flood.run(seconds: seconds, rate: rate))
    }
}

struct SinkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sink",
        abstract: "Has the kernel forget what an interface receives as soon as it is counted.",
        discussion: "Says so when it begins, and goes on until standard input ends.")

    @Option(help: "Which interface; its host hears nothing meanwhile.") var interface: String

    func run() throws {
        let drop = try HostIngressDrop(interface: try InterfaceFacts(name: interface))
        print("\(drop.interface.name) is a sink")
        fflush(nil)
        while readLine() != nil {}
        withExtendedLifetime(drop) {}
    }
}

struct MicroCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "micro", abstract: "Prints what single steps of the packet's journey cost.")

    @Flag(help: "One line of JSON.") var json = false

    func run() throws {
        let results = try MicroBenchmark.run()
        if json {
            let members = results.map { "\"\($0.name)\": \($0.text)" }
            print("{" + members.joined(separator: ", ") + "}")
        } else {
            for result in results { print("\(result.text)\t\(result.unit)\t\(result.name)") }
        }
    }
}

ApusBench.main()
