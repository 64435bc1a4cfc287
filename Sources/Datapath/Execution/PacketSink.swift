public import Flows
public import Packets

// Where packets go when actions have been run on them, seen from the rules.
//
// The rules neither send nor wait. They hand a frame to a sink and go on to the next packet; the
// sink (rings and sockets in a program, an array in a test) sends later, from the same memory.
// That is why Execution never edits bytes that it has handed out before: it asks for scratch
// memory and edits a copy.

/// Takes frames for ports. Implemented by whoever owns the ports; always used as a generic
/// parameter, never as an existential.
public protocol PacketSink: ~Copyable {
    /// Takes `frame` for `port`. The frame's bytes stay valid and unchanged until the caller of
    /// `Forwarder.process` (or `execute`) takes its memory back; the `Frame` value is the sink's.
    ///
    /// - Parameter priority: The packet's queueing priority (`FlowKey.priority`), 0 for none.
    /// - Returns: `.forwarded` if the frame was taken, otherwise why not: `.outputPortGone`,
    ///   `.exceedsMTU` or `.sendFailed`. A frame that was taken and fails later is told to
    ///   `Forwarder.countSendFailures`.
    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd

    /// Lends `byteCount` bytes that stay valid as long as the frame that is being processed; nil if
    /// there are none left, and then the packet ends as `.actionLimit`.
    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer?
}
