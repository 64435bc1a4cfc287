import CYAML

// A small YAML file as a tree in which every value knows its line.
//
// libyaml reads it; of libyaml only what works on memory is used. An alias may make a tree that
// never ends, so depth and number of nodes are bounded.

/// A value of a YAML file.
struct YAMLNode: Equatable {
    indirect enum Content: Equatable {
        case scalar(String)
        case sequence([YAMLNode])
        /// In the file's order.
        case mapping([(key: YAMLNode, value: YAMLNode)])

        static func == (a: Self, b: Self) -> Bool {
            switch (a, b) {
            case (.scalar(let x), .scalar(let y)): x == y
            case (.sequence(let x), .sequence(let y)): x == y
            case (.mapping(let x), .mapping(let y)):
                x.map(\.key) == y.map(\.key) && x.map(\.value) == y.map(\.value)
            default: false
            }
        }
    }
    var content: Content
    /// Counted from 1.
    var line: Int

    private static let depthMax = 8
    private static let nodeCountMax = 200_000

    /// The file's one document; `nil` if there is nothing in it.
    ///
    /// - Throws: What is no YAML, with its line.
    static func reading(_ bytes: [UInt8]) throws(LinkProblem) -> YAMLNode? {
        var parser = unsafe yaml_parser_t()
        guard unsafe yaml_parser_initialize(&parser) == 1 else {
            throw LinkProblem(line: 1, "no memory to read the file")
        }
        defer { unsafe yaml_parser_delete(&parser) }
        var document = unsafe yaml_document_t()
        // Safe: the parser reads the lent bytes only during this call, which loads all of them.
        let isLoaded = unsafe bytes.withUnsafeBufferPointer {
            unsafe yaml_parser_set_input_string(&parser, $0.baseAddress, $0.count)
            return unsafe yaml_parser_load(&parser, &document) == 1
        }
        guard isLoaded else {
            let what = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "is no YAML"
            let line = unsafe max(parser.problem_mark.line, parser.context_mark.line) + 1
            // What is missing at the end is missing on the last line, not behind it.
            let lineCount =
                bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .count - (bytes.last == UInt8(ascii: "\n") ? 1 : 0)
            throw LinkProblem(line: min(Int(clamping: line), max(lineCount, 1)), what)
        }
        defer { unsafe yaml_document_delete(&document) }
        guard let root = unsafe yaml_document_get_root_node(&document) else { return nil }
        var left = nodeCountMax
        return unsafe try node(root, &document, depth: 0, &left)
    }

    private static func node(
        _ node: UnsafeMutablePointer<yaml_node_t>, _ document: inout yaml_document_t, depth: Int,
        _ left: inout Int
    ) throws(LinkProblem) -> YAMLNode {
        // Safe here and below: libyaml's nodes live as long as their document, which the caller
        // holds, and their numbers are looked up in it.
        let line = unsafe Int(clamping: node.pointee.start_mark.line + 1)
        left -= 1
        guard depth < depthMax, left > 0 else { throw LinkProblem(line: line, "nested too deeply") }
        let content: Content
        switch unsafe node.pointee.type {
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            var place = unsafe node.pointee.data.sequence.items.start
            while let item = unsafe place, unsafe item < node.pointee.data.sequence.items.top {
                items.append(unsafe try child(item.pointee, &document, line, depth, &left))
                unsafe place = item + 1
            }
            content = .sequence(items)
        case YAML_MAPPING_NODE:
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            var place = unsafe node.pointee.data.mapping.pairs.start
            while let pair = unsafe place, unsafe pair < node.pointee.data.mapping.pairs.top {
                pairs.append(
                    (
                        unsafe try child(pair.pointee.key, &document, line, depth, &left),
                        unsafe try child(pair.pointee.value, &document, line, depth, &left)
                    ))
                unsafe place = pair + 1
            }
            content = .mapping(pairs)
        default:
            let value = unsafe UnsafeRawBufferPointer(
                start: node.pointee.data.scalar.value, count: node.pointee.data.scalar.length)
            content = .scalar(unsafe String(decoding: value, as: UTF8.self))
        }
        return YAMLNode(content: content, line: line)
    }

    private static func child(
        _ number: CInt, _ document: inout yaml_document_t, _ line: Int, _ depth: Int,
        _ left: inout Int
    ) throws(LinkProblem) -> YAMLNode {
        guard let node = unsafe yaml_document_get_node(&document, number) else {
            throw LinkProblem(line: line, "a value is missing")
        }
        return unsafe try Self.node(node, &document, depth: depth + 1, &left)
    }
}

/// What is wrong in a file of links, and where.
public struct LinkProblem: Error, Hashable, Sendable {
    /// Counted from 1.
    public var line: Int
    public var text: String

    init(line: Int, _ text: String) {
        self.line = line
        self.text = text
    }
}
