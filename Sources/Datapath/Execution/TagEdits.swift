public import Flows
public import Packets

// Pushing and popping VLAN tags.
//
// The outer tag is beside the bytes, so that the usual push and pop are two stores. Only a second
// tag has to go into the bytes (push onto a tagged frame), or to come out of them (pop of a frame
// whose tag the kernel did not take out): then the two MAC addresses move by four bytes, because
// they are what is shortest.

extension PacketRun {
    @inlinable
    mutating func editTag<Sink: PacketSink & ~Copyable>(
        _ step: Step, _ sink: inout Sink
    ) -> Bool {
        guard step.kind == .pushVLAN else { return unsafe pop(&sink) }
        if unsafe frame.vlanTPID != 0 {
            guard unsafe own(headroom: 4, &sink) else { return false }
            unsafe writeTagIntoBytes()
        }
        unsafe isEdited = true
        unsafe frame.vlanTPID = step.small
        unsafe frame.vlanTCI =
            UInt16(truncatingIfNeeded: step.immediate) & ~VLANTag.present
        return true
    }

    @inlinable
    mutating func pop<Sink: PacketSink & ~Copyable>(_ sink: inout Sink) -> Bool {
        if unsafe frame.vlanTPID != 0 {
            unsafe isEdited = true
            unsafe frame.vlanTPID = 0
            unsafe frame.vlanTCI = 0
            return true
        }
        guard unsafe hasTagInBytes else { return true }
        guard unsafe own(&sink) else { return false }
        unsafe frame.takeTagOutOfBytes()
        unsafe layout.shift(by: -4)
        // The tag is gone, not kept aside.
        unsafe frame.vlanTPID = 0
        unsafe frame.vlanTCI = 0
        return true
    }

    /// Priority and id of the outer tag; that it is there stays.
    @usableFromInline
    mutating func editTagAside(_ operands: UnsafePointer<UInt64>) {
        unsafe isEdited = true
        unsafe frame.vlanTCI = merge(frame.vlanTCI, operands, 0, 16)
    }

    func editTagInBytes(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let old = unsafe bytes.load(UInt16.self, at: 14)
        unsafe bytes.store(merge(old, operands, 0, 16), at: 14)
    }

    @usableFromInline
    var hasTagInBytes: Bool { unsafe frame.hasTagInBytes }

    @usableFromInline
    mutating func writeTagIntoBytes() {
        unsafe frame.writeTagIntoBytes()
        unsafe layout.shift(by: 4)
    }
}

extension Frame {
    /// Whether the bytes begin with a whole VLAN tag and an Ethernet type behind it.
    public var hasTagInBytes: Bool {
        guard unsafe byteCount >= 18 else { return false }
        let type = unsafe FrameBytes(self).load(UInt16.self, at: 12)
        return type == EtherType.vlan || type == EtherType.serviceVLAN
    }

    /// Takes the first tag out of the bytes and keeps it aside. There must be one
    /// (`hasTagInBytes`) and none kept aside; the bytes must be nobody else's.
    public mutating func takeTagOutOfBytes() {
        unsafe precondition(vlanTPID == 0 && hasTagInBytes)
        let bytes = unsafe FrameBytes(self)
        unsafe vlanTPID = bytes.load(UInt16.self, at: 12)
        unsafe vlanTCI = bytes.load(UInt16.self, at: 14)
        let (destination, source) = unsafe (bytes.loadMAC(at: 0), bytes.loadMAC(at: 6))
        unsafe bytes.storeMAC(destination, at: 4)
        unsafe bytes.storeMAC(source, at: 10)
        unsafe start += 4
        unsafe headroom += 4
        unsafe byteCount -= 4
        unsafe offload.shift(by: -4)
    }

    /// Puts the tag that is kept aside into the bytes. There must be one, and four bytes of
    /// headroom; the bytes, of which there are at least 12, must be nobody else's.
    public mutating func writeTagIntoBytes() {
        unsafe precondition(vlanTPID != 0 && headroom >= 4 && byteCount >= 12)
        let (tpid, tci) = unsafe (vlanTPID, vlanTCI)
        unsafe start -= 4
        unsafe headroom -= 4
        unsafe byteCount += 4
        let bytes = unsafe FrameBytes(self)
        let (destination, source) = unsafe (bytes.loadMAC(at: 4), bytes.loadMAC(at: 10))
        unsafe bytes.storeMAC(destination, at: 0)
        unsafe bytes.storeMAC(source, at: 6)
        unsafe bytes.store(tpid, at: 12)
        unsafe bytes.store(tci, at: 14)
        unsafe vlanTPID = 0
        unsafe vlanTCI = 0
        unsafe offload.shift(by: 4)
    }
}

extension Offload {
    /// The same work, after `byteCount` bytes came in (or, if negative, went out) behind the MACs.
    /// Wraps rather than traps: the numbers came from outside, and are only ever handed on.
    public mutating func shift(by byteCount: Int16) {
        let shift = UInt16(bitPattern: byteCount)
        if needsChecksum { checksumStart &+= shift }
        if headerByteCount != 0 { headerByteCount &+= shift }
    }
}
