// ovs-dpctl: sends the datapath what the command line says, prints what comes back.

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
        case .call(let call):
            let client = try DatapathClient(
                runDirectory: rundir, timeout: call.timeout ?? .seconds(1 << 31))
            printOut(try call.output(now: now(), asking: { try client.request($0) }))
        }
        return 0
    } catch {
        printError("ovs-dpctl: \(error)\n")
        return 1
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
