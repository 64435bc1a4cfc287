public import LinkValues
public import Packets

// A file of wanted links, read as a whole: either every entry is understood, or every problem is
// named and nothing else happens.
//
//     links:
//       - name: v0
//         type: veth
//         peer: v1
//         peer-netns: red

/// One entry of the file.
public struct WantedLink: Hashable, Sendable {
    public var line: Int
    public var name = ""
    /// `nil`: where the tool runs.
    public var namespace: String?
    /// `nil`: there must be one already, or an entry above makes it (a veth's peer).
    public var kind: LinkOrder.Kind?
    /// Members of a bond; `nil` leaves them as they are.
    public var members: [String]?
    public var mtu: Int?
    public var address: MACAddress?
    public var isUp: Bool?
    /// All addresses that it is to have; `nil` leaves them as they are.
    public var addresses: [InterfaceAddress]?
    public var master: String?
    public var alias: String?
    public var offloads: [LinkOffload: Bool] = [:]
    /// Whether it is to be removed.
    public var isAbsent = false

    init(line: Int) { self.line = line }
}

/// All entries, or all problems.
public enum LinkFile {
    /// Reads a file's bytes.
    ///
    /// - Returns: The entries in the file's order, or what is wrong, by line.
    public static func read(_ bytes: [UInt8]) -> Result<[WantedLink], LinkProblems> {
        guard bytes.count <= LinkLimits.fileByteCountMax else {
            return .failure(
                LinkProblems([
                    LinkProblem(line: 1, "more than \(LinkLimits.fileByteCountMax) bytes")
                ]))
        }
        var problems: [LinkProblem] = []
        var wishes: [WantedLink] = []
        do throws(LinkProblem) {
            for node in try entries(try YAMLNode.reading(bytes)) {
                var reader = EntryReader(line: node.line)
                reader.read(node)
                wishes.append(reader.wish)
                problems += reader.problems
            }
        } catch { problems.append(error) }
        if wishes.count > LinkLimits.fileLinkCountMax {
            problems.append(
                LinkProblem(
                    line: 1, "more than \(LinkLimits.fileLinkCountMax) links in one file"))
        }
        var lines: [[String?]: Int] = [:]
        for wish in wishes {
            if let line = lines[[wish.namespace, wish.name]] {
                problems.append(
                    LinkProblem(line: wish.line, "\(wish.name) is on line \(line) already"))
            }
            lines[[wish.namespace, wish.name]] = wish.line
        }
        return problems.isEmpty ? .success(wishes) : .failure(LinkProblems(problems))
    }

    private static func entries(_ root: YAMLNode?) throws(LinkProblem) -> [YAMLNode] {
        guard let root else { return [] }
        guard case .mapping(let pairs) = root.content else {
            throw LinkProblem(line: root.line, "a file begins with \"links:\"")
        }
        var entries: [YAMLNode] = []
        for (key, value) in pairs {
            guard key.content == .scalar("links") else {
                throw LinkProblem(line: key.line, "there is no key \(key.text); there is \"links\"")
            }
            switch value.content {
            case .sequence(let items): entries += items
            case .scalar(""): break
            default: throw LinkProblem(line: value.line, "\"links\" is a list")
            }
        }
        return entries
    }
}

/// Several problems of one file, by line.
public struct LinkProblems: Error, Hashable, Sendable {
    public var all: [LinkProblem]
    init(_ all: [LinkProblem]) {
        self.all = all.sorted { ($0.line, $0.text) < ($1.line, $1.text) }
    }
}

extension YAMLNode {
    /// For messages.
    var text: String {
        switch content {
        case .scalar(let text): "\"\(text)\""
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// Reads one entry, and goes on after a problem.
private struct EntryReader {
    var wish: WantedLink
    var problems: [LinkProblem] = []
    private var type: (name: String, line: Int)?
    /// What only one kind has: value and line by key.
    private var own: [String: (value: String, line: Int)] = [:]
    private var bond = BondSettings()

    init(line: Int) { wish = WantedLink(line: line) }

    private static let kinds = ["veth", "vlan", "bond", "dummy", "bridge", "tap"]
    private static let keys: [String: [String]] = [
        "veth": ["peer", "peer-netns"], "vlan": ["parent", "id"],
        "bond": BondSettings.names + ["members"],
    ]

    private mutating func complain(_ line: Int, _ text: String) {
        problems.append(LinkProblem(line: line, text))
    }

    mutating func read(_ node: YAMLNode) {
        guard case .mapping(let pairs) = node.content else {
            return complain(node.line, "a link is written as \"- name: …\"")
        }
        var seen: [String] = []
        for (key, value) in pairs {
            guard case .scalar(let name) = key.content else {
                complain(key.line, "\(key.text) is no key")
                continue
            }
            if seen.contains(name) { complain(key.line, "\(name) is said twice") }
            seen.append(name)
            read(name, value, key.line)
        }
        if wish.name.isEmpty, !seen.contains("name") { complain(node.line, "a link needs a name") }
        finish()
    }

    private mutating func read(_ key: String, _ value: YAMLNode, _ line: Int) {
        switch key {
        case "addresses":
            wish.addresses = texts(value, key).compactMap { item in
                let address = InterfaceAddress(item.text)
                if address == nil { complain(item.line, "\"\(item.text)\" is no address") }
                return address
            }
            return
        case "members":
            wish.members = texts(value, key).map { item in
                checkName(item.text, item.line)
                return item.text
            }
            own[key] = ("", line)
            return
        case "offloads": return readOffloads(value)
        default: break
        }
        guard case .scalar(let text) = value.content else {
            return complain(value.line, "\(key) has one value, not \(value.text)")
        }
        readScalar(key, text, value.line, keyLine: line)
    }

    private mutating func readScalar(_ key: String, _ text: String, _ line: Int, keyLine: Int) {
        switch key {
        case "name":
            checkName(text, line)
            wish.name = text
        case "type": type = (text, line)
        case "netns":
            checkNamespace(text, line)
            wish.namespace = text
        case "mtu":
            wish.mtu = number(text, in: LinkLimits.mtuRange, key, line)
        case "address":
            wish.address = MACAddress(text)
            if wish.address == nil { complain(line, "\"\(text)\" is no MAC address") }
        case "up": wish.isUp = truth(text, key, line)
        case "absent": wish.isAbsent = truth(text, key, line) ?? false
        case "master":
            checkName(text, line)
            wish.master = text
        case "alias":
            if text.utf8.count > LinkLimits.aliasByteCountMax { complain(line, "alias too long") }
            wish.alias = text
        default:
            guard Self.keys.values.contains(where: { $0.contains(key) }) else {
                return complain(keyLine, "there is no key \"\(key)\"")
            }
            own[key] = (text, line)
        }
    }

    private mutating func readOffloads(_ value: YAMLNode) {
        guard case .mapping(let pairs) = value.content else {
            return complain(value.line, "offloads are written as \"{tso: off}\"")
        }
        for (key, value) in pairs {
            guard case .scalar(let name) = key.content, let offload = LinkOffload(rawValue: name)
            else {
                let names = LinkOffload.allCases.map(\.rawValue).joined(separator: ", ")
                complain(key.line, "\(key.text) is none of \(names)")
                continue
            }
            guard case .scalar(let text) = value.content else {
                complain(value.line, "\(name) is on or off")
                continue
            }
            wish.offloads[offload] = truth(text, name, value.line)
        }
    }

    // MARK: What belongs together

    private mutating func finish() {
        if let type, !Self.kinds.contains(type.name) {
            own = [:]
            let kinds = Self.kinds.joined(separator: ", ")
            return complain(type.line, "\"\(type.name)\" is none of \(kinds)")
        }
        let allowed = type.flatMap { Self.keys[$0.name] } ?? []
        for (key, said) in own.sorted(by: { $0.value.line < $1.value.line })
        where !allowed.contains(key) {
            complain(said.line, "\(key) is not for \(type?.name ?? "a link without type")")
        }
        switch type?.name {
        case "dummy": wish.kind = .dummy
        case "bridge": wish.kind = .bridge
        case "tap": wish.kind = .tap
        case "veth": finishPair()
        case "vlan": finishVLAN()
        case "bond":
            for name in BondSettings.names {
                guard let said = own[name] else { continue }
                if let wrong = bond.set(name, said.value) {
                    complain(said.line, "\(name): \(wrong)")
                }
            }
            wish.kind = .bond(bond, members: [])
        default: break
        }
    }

    private mutating func finishPair() {
        guard let peer = own["peer"] else { return complain(wish.line, "a veth needs its peer") }
        checkName(peer.value, peer.line)
        let namespace = own["peer-netns"]
        if let namespace { checkNamespace(namespace.value, namespace.line) }
        wish.kind = .veth(peer: peer.value, peerNamespace: namespace?.value)
    }

    private mutating func finishVLAN() {
        guard let parent = own["parent"], let id = own["id"] else {
            return complain(wish.line, "a vlan needs its parent and its id")
        }
        checkName(parent.value, parent.line)
        guard let number = number(id.value, in: LinkLimits.vlanRange, "id", id.line) else { return }
        wish.kind = .vlan(parent: parent.value, id: UInt16(number))
    }

    // MARK: Values

    private mutating func checkName(_ text: String, _ line: Int) {
        guard !isLinkName(text) else { return }
        complain(line, "\"\(text)\" is no name of an interface: 1 to 15 bytes, no blank or slash")
    }

    private mutating func checkNamespace(_ text: String, _ line: Int) {
        if !isNamespaceName(text) { complain(line, "\"\(text)\" is no name of a namespace") }
    }

    private mutating func number(
        _ text: String, in range: ClosedRange<Int>, _ key: String, _ line: Int
    ) -> Int? {
        guard let number = Int(text), range.contains(number) else {
            complain(
                line,
                "\(key) is a number from \(range.lowerBound) to \(range.upperBound), "
                    + "not \"\(text)\"")
            return nil
        }
        return number
    }

    private mutating func truth(_ text: String, _ key: String, _ line: Int) -> Bool? {
        switch text {
        case "true", "on", "yes": return true
        case "false", "off", "no": return false
        default:
            complain(line, "\(key) is true or false, not \"\(text)\"")
            return nil
        }
    }

    private mutating func texts(
        _ node: YAMLNode, _ key: String
    ) -> [(text: String, line: Int)] {
        guard case .sequence(let items) = node.content else {
            complain(node.line, "\(key) is a list")
            return []
        }
        var texts: [(String, Int)] = []
        for item in items {
            if case .scalar(let text) = item.content {
                texts.append((text, item.line))
            } else {
                complain(item.line, "\(key) is a list of words")
            }
        }
        return texts
    }
}
