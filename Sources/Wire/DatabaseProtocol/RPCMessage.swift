// JSON-RPC 1.0 as RFC 7047 §4 and Open vSwitch's control sockets use it.

/// One message of either direction.
public enum RPCMessage: Hashable, Sendable {
    /// Wants an answer that carries `id`, which is any JSON but null and is echoed as it came.
    case request(method: String, parameters: [JSON], id: JSON)
    /// Wants none.
    case notification(method: String, parameters: [JSON])
    /// The answer to the request called `id`.
    case reply(result: JSON, id: JSON)
    /// The answer to the request called `id` that failed.
    case failure(error: JSON, id: JSON)

    /// Understands `json` as a message.
    ///
    /// - Throws: Which member is missing or of the wrong type.
    public init(parsing json: JSON) throws(RPCError) {
        guard let object = json.object else { throw .notObject }
        let id = object["id"] ?? .null
        if let method = object["method"], method != .null {
            guard let name = method.string else { throw .badMethod }
            guard case .array(let parameters)? = object["params"] else { throw .badParameters }
            self =
                id == .null
                ? .notification(method: name, parameters: parameters)
                : .request(method: name, parameters: parameters, id: id)
            return
        }
        guard id != .null else { throw .missingID }
        if let error = object["error"], error != .null {
            self = .failure(error: error, id: id)
        } else if let result = object["result"] {
            self = .reply(result: result, id: id)
        } else {
            throw .neitherRequestNorReply
        }
    }

    /// The message as JSON, with the members in Open vSwitch's order.
    public var json: JSON {
        switch self {
        case .request(let method, let parameters, let id):
            ["method": .string(method), "params": .array(parameters), "id": id]
        case .notification(let method, let parameters):
            ["method": .string(method), "params": .array(parameters), "id": nil]
        case .reply(let result, let id): ["result": result, "error": nil, "id": id]
        case .failure(let error, let id): ["result": nil, "error": error, "id": id]
        }
    }

    /// The message's text in UTF-8, ready to send.
    public var bytes: [UInt8] {
        guard case .reply(let result, let id) = self else { return json.bytes }
        return Self.reply(id: id) { result.write(to: &$0) }
    }

    /// The text of the answer to the request called `id`, for results that are not worth to be made
    /// as values first.
    ///
    /// - Parameter write: Appends the result's text.
    public static func reply(id: JSON, writing write: (inout [UInt8]) -> Void) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(128)
        out.append(contentsOf: #"{"result":"#.utf8)
        write(&out)
        out.append(contentsOf: #","error":null,"id":"#.utf8)
        id.write(to: &out)
        out.append(UInt8(ascii: "}"))
        return out
    }
}

/// Why JSON is not a JSON-RPC message.
public enum RPCError: String, Error, Hashable, Sendable, CustomStringConvertible {
    case notObject = "a JSON-RPC message must be an object"
    case badMethod = "\"method\" must be a string"
    case badParameters = "\"params\" must be an array"
    case missingID = "a reply must have an \"id\""
    case neitherRequestNorReply = "a JSON-RPC message must have \"method\", \"result\" or \"error\""

    public var description: String { rawValue }
}
