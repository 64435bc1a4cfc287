// A frame as a port hands it in: what the kernel lent, and whether it lent all of it.

public import Packets

/// A frame that arrived, lent until its block (ring) or buffers (tap) are given back.
@unsafe
public struct ReceivedFrame {
    public var frame: Frame
    /// Bytes at the end of the frame that did not fit into the ring and are lost; 0 as a rule. Such
    /// a frame ends as `PacketEnd.truncatedByRing`.
    public var lostByteCount: Int

    @inlinable public var isTruncated: Bool { unsafe lostByteCount > 0 }

    @inlinable
    init(frame: Frame, lostByteCount: Int) {
        unsafe self.frame = frame
        unsafe self.lostByteCount = lostByteCount
    }
}
