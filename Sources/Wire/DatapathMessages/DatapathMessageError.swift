// Why bytes are not a message, or a message cannot be bytes.

/// What is wrong with a message. Offsets are bytes from the start of the datagram; attributes bear
/// the name that `linux/openvswitch.h` gives them, without `ATTR`.
public enum DatapathMessageError: Error, Hashable, Sendable {
    /// The datagram ends inside a message, or a message claims an impossible length.
    case truncatedMessage(offset: Int, available: Int)
    /// The attribute that begins here claims to be longer than what holds it, or is cut short.
    case malformedAttribute(in: String, offset: Int)
    case wrongLength(attribute: String, offset: Int, expected: Int, found: Int)
    case missingAttribute(String, in: String, offset: Int)
    case duplicateAttribute(in: String, type: UInt16, offset: Int)
    case invalidValue(attribute: String, offset: Int, value: UInt64)
    /// An attribute, or a kind of message, that is right but that nothing here can obey.
    case unsupported(String, type: UInt16, offset: Int)
    /// The message would not fit into a datagram, or an attribute not into its length field.
    case tooLong(String, byteCount: Int)

    /// The errno that the kernel's datapath would answer with.
    public var errno: Int32 {
        switch self {
        case .unsupported: 95  // EOPNOTSUPP
        case .tooLong: 90  // EMSGSIZE
        default: 22  // EINVAL
        }
    }
}

extension DatapathMessageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncatedMessage(let offset, let available):
            "message at byte \(offset) is cut short: \(available) bytes are left of the datagram"
        case .malformedAttribute(let nest, let offset):
            "\(nest): the attribute at byte \(offset) does not fit into what holds it"
        case .wrongLength(let attribute, let offset, let expected, let found):
            "\(attribute) at byte \(offset) has \(found) bytes, \(expected) expected"
        case .missingAttribute(let attribute, let nest, let offset):
            "\(nest) at byte \(offset) lacks \(attribute)"
        case .duplicateAttribute(let nest, let type, let offset):
            "\(nest): attribute \(type) comes a second time at byte \(offset)"
        case .invalidValue(let attribute, let offset, let value):
            "\(attribute) at byte \(offset) cannot be \(value)"
        case .unsupported(let what, let type, let offset):
            "\(what) \(type) at byte \(offset) is not supported"
        case .tooLong(let what, let byteCount):
            "\(what) of \(byteCount) bytes is too long for a message"
        }
    }
}
