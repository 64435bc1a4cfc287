import DatabaseProtocol
public import DatapathMessages
import Flows
public import Timekeeping

// A command as the requests it takes, and their replies as its text.

extension DpctlCall {
    /// How one request is sent and its replies are waited for.
    public typealias Ask = (DatapathRequest) throws -> [DatapathReply]

    /// Carries out the command on one datapath.
    ///
    /// - Parameters:
    ///   - target: Which datapath `ask` asks.
    ///   - now: For how long ago a flow was used.
    ///   - ask: Sends one request and waits for its replies.
    /// - Returns: What to print.
    /// - Throws: What `ask` throws, or `DpctlError`.
    public func output(
        of target: DatapathName = .own, now: Instant, asking ask: Ask
    ) throws -> String {
        switch command {
        case .show:
            guard case .datapath(let datapath)? = try ask(.describeDatapath).first else {
                throw DpctlError("the datapath did not describe itself")
            }
            let ports = try Self.ports(ask)
            return isJSON
                ? DatapathReport.json(datapath.statistics, ports, name: target.name)
                : DatapathReport.show(
                    datapath.statistics, ports, withStatistics: withStatistics,
                    name: target.name)
        case .dumpDatapaths:
            _ = try ask(.describeDatapath)
            return Self.list([target], isJSON: isJSON)
        case .dumpFlows(let filter): return try dump(filter, now, ask)
        case .addFlow(let flow): _ = try ask(.putFlow(Self.form(flow, target)))
        case .modifyFlow(let flow):
            let flow = Self.form(flow, target)
            if !mayCreate { _ = try Self.find(.matching(flow), target, ask) }
            _ = try ask(.putFlow(flow))
        case .getFlow(let flow):
            return try text(of: [try Self.find(flow, target, ask)], now, ask)
        case .deleteFlow(let flow): try delete(flow, target, ask)
        case .deleteFlows: _ = try ask(.flushFlows)
        case .addPorts(let ports), .addDatapath(let ports):
            for port in ports { _ = try ask(.addPort(port)) }
        case .deletePorts(let words):
            let ports = try Self.ports(ask)
            for word in words {
                _ = try ask(.deletePort(number: try Self.number(of: word, ports)))
            }
        case .deleteDatapath: break
        }
        return ""
    }

    /// What dump-dps prints.
    public static func list(_ datapaths: [DatapathName], isJSON: Bool) -> String {
        isJSON
            ? JSON.array(datapaths.map { .string($0.description) }).text + "\n"
            : datapaths.map { "\($0)\n" }.joined()
    }

    private func delete(_ flow: DpctlFlow, _ target: DatapathName, _ ask: Ask) throws {
        if case .matching(let flow) = flow, target == .own {
            _ = try ask(.deleteFlow(key: flow.key, mask: flow.mask))
            return
        }
        // By the name that the listing shows: the kernel finds it by nothing else.
        let found = try Self.find(flow, target, ask)
        _ = try ask(.deleteFlow(key: found.key, mask: found.mask))
    }

    /// A flow as its datapath can hold it.
    private static func form(_ flow: CachedFlow, _ target: DatapathName) -> CachedFlow {
        var flow = flow
        if target != .own { flow.mask = flow.mask.wholeShape(of: flow.key) }
        flow.key = flow.key.masked(by: flow.mask)
        return flow
    }

    private static func find(
        _ wanted: DpctlFlow, _ target: DatapathName, _ ask: Ask
    ) throws -> CachedFlow {
        let found = try flows(ask).first { flow in
            switch wanted {
            case .named(let ufid): flow.ufid == ufid
            case .matching(let other):
                form(other, target).key == flow.key.masked(by: flow.mask)
                    && form(other, target).mask == flow.mask
            }
        }
        guard let found else { throw DpctlError("there is no such flow") }
        return found
    }

    private static func flows(_ ask: Ask) throws -> [CachedFlow] {
        try ask(.listFlows).compactMap { if case .flow(let flow) = $0 { flow } else { nil } }
    }

    private static func ports(_ ask: Ask) throws -> [Vport] {
        try ask(.listPorts).compactMap { if case .port(let port) = $0 { port } else { nil } }
    }

    /// The number of a port that is given by name or by number. A name of digits only is a number.
    private static func number(of word: String, _ ports: [Vport]) throws(DpctlError) -> UInt32 {
        let port = ports.first { $0.number.map(String.init) == word || $0.name == word }
        guard let number = port?.number else { throw DpctlError("there is no port \(word)") }
        return number
    }

    private func dump(_ filter: DpctlFilter, _ now: Instant, _ ask: Ask) throws -> String {
        var wanted: UInt32?
        if case .port(let word) = filter { wanted = try Self.number(of: word, Self.ports(ask)) }
        let flows = try Self.flows(ask).filter { flow in
            switch filter {
            case .all: true
            case .port: flow.key.inPort == wanted
            case .like(let other):
                flow.key.masked(by: flow.mask).masked(by: other.mask)
                    == other.key.masked(by: other.mask).masked(by: flow.mask)
            }
        }
        return try text(of: flows, now, ask)
    }

    private func text(of flows: [CachedFlow], _ now: Instant, _ ask: Ask) throws -> String {
        guard !isJSON else { return DatapathReport.json(flows, now: now) }
        var names: [UInt32: String] = [:]
        for port in withNames ? try Self.ports(ask) : [] {
            if let number = port.number { names[number] = port.name }
        }
        return flows.map {
            DatapathReport.flow(
                $0, nowMilliseconds: now.millisecondsSinceStart, isVerbose: isVerbose,
                names: names) + "\n"
        }.joined()
    }
}
