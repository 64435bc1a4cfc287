public import Flows
import Packets

// Pushing and popping MPLS labels, and what ends with the time to live.
//
// A label goes between the link layer, tags included, and the network layer; the Ethernet type in
// front of it says what the frame then is. What lies behind changes its place, and after a pop it
// may be something that could not be seen before; so the layout is read anew.

extension PacketRun {
    /// Returns false if there is no memory for a copy.
    @inlinable
    mutating func editLabel<Sink: PacketSink & ~Copyable>(
        _ step: Step, _ sink: inout Sink
    ) -> Bool {
        let typeOffset = unsafe etherTypeOffset
        guard typeOffset != 0 else { return true }
        guard step.kind == .pushMPLS else {
            guard unsafe has(.mpls) else { return true }
            guard unsafe own(&sink) else { return false }
            unsafe popLabel(step.small, typeOffset)
            return true
        }
        guard unsafe own(headroom: 4, &sink) else { return false }
        unsafe pushLabel(step, typeOffset)
        return true
    }

    /// Where the Ethernet type behind all tags lies; 0 for a frame that has none (802.3).
    @usableFromInline
    var etherTypeOffset: Int {
        let bytes = unsafe FrameBytes(frame)
        guard unsafe bytes.byteCount >= 14 else { return 0 }
        var offset = 12
        for _ in 0..<ExtractionLimits.vlanTags {
            let type = unsafe bytes.load(UInt16.self, at: offset)
            let isTag = type == EtherType.vlan || type == EtherType.serviceVLAN
            guard isTag, unsafe bytes.byteCount >= offset + 6 else { break }
            offset += 4
        }
        return unsafe bytes.load(UInt16.self, at: offset) >= EtherType.smallest ? offset : 0
    }

    /// RFC 3032 §2. There are four bytes of headroom, and the bytes are ours.
    @usableFromInline
    mutating func pushLabel(_ step: Step, _ typeOffset: Int) {
        let linkByteCount = typeOffset + 2
        // Safe: headroom bytes before `start` may be written; the link layer moves into them.
        unsafe (frame.start - 4).copyMemory(from: frame.start, byteCount: linkByteCount)
        unsafe frame.start -= 4
        unsafe frame.headroom -= 4
        unsafe frame.byteCount += 4
        unsafe frame.offload.shift(by: 4)
        let bytes = unsafe FrameBytes(frame)
        unsafe bytes.store(step.small, at: typeOffset)
        unsafe bytes.store(step.immediate, at: linkByteCount)
        unsafe readLayout()
    }

    @usableFromInline
    mutating func popLabel(_ etherType: UInt16, _ typeOffset: Int) {
        // Safe: the frame has its link layer and a label behind it.
        unsafe (frame.start + 4).copyMemory(from: frame.start, byteCount: typeOffset + 2)
        unsafe frame.start += 4
        unsafe frame.headroom += 4
        unsafe frame.byteCount -= 4
        unsafe frame.offload.shift(by: -4)
        unsafe FrameBytes(frame).store(etherType, at: typeOffset)
        unsafe readLayout()
    }

    private mutating func readLayout() {
        unsafe layout = FlowKey.extract(frame, inPort: 0).layout
    }
}

/// What became of a packet whose time to live was to be decremented.
@usableFromInline
enum Decrement { case decremented, expired, noMemory }

extension PacketRun {
    /// RFC 791 §3.2, RFC 8200 §3: a packet that is forwarded loses one, and none is left of one.
    @inlinable
    mutating func decrementTTL<Sink: PacketSink & ~Copyable>(_ sink: inout Sink) -> Decrement {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        guard let place = unsafe timeToLivePlace else { return .decremented }
        guard unsafe FrameBytes(frame).load(UInt8.self, at: place) > 1 else { return .expired }
        guard unsafe own(&sink) else { return .noMemory }
        unsafe takeOne(at: place)
        return .decremented
    }

    @usableFromInline
    var timeToLivePlace: Int? {
        if unsafe has(.ipv4) { return unsafe Int(layout.network) + 8 }
        if unsafe has(.ipv6) { return unsafe Int(layout.network) + 7 }
        return nil
    }

    @usableFromInline
    func takeOne(at place: Int) {
        let bytes = unsafe FrameBytes(frame)
        guard unsafe layout.networkKind == .ipv4 else {
            return unsafe bytes.store(bytes.load(UInt8.self, at: place) &- 1, at: place)
        }
        let old = unsafe bytes.load(UInt16.self, at: place)
        var header = SumDifference()
        header.replace(old, by: old &- 0x100)
        unsafe bytes.store(old &- 0x100, at: place)
        let checksum = unsafe bytes.load(UInt16.self, at: place + 2)
        unsafe bytes.store(header.applied(toFinished: checksum), at: place + 2)
    }
}
