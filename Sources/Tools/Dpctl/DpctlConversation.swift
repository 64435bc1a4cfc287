public import DatapathMessages
import Flows
public import Timekeeping

// A command as the requests it takes, and their replies as its text.

extension DpctlCall {
    /// Carries out the command.
    ///
    /// - Parameters:
    ///   - now: For how long ago a flow was used.
    ///   - ask: Sends one request and waits for its replies.
    /// - Returns: What to print.
    /// - Throws: What `ask` throws, or `DpctlError`.
    public func output(
        now: Instant, asking ask: (DatapathRequest) throws -> [DatapathReply]
    ) throws -> String {
        switch command {
        case .show:
            guard case .datapath(let datapath)? = try ask(.describeDatapath).first else {
                throw DpctlError("the datapath did not describe itself")
            }
            let ports = try Self.ports(ask)
            return isJSON
                ? DatapathReport.json(datapath.statistics, ports)
                : DatapathReport.show(datapath.statistics, ports, withStatistics: withStatistics)
        case .dumpDatapaths:
            _ = try ask(.describeDatapath)
            return DatapathReport.fullName + "\n"
        case .dumpFlows(let port): return try dump(port, now, ask)
        case .addFlow(let flow): _ = try ask(.putFlow(flow))
        case .deleteFlow(let flow):
            _ = try ask(.deleteFlow(key: flow.key, mask: flow.mask))
        case .deleteFlows: _ = try ask(.flushFlows)
        case .addPorts(let ports):
            for port in ports { _ = try ask(.addPort(port)) }
        case .deletePorts(let words):
            let ports = try Self.ports(ask)
            for word in words {
                _ = try ask(.deletePort(number: try Self.number(of: word, ports)))
            }
        }
        return ""
    }

    private static func ports(
        _ ask: (DatapathRequest) throws -> [DatapathReply]
    ) throws -> [Vport] {
        try ask(.listPorts).compactMap { if case .port(let port) = $0 { port } else { nil } }
    }

    /// The number of a port that is given by name or by number. A name of digits only is a number.
    private static func number(of word: String, _ ports: [Vport]) throws(DpctlError) -> UInt32 {
        let port = ports.first { $0.number.map(String.init) == word || $0.name == word }
        guard let number = port?.number else { throw DpctlError("there is no port \(word)") }
        return number
    }

    private func dump(
        _ port: String?, _ now: Instant, _ ask: (DatapathRequest) throws -> [DatapathReply]
    ) throws -> String {
        let ports = withNames || port != nil ? try Self.ports(ask) : []
        let wanted = try port.map { try Self.number(of: $0, ports) }
        let flows = try ask(.listFlows).compactMap { reply -> CachedFlow? in
            guard case .flow(let flow) = reply else { return nil }
            return wanted == nil || flow.key.inPort == wanted ? flow : nil
        }
        guard !isJSON else { return DatapathReport.json(flows, now: now) }
        var names: [UInt32: String] = [:]
        for port in withNames ? ports : [] {
            if let number = port.number { names[number] = port.name }
        }
        return flows.map {
            DatapathReport.flow(
                $0, nowMilliseconds: now.millisecondsSinceStart, isVerbose: isVerbose,
                names: names) + "\n"
        }.joined()
    }
}
