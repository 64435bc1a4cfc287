// ovs-dpctl: finds the datapath, sends it what the command line says, prints what comes back.

import Channel
import DatapathMessages
import Glibc
import Product
import Timekeeping
import Tools

let dpctl = Tool(name: "dpctl", summary: "shows and changes the datapath", run: runDpctl)

private func runDpctl(_ words: [String]) -> Int32 {
    do {
        switch try DpctlArguments(parsing: words) {
        case .help: printOut(DpctlArguments.helpText)
        case .version: printOut(Product.versionLine(of: "ovs-dpctl") + "\n")
        case .call(let call): try carryOut(call)
        }
        return 0
    } catch {
        printError("ovs-dpctl: \(error)\n")
        return 1
    }
}

private func carryOut(_ call: DpctlCall) throws {
    switch (call.command, call.datapath) {
    case (.addDatapath, .own?):
        throw DpctlError("apus-datapath has one datapath, \(DatapathReport.fullName), and no other")
    case (.deleteDatapath, .own?):
        throw DpctlError("\(DatapathReport.fullName) is the process apus-datapath; stop that")
    case (.addDatapath, .kernel(let name)?):
        if try KernelConnection.datapathNames().contains(name) {
            throw DpctlError("there is a datapath \(name) already")
        }
        try answer(call, .kernel(name), try KernelConnection(name: name))
    case (.deleteDatapath, .kernel(let name)?):
        try KernelConnection(name: name, makes: false).deleteDatapath()
    case (.dumpDatapaths, _):
        printOut(DpctlCall.list(try allDatapaths(), isJSON: call.isJSON))
    case (_, let target?): try answer(call, target)
    case (_, nil):
        let all = try allDatapaths()
        guard all.count <= 1 || call.command == .show else {
            let names = all.map(\.description).joined(separator: ", ")
            throw DpctlError("there are several datapaths (\(names)): say which")
        }
        // Without any, asking ours says what is wrong.
        for target in all.isEmpty ? [.own] : all { try answer(call, target) }
    }
}

/// Datapaths that answer, ours first.
private func allDatapaths() throws -> [DatapathName] {
    var all: [DatapathName] = []
    do throws(DatapathClientError) {
        _ = try DatapathClient(runDirectory: rundir, timeout: .seconds(1))
        all.append(.own)
    } catch {
        // It does not run; the kernel's may be there all the same.
        guard case .channel(.notReachable) = error else { throw error }
    }
    return all + (try KernelConnection.datapathNames()).map { .kernel($0) }
}

private func answer(
    _ call: DpctlCall, _ target: DatapathName, _ open: KernelConnection? = nil
) throws {
    let timeout = call.timeout ?? .seconds(1 << 31)
    let client: DatapathClient
    switch target {
    case .own: client = try DatapathClient(runDirectory: rundir, timeout: timeout)
    case .kernel(let name):
        let kernel = try open ?? kernelDatapath(name)
        client = DatapathClient(kernel: kernel, timeout: timeout)
    }
    printOut(try call.output(of: target, now: now(), asking: { try client.request($0) }))
}

private func kernelDatapath(_ name: String) throws -> KernelConnection {
    do throws(ChannelError) {
        return try KernelConnection(name: name, makes: false)
    } catch {
        guard case .kernel("", ENODEV) = error else { throw error }
        throw DpctlError("there is no datapath \(name); dump-dps lists them")
    }
}

/// The datapath's clock: CLOCK_MONOTONIC is one for the whole machine.
private func now() -> Instant {
    var time = timespec()
    // Safe: `time` lives during the call, which cannot fail for this clock.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(
        nanosecondsSinceStart: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
}
