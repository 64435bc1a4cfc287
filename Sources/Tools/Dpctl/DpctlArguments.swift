// The command line of ovs-dpctl, understood. ovs-dpctl(8).
//
//     ovs-dpctl [-s] [-m] [-t SECONDS] [-f FORMAT] COMMAND [ARGUMENT...]
//
// Options may stand anywhere, as with ovs-dpctl. A datapath's name may be left out where Open
// vSwitch lets it be: then it is the only one there is.

import DatapathMessages
import Flows

/// What the user of ovs-dpctl wants.
public enum DpctlArguments: Equatable, Sendable {
    case help
    case version
    case call(DpctlCall)

    /// - Parameter words: The command line without the program's name.
    /// - Throws: What is wrong, as a sentence that names the word.
    public init(parsing words: [String]) throws(DpctlError) {
        var call = DpctlCall(command: .show)
        var rest = words[...]
        var plain: [String] = []
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                plain.append(word)
                continue
            }
            if word == "--" {
                plain += rest
                break
            }
            let option = OptionWord(word)
            switch option.name {
            case "-h", "--help":
                self = .help
                return
            case "-V", "--version":
                self = .version
                return
            case "-s", "--statistics": call.withStatistics = true
            case "-m", "--more": call.isVerbose = true
            case "--names": call.withNames = true
            case "--no-names": call.withNames = false
            case "--may-create": call.mayCreate = true
            case "-v", "--verbose": continue  // Asks for the tool's own log, and it has none.
            case "-t", "--timeout":
                call.timeout = try Self.timeout(Self.value(of: option, &rest))
            case "-f", "--format":
                call.isJSON = try Self.isJSON(Self.value(of: option, &rest))
            default: throw DpctlError("there is no option \(option.name); try --help")
            }
        }
        try call.read(plain)
        self = .call(call)
    }

    private static func value(
        of option: OptionWord, _ rest: inout ArraySlice<String>
    ) throws(DpctlError) -> String {
        guard let value = option.value(&rest) else {
            throw DpctlError("option \(option.name) needs a value")
        }
        return value
    }

    private static func timeout(_ word: String) throws(DpctlError) -> Duration? {
        guard let seconds = OptionWord.seconds(word) else {
            throw DpctlError("\"\(word)\" is no number of seconds")
        }
        return seconds == 0 ? nil : .seconds(Int64(seconds))
    }

    private static func isJSON(_ word: String) throws(DpctlError) -> Bool {
        guard ["json", "text"].contains(word) else {
            throw DpctlError("\"\(word)\" is no format: there are json and text")
        }
        return word == "json"
    }

    static func flow(
        _ text: String, _ actions: String
    ) throws(DpctlError) -> CachedFlow {
        do throws(DatapathTextError) {
            let (key, mask) = try DatapathText.parseFlow(text)
            return CachedFlow(
                key: key, mask: mask, actions: try DatapathText.parseActions(actions))
        } catch { throw DpctlError("cannot understand the flow: \(error)") }
    }

    /// `NAME[,type=TYPE][,port_no=N]`.
    static func port(_ word: String) throws(DpctlError) -> Vport {
        let parts = word.split(separator: ",", omittingEmptySubsequences: false)
        guard let name = parts.first,
            (1...DatapathMessageLimits.nameByteCountMax).contains(name.utf8.count)
        else { throw DpctlError("\"\(word)\" names no interface") }
        var port = Vport(number: nil, kind: .netdev, name: String(name))
        for part in parts.dropFirst() {
            let halves = part.split(separator: "=", maxSplits: 1).map(String.init)
            switch (halves.first, halves.last) {
            case ("type", "internal"?), ("type", "tap"?): port.kind = .internal
            case ("type", "system"?): port.kind = .netdev
            case ("port_no", let value?):
                guard let number = UInt32(value), number <= 65534 else {
                    throw DpctlError("\"\(value)\" is no port number")
                }
                port.number = number
            default: throw DpctlError("\"\(part)\" is no option of a port")
            }
        }
        return port
    }
}
