import CMnl
import Flows
import Packets

// Messages as bytes, one behind the other in one datagram.
//
// libmnl lays out headers, attributes and padding; what libmnl leaves to its caller is whether
// there is room. So every call here is the checked kind, and the first that finds no room marks the
// message, which is then taken back as a whole: a datagram holds whole messages only.

/// A datagram that is being filled. Reusable: `removeAll` keeps the memory.
@safe
public struct DatagramWriter: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    private let capacity: Int
    /// Bytes of the whole messages in the datagram, a multiple of 4.
    public private(set) var byteCount = 0
    /// How many messages they are.
    public private(set) var messageCount = 0
    /// Whom the messages are for.
    public var destination = DatapathDestination()
    private var overflow: (what: String, byteCount: Int)?
    /// The last answer in the datagram that had a mask: those that follow may name it.
    var lastDecision: UpcallDecision?

    public init() {
        capacity = DatapathMessageLimits.datagramByteCountMax
        // Freed in deinit, and nowhere else: the structure cannot be copied.
        unsafe memory = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { unsafe memory.deallocate() }

    public var isEmpty: Bool { messageCount == 0 }

    public mutating func removeAll() {
        (byteCount, messageCount) = (0, 0)
        lastDecision = nil
    }

    /// Lends the datagram's bytes.
    public borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        // Initialised: all bytes up to `byteCount` were written by libmnl.
        unsafe body(UnsafeRawBufferPointer(start: memory, count: byteCount))
    }

    /// A copy of the datagram's bytes.
    public var bytes: [UInt8] {
        // Copied within the closure.
        unsafe withBytes { unsafe [UInt8]($0) }
    }

    // MARK: One message

    private var header: UnsafeMutablePointer<nlmsghdr> {
        // In bounds: `begin` checked that a header fits at `byteCount`; aligned: it is a multiple
        // of 4.
        unsafe (memory + byteCount).assumingMemoryBound(to: nlmsghdr.self)
    }

    private var room: Int { capacity - byteCount }

    /// Begins a message of `type`. Returns false if not even a header fits.
    mutating func begin(type: UInt16, flags: UInt16, sequence: UInt32) -> Bool {
        overflow = nil
        guard room >= 64 else { return false }
        // In bounds: 64 bytes are free at `byteCount`, a header has 16.
        let header = unsafe mnl_nlmsg_put_header(memory + byteCount)
        unsafe header?.pointee.nlmsg_type = type
        unsafe header?.pointee.nlmsg_flags = flags
        unsafe header?.pointee.nlmsg_seq = sequence
        return true
    }

    /// Adds a fixed header of up to 24 bytes behind the netlink header, only right after `begin`.
    mutating func putExtraHeader(_ fields: Fields) {
        precondition(fields.count <= 24)
        // In bounds: `begin` left at least 48 bytes behind its header.
        unsafe fields.withBytes { bytes in
            let place = unsafe mnl_nlmsg_put_extra_header(header, bytes.count)
            if let place = unsafe place, let base = bytes.baseAddress {
                unsafe place.copyMemory(from: base, byteCount: bytes.count)
            }
        }
    }

    /// Keeps the message if all of it fitted. Returns false, and the datagram as it was before
    /// `begin`, if there was no room behind the messages before it.
    ///
    /// - Throws: `.tooLong` if it would not fit into an empty datagram either.
    mutating func finish(_ what: String) throws(DatapathMessageError) -> Bool {
        if let overflow {
            guard isEmpty || overflow.byteCount > DatapathMessageLimits.attributeByteCountMax else {
                return false
            }
            throw .tooLong(overflow.what, byteCount: overflow.byteCount)
        }
        // The length is ours: libmnl kept it up to date and below `room`.
        byteCount += Int(unsafe header.pointee.nlmsg_len + 3) & ~3
        messageCount += 1
        return true
    }

    // MARK: Attributes

    mutating func put(_ type: UInt16, _ bytes: UnsafeRawBufferPointer, _ what: String = "") {
        guard bytes.count <= DatapathMessageLimits.attributeByteCountMax,
            // In bounds: the checked call compares with what is free from the header on.
            unsafe mnl_attr_put_check(header, room, type, bytes.count, bytes.baseAddress)
        else { return fail(what, bytes.count) }
        clearPadding(bytes.count)
    }

    /// Zeroes the bytes between a payload and the next attribute: not every libmnl does, and what
    /// lies there may be of an earlier message to somebody else.
    private func clearPadding(_ payloadByteCount: Int) {
        let count = -payloadByteCount & 3
        // In bounds: the attribute that was just put ends in these bytes.
        unsafe (UnsafeMutableRawPointer(header) + Int(header.pointee.nlmsg_len) - count)
            .initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }

    mutating func put(_ type: UInt16, _ fields: Fields) {
        let fitted = unsafe fields.withBytes { bytes in
            // In bounds: as above.
            unsafe mnl_attr_put_check(header, room, type, bytes.count, bytes.baseAddress)
        }
        if fitted { clearPadding(fields.count) } else { fail("", fields.count) }
    }

    mutating func put(_ type: UInt16, _ bytes: [UInt8], _ what: String = "") {
        unsafe bytes.withUnsafeBytes { unsafe put(type, $0, what) }
    }

    mutating func put(_ type: UInt16, _ bytes: ArraySlice<UInt8>, _ what: String = "") {
        unsafe bytes.withUnsafeBytes { unsafe put(type, $0, what) }
    }

    /// A number in host order, as the families have it wherever the header does not say `__be`.
    mutating func put(_ type: UInt16, host value: UInt32) {
        // In bounds: the checked call.
        if unsafe !mnl_attr_put_u32_check(header, room, type, value) { fail("", 4) }
    }

    mutating func put(_ type: UInt16, host value: UInt64) {
        // In bounds: the checked call.
        if unsafe !mnl_attr_put_u64_check(header, room, type, value) { fail("", 8) }
    }

    mutating func put(_ type: UInt16, _ value: UInt8) {
        // In bounds: the checked call.
        let fitted = unsafe mnl_attr_put_u8_check(header, room, type, value)
        if fitted { clearPadding(1) } else { fail("", 1) }
    }

    /// A 16-bit number in network order.
    mutating func put(_ type: UInt16, network value: UInt16) {
        // In bounds: the checked call.
        let fitted = unsafe mnl_attr_put_u16_check(header, room, type, value.bigEndian)
        if fitted { clearPadding(2) } else { fail("", 2) }
    }

    /// An attribute without payload.
    mutating func putFlag(_ type: UInt16) { put(type, []) }

    /// Text with a zero at its end.
    mutating func put(_ type: UInt16, text: String) { put(type, Array(text.utf8) + [0]) }

    /// Opens a nest; what is put until `endNest` stands in it. Returns where it begins.
    mutating func beginNest(_ type: UInt16) -> Int {
        // In bounds: the checked call writes nothing without room.
        let nest = unsafe mnl_attr_nest_start_check(header, room, type)
        guard let nest = unsafe nest else {
            fail("", 4)
            return 0
        }
        return unsafe UnsafeRawPointer(nest) - UnsafeRawPointer(header)
    }

    /// Closes the nest that `beginNest` opened at `offset`.
    mutating func endNest(_ offset: Int, _ what: String) {
        guard overflow == nil else { return }
        let count = Int(unsafe header.pointee.nlmsg_len) - offset
        guard count <= DatapathMessageLimits.attributeByteCountMax + 4 else {
            return fail(what, count)
        }
        // In bounds: `offset` came from `beginNest` in the same message, which has only grown
        // since.
        let nest = unsafe (UnsafeMutableRawPointer(header) + offset)
        unsafe mnl_attr_nest_end(header, nest.assumingMemoryBound(to: nlattr.self))
    }

    private mutating func fail(_ what: String, _ byteCount: Int) {
        if overflow == nil { overflow = (what, byteCount) }
    }
}

/// The fields of one fixed structure, in the order in which the header declares them.
struct Fields {
    private var storage = InlineArray<80, UInt8>(repeating: 0)
    private(set) var count = 0

    mutating func put(_ value: UInt8) {
        storage[count] = value
        count += 1
    }
    mutating func put(network value: some FixedWidthInteger & UnsignedInteger) {
        putBytes(of: value, count: value.bitWidth / 8)
    }
    mutating func put(_ address: MACAddress) { putBytes(of: address.bits, count: 6) }
    mutating func put(_ address: IPv6Address) {
        put(network: address.high)
        put(network: address.low)
    }
    mutating func put(host value: some FixedWidthInteger & UnsignedInteger) {
        put(network: value.bigEndian)
    }

    /// The low `count` bytes of `value`, the highest first.
    private mutating func putBytes(of value: some FixedWidthInteger & UnsignedInteger, count: Int) {
        for index in 0..<count {
            put(UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - index))))
        }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let count = count
        // In bounds: `count` never passes the storage, whose subscript would have trapped.
        return unsafe Swift.withUnsafeBytes(of: storage) { bytes in
            unsafe body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }
}
