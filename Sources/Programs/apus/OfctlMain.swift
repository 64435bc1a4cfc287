// ovs-ofctl: finds the bridge's OpenFlow socket, lets the machine of Tools/Ofctl talk to it, prints
// what it says.

import Glibc
import OpenFlow
import Product
import Streams
import Timekeeping
import Tools

let ofctl = Tool(
    name: "ofctl", summary: "looks at and changes the flow tables of a bridge", run: runOfctl)

private func runOfctl(_ words: [String]) -> Int32 {
    do {
        switch try OfctlCommandLine(parsing: words) {
        case .help:
            printOut(OfctlHelp.text)
            return 0
        case .version:
            printOut(Product.versionLine(of: "ovs-ofctl") + "\nOpenFlow versions 0x1:0x6\n")
            return 0
        case .call(let call):
            switch call.command {
            case .parseMessages:
                printOut(try OfctlFiles.messages(in: try inputBytes(call)))
                return 0
            case .parseCapture(let ports):
                printOut(try OfctlFiles.capture(try inputBytes(call), ports: ports))
                return 0
            default: return call.otherSource == nil ? try carryOut(call) : try compare(call)
            }
        }
    } catch {
        printError("ovs-ofctl: \(error)\n")
        return 1
    }
}

/// `diff-flows`: a source is a file if there is one of that name, else a bridge.
private func compare(_ call: OfctlCall) throws -> Int32 {
    var sides: [[FlowDescription]] = []
    var version = OpenFlowVersion.v10
    for source in [call.target, call.otherSource ?? ""] {
        var side = call
        side.target = source
        side.inputPath = source
        // Safe: Swift lends the call a C string.
        if unsafe access(source, F_OK) == 0, !source.hasPrefix("unix:") {
            sides.append(try OfctlDifference.flows(inFile: try inputText(side), named: source))
            continue
        }
        side.inputPath = nil
        var machine = OfctlMachine(side)
        let exitCode = try run(&machine, side)
        guard exitCode == 0 else { return exitCode }
        version = machine.version
        sides.append(machine.flows)
    }
    let text = OfctlDifference.text(sides[0], sides[1], version)
    printOut(text)
    return text.isEmpty ? 0 : 2
}

private func carryOut(_ call: OfctlCall) throws -> Int32 {
    var machine = OfctlMachine(call, input: try inputText(call))
    return try run(&machine, call)
}

private func run(_ machine: inout OfctlMachine, _ call: OfctlCall) throws -> Int32 {
    let client = try connect(call)
    let start = ContinuousClock.now
    var effects = machine.start()
    while true {
        for effect in effects {
            switch effect {
            case .send(let bytes): client.send(bytes)
            case .tell(let text): printOut(text)
            case .complain(let text): printError(text)
            case .finish(let exitCode): return exitCode
            }
        }
        let bytes: [UInt8]
        do throws(StreamClientError) {
            bytes = try client.receive()
        } catch {
            // A monitor that was told how long to watch has done its work.
            if case .timedOut = error, case .monitor = call.command { return 0 }
            throw error
        }
        effects = machine.receive(bytes, now: Instant.start + (ContinuousClock.now - start))
    }
}

private func inputText(_ call: OfctlCall) throws(ToolFailure) -> String {
    String(decoding: try inputBytes(call), as: UTF8.self)
}

private func inputBytes(_ call: OfctlCall) throws(ToolFailure) -> [UInt8] {
    guard let path = call.inputPath else { return [] }
    let name = path == "-" ? "/dev/stdin" : path
    switch readFile(name, byteCountMax: OfctlLimits.inputByteCount + 1) {
    case .failure(let error): throw ToolFailure("\(path): open (\(error))")
    case .success(let bytes):
        guard bytes.count <= OfctlLimits.inputByteCount else {
            throw ToolFailure("\(path): more than \(OfctlLimits.inputByteCount) bytes")
        }
        return bytes
    }
}

/// BRIDGE is a socket in the run directory; what names a method is an address.
private func connect(_ call: OfctlCall) throws -> StreamClient {
    let target = call.target
    let remote: Remote
    if target.contains(":") {
        remote = try Remote(parsing: target, defaultPort: 6653)
        guard !remote.isPassive else {
            throw ToolFailure("\(target): one cannot connect to that; use unix:PATH or tcp:HOST")
        }
    } else {
        let suffix = call.command == .snoop ? "snoop" : "mgmt"
        let path = target.contains("/") ? target : "\(rundir)/\(target).\(suffix)"
        // Safe: Swift lends the call a C string.
        guard unsafe access(path, F_OK) == 0 else {
            throw ToolFailure(
                "\(target) is not a bridge or a socket (\(path) is not there; is ovs-vswitchd "
                    + "running?)")
        }
        remote = .unix(path: path)
    }
    return try StreamClient(
        connectingTo: remote, of: DaemonNames.vswitchd, timeout: call.timeout)
}
