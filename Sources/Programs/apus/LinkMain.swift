// apus link: carries out what the command line says by libnl, and asks the daemons, if they run,
// what a link is used for.

import Channel
import DatabaseProtocol
import DatapathMessages
import Glibc
import LinkValues
import Links
import Product
import Streams
import Tools

let link = Tool(
    name: "link", summary: "makes, changes and shows network interfaces", run: runLink)

private func runLink(_ words: [String]) -> Int32 {
    let call: LinkCall
    do throws(LinkArgumentError) {
        switch try LinkArguments(parsing: words) {
        case .help:
            printOut(LinkHelp.text)
            return 0
        case .completion:
            printOut(LinkHelp.bashCompletion)
            return 0
        case .call(let parsed): call = parsed
        }
    } catch {
        printError("apus link: \(error)\n")
        return 2
    }
    do {
        switch call.command {
        case .change(let steps): for step in steps { try step.perform() }
        case .show(let names): return try show(names, call)
        case .watch: try watch(call)
        case .apply(let file, let isDryRun): return try apply(file, call, isDryRun: isDryRun)
        }
        return 0
    } catch {
        printError("apus link: \(error)\n")
        return 1
    }
}

// MARK: show

/// How long a daemon may take to say what a link is used for. Without an answer that part is
/// missing.
private let patience = Duration.seconds(1)

private func show(_ names: [String], _ call: LinkCall) throws -> Int32 {
    let table = try LinkTable(namespace: call.namespace)
    let (links, counters) = try table.census()
    for name in names where !links.contains(where: { $0.name == name }) {
        throw ToolFailure("\(name): there is no such interface here")
    }
    let addresses = try table.addresses()
    let namesByIndex = Dictionary(
        links.map { ($0.index, $0.name) }, uniquingKeysWith: { first, _ in first })
    let uses = uses()
    let vports = vports()
    var rows: [LinkRow] = []
    for link in links where names.isEmpty || names.contains(link.name) {
        let lower = link.lowerNamespace == nil ? link.lowerIndex.flatMap { namesByIndex[$0] } : nil
        rows.append(
            LinkRow(
                link: link, counters: counters[link.index] ?? LinkCounters(),
                addresses: addresses[link.index] ?? [], offloads: table.offloads(of: link.name),
                master: link.masterIndex.flatMap { namesByIndex[$0] }, lower: lower,
                use: uses[link.name], vport: vports[link.name]))
    }
    printOut(
        call.isJSON
            ? JSON.array(rows.map(\.json)).text + "\n" : rows.map(\.text).joined())
    return 0
}

/// What the database knows; empty if it does not run or does not answer in time.
private func uses() -> [String: LinkUse] {
    do {
        let client = try StreamClient(
            connectingTo: .unix(path: "\(rundir)/db.sock"), of: "ovsdb-server", timeout: patience)
        client.send(LinkUses.request)
        var stream = JSONStream()
        while true {
            stream.append(try client.receive())
            while let answer = try stream.next() {
                if answer.object?["result"] != nil { return LinkUses.read(answer) }
            }
        }
    } catch {
        return [:]
    }
}

/// What the datapath knows, by name; empty if it does not run or does not answer in time.
private func vports() -> [String: Vport] {
    var ports: [String: Vport] = [:]
    do throws(DatapathClientError) {
        let client = try DatapathClient(runDirectory: rundir, timeout: patience)
        for case .port(let port) in try client.request(.listPorts) { ports[port.name] = port }
    } catch {
        return [:]
    }
    return ports
}

// MARK: watch

private func watch(_ call: LinkCall) throws {
    var watch = try LinkWatch(namespace: call.namespace)
    while true {
        var entry = pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0)
        // Safe: one entry, which lives through the call. An interruption is one more turn.
        _ = unsafe poll(&entry, 1, -1)
        for event in try watch.events() {
            printOut(call.isJSON ? LinkEventReport.json(event) : LinkEventReport.text(event))
        }
    }
}

// MARK: apply

private func apply(_ file: String, _ call: LinkCall, isDryRun: Bool) throws -> Int32 {
    let name = file == "-" ? "/dev/stdin" : file
    let bytes: [UInt8]
    switch readFile(name, byteCountMax: LinkLimits.fileByteCountMax + 1) {
    case .success(let read): bytes = read
    case .failure(let error): throw ToolFailure("\(file): \(error)")
    }
    let plan: LinkPlan
    do {
        let wishes = try LinkFile.read(bytes).get().map { wish in
            var wish = wish
            wish.namespace = wish.namespace ?? call.namespace
            return wish
        }
        var presence: [String?: LinkPresence] = [:]
        for namespace in LinkPlan.namespaces(of: wishes) {
            presence[namespace] = try present(namespace, wishes)
        }
        plan = try LinkPlan(wishes, presence: presence)
    } catch let problems as LinkProblems {
        for problem in problems.all {
            printError("apus link: \(file):\(problem.line): \(problem.text)\n")
        }
        printError("apus link: nothing was changed\n")
        return 1
    }
    for (number, step) in plan.steps.enumerated() {
        printOut("\(step)\n")
        if isDryRun { continue }
        do throws(LinkError) {
            try step.perform()
        } catch {
            throw ToolFailure("\(error); \(number) of \(plan.steps.count) steps were done")
        }
    }
    let count = plan.steps.count
    let changes = "\(count) change\(count == 1 ? "" : "s")"
    printOut(isDryRun ? "\(changes) to make\n" : "\(changes) made\n")
    return 0
}

private func present(
    _ namespace: String?, _ wishes: [WantedLink]
) throws(LinkError) -> LinkPresence {
    let table = try LinkTable(namespace: namespace)
    var presence = LinkPresence(links: try table.links(), addresses: try table.addresses())
    for wish in wishes where wish.namespace == namespace && !wish.offloads.isEmpty {
        presence.offloads[wish.name] = table.offloads(of: wish.name)
    }
    return presence
}
