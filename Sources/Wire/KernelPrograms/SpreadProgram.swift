// A fanout program for a port that several workers receive by: which of the sockets of the port's
// group receives a frame.
//
//     addresses, ports ──> hash ──> one of 64 places ──> the place's word: the number of a socket
//
// Frames of one flow have one place, so that none overtakes another; whoever owns a place decides
// which socket it leads to, with one store. What is not IPv4 or IPv6 has the first place.

extension ExpressPrograms {
    /// Places of a table that spreads; a power of two. Each is a word of 32 bits.
    public static let spreadPlaceCount = 64

    private static let bytes: Int16 = -48
    /// Of the context, in network order.
    private static let protocolNumber: Int16 = 16
    private static let fragmentBits: Int32 = 0xff3f
    /// Odd, so that nothing is lost by multiplying.
    private static let factor: Int32 = 0x1e35_a7bd

    /// - Parameter array: The descriptor of an array of one value with `spreadPlaceCount` words.
    public static func spread(by array: Int32) -> [UInt64] {
        var code = Assembler()
        let (isIPv4, isIPv6, end) = (code.label(), code.label(), code.label())
        code.move(.r6, .r1)
        code.move(.r9, 0)
        code.load(.word, .r8, .r6, protocolNumber)
        code.jump(if: .r8, .equal, 0x0008, to: isIPv4)
        code.jump(if: .r8, .equal, 0xdd86, to: isIPv6)
        code.jump(to: end)
        code.place(isIPv4)
        readBytes(&code, 24, otherwise: end)
        for offset in [12, 16] as [Int16] { mix(&code, bytes + offset) }
        // Later fragments have no ports, and options move them: the addresses must do.
        code.load(.byte, .r0, .frame, bytes)
        code.jump(if: .r0, .notEqual, 0x45, to: end)
        code.load(.half, .r0, .frame, bytes + 6)
        code.and(.r0, fragmentBits)
        code.jump(if: .r0, .notEqual, 0, to: end)
        mixPorts(&code, protocolAt: 9, portsAt: 20, end)
        code.jump(to: end)
        code.place(isIPv6)
        readBytes(&code, 44, otherwise: end)
        for offset in stride(from: 8, to: 40, by: 4) as StrideTo<Int16> {
            mix(&code, bytes + offset)
        }
        mixPorts(&code, protocolAt: 6, portsAt: 40, end)
        code.place(end)
        code.shiftRight(.r9, 24)
        code.and(.r9, Int32(spreadPlaceCount - 1))
        code.shiftLeft(.r9, 2)
        code.load(valueOf: array, into: .r1)
        code.add(.r1, .r9)
        code.load(.word, .r0, .r1, 0)
        code.exit()
        return code.finish()
    }

    /// Copies the packet's first bytes; in this program it begins with its network header.
    private static func readBytes(
        _ code: inout Assembler, _ count: Int32, otherwise end: Assembler.Label
    ) {
        code.move(.r1, .r6)
        code.move(.r2, 0)
        code.move(.r3, .frame)
        code.add(.r3, Int32(bytes))
        code.move(.r4, count)
        code.call(.loadBytes)
        code.jump(if: .r0, .notEqual, 0, to: end)
    }

    /// Adds a word to the hash in r9.
    private static func mix(_ code: inout Assembler, _ place: Int16) {
        code.load(.word, .r0, .frame, place)
        code.add(.r9, .r0)
        code.multiply(.r9, factor)
    }

    /// Adds the ports of TCP and UDP.
    private static func mixPorts(
        _ code: inout Assembler, protocolAt: Int16, portsAt: Int16, _ end: Assembler.Label
    ) {
        let hasPorts = code.label()
        code.load(.byte, .r0, .frame, bytes + protocolAt)
        code.jump(if: .r0, .equal, 6, to: hasPorts)
        code.jump(if: .r0, .equal, 17, to: hasPorts)
        code.jump(to: end)
        code.place(hasPorts)
        mix(&code, bytes + portsAt)
    }
}
