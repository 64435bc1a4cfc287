// OFPT_ERROR, and what the decoder says when it refuses a message.

/// OFPT_ERROR: what went wrong with the message whose first bytes are `offending`.
public struct OpenFlowErrorReport: Hashable, Sendable {
    /// nil: a number that we have no name for; see `number`.
    public var code: OpenFlowErrorCode?
    public var number: OpenFlowErrorCode.Number
    /// The first bytes (at least 64, or all) of the message refused; for a failed HELLO a text.
    public var offending: [UInt8]

    /// - Parameter offending: The message refused. What does not fit is cut off.
    public init(_ code: OpenFlowErrorCode, offending: [UInt8], version: OpenFlowVersion) {
        self.code = code
        number = code.number(in: version)
        self.offending = Array(offending.prefix(Limits.errorDataByteCount))
    }

    public init(number: OpenFlowErrorCode.Number, offending: [UInt8], version: OpenFlowVersion) {
        code = OpenFlowErrorCode.numbered(number, in: version)
        self.number = number
        self.offending = offending
    }

    /// As `ovs-ofctl` prints it: `OFPBRC_BAD_TYPE`, or the numbers if it has no name.
    public var name: String {
        if let code { return code.name }
        return "unknown error (vendor \(number.vendor), type \(number.type), code \(number.code))"
    }
}

/// A message that cannot be understood. The connection goes on: send `reply`.
public struct OpenFlowFault: Error, Hashable {
    public var code: OpenFlowErrorCode
    public var xid: UInt32
    public var version: OpenFlowVersion
    /// The message, or as much of it as an error can carry.
    public var offending: [UInt8]

    /// The OFPT_ERROR that answers it.
    public var reply: OpenFlowMessage {
        OpenFlowMessage(
            xid: xid,
            .error(OpenFlowErrorReport(code, offending: offending, version: version)))
    }
}
