// The two programs of the kernel's tier: one decides, the other carries out.
//
//     frame comes in ──> taps: DECIDE (filter of our packet sockets)     ──> tc ingress: CARRY OUT
//                          known: note the verdict, keep it off the rings     verdict: retag,
// redirect
//                          else: to a ring, as ever                           none: drop
//
// A frame meets a port's taps first and tc ingress second, within one call in the kernel and on one
// processor. So the tables are asked once, by the first program, and the second reads the verdict
// from a place that each processor has for itself: the two can never disagree about a frame,
// however the table changes meanwhile. No frame is both redirected and received, and none is lost.

/// Where things lie in the memory that programs and datapath share.
public enum ExpressLayout {
    /// A verdict: the interface that the frame came in by, the one that it leaves by (0: none),
    /// what is done to it, the new tag's TCI; 32 bits each.
    public static let verdictByteCount = 16
    /// A flow: the interface that frames leave by, their largest byte count, what is done to
    /// them, the new tag's TCI (32 bits each), packets and bytes so far (64 bits each).
    public static let flowByteCount = 32
    public static let keyByteCount = 64
    /// Masks, one after the other. Its last four bytes are a mask's number; 0 if there is none in
    /// this place. Whoever writes a mask writes its number last, and never uses a number twice.
    public static let maskByteCount = 64
    public static let maskCount = 8
    /// Where in a mask its number lies.
    public static let maskNumberOffset = ExpressPlaces.number

    /// Bits of what is done to the frame.
    static let pops: Int32 = 1
    static let pushes: Int32 = 2
    static let goesToPeer: Int32 = 4

    /// A flow as it is put into the table.
    ///
    /// - Parameters:
    ///   - interfaceIndex: By which frames leave.
    ///   - largestByteCount: Longer frames go to the rings, unless they will be segmented.
    ///   - toPeer: Frames are handed to the other end of the interface at once, which is then a
    ///     veth with its other end in another network namespace.
    public static func flow(
        _ deed: ExpressDeed, interfaceIndex: UInt32, largestByteCount: UInt32, toPeer: Bool = false
    ) -> SIMD8<UInt32> {
        let change =
            (deed.popsTag ? pops : 0) | (deed.pushedTCI == nil ? 0 : pushes)
            | (toPeer ? goesToPeer : 0)
        // The kernel's TCI has a bit for drop eligibility where ours says that there is a tag.
        let tci = UInt32(deed.pushedTCI ?? 0) & 0xefff
        return [
            interfaceIndex, largestByteCount, UInt32(bitPattern: change), tci, 0, 0, 0, 0,
        ]
    }

    public static func counts(_ flow: SIMD8<UInt32>) -> ExpressCounts {
        ExpressCounts(
            packets: UInt64(flow[4]) | UInt64(flow[5]) << 32,
            bytes: UInt64(flow[6]) | UInt64(flow[7]) << 32)
    }
}

/// Fields of the context, `struct __sk_buff` of `linux/bpf.h`.
private enum Context {
    static let byteCount: Int16 = 0
    static let hasTag: Int16 = 20
    static let tci: Int16 = 24
    static let tpid: Int16 = 28
    static let interface: Int16 = 40
    static let segmentByteCount: Int16 = 176
}

public enum ExpressPrograms {
    // The stack frame: the masked key, the key, then an index for arrays.
    private static let masked: Int16 = -136
    private static let key: Int16 = -72
    private static let index: Int16 = -4

    /// Ethertypes and masks as a little-endian machine reads them.
    private static let ipv4: Int32 = 0x0008
    private static let ipv6: Int32 = 0xdd86
    private static let vlan: Int32 = 0x0081
    private static let fragmentBits: Int32 = 0xff3f

    /// The program that decides: a filter of packet sockets.
    ///
    /// - Parameters: Descriptors of the table of flows (`keyByteCount` to `flowByteCount`), of an
    ///   array of one value with `maskCount` masks, and of the array of one verdict per processor.
    public static func decide(flows: Int32, masks: Int32, verdict: Int32) -> [UInt64] {
        var code = Assembler()
        let (toRing, known) = (code.label(), code.label())
        code.move(.r6, .r1)
        findVerdict(&code, verdict, otherwise: toRing)
        code.store(.word, .r7, 4, 0)
        readTag(&code, toRing)
        for offset in stride(from: key + 40, to: key + 64, by: 8) {
            code.store(.double, .frame, offset, 0)
        }
        readHeaders(&code, byteCount: 38, toRing)
        // The tag may be written only now: the key's first 16 bits are behind the copied bytes.
        code.store(.half, .frame, key, .r8)
        code.load(.half, .r0, .frame, key + 14)
        let (isIPv4, isIPv6) = (code.label(), code.label())
        code.jump(if: .r0, .equal, ipv4, to: isIPv4)
        code.jump(if: .r0, .equal, ipv6, to: isIPv6)
        code.jump(to: toRing)
        code.place(isIPv4)
        readIPv4(&code, toRing, known)
        code.place(isIPv6)
        readIPv6(&code, toRing)
        code.place(known)
        let found = code.label()
        findFlow(&code, flows, masks, found)
        code.jump(to: toRing)
        code.place(found)
        act(&code, toRing)
        code.place(toRing)
        code.move(.r0, -1)
        code.exit()
        return code.finish()
    }

    /// r7 = the processor's own verdict.
    private static func findVerdict(
        _ code: inout Assembler, _ verdict: Int32, otherwise: Assembler.Label
    ) {
        code.store(.word, .frame, index, 0)
        code.load(map: verdict, into: .r1)
        code.move(.r2, .frame)
        code.add(.r2, Int32(index))
        code.call(.mapLookup)
        code.jump(if: .r0, .equal, 0, to: otherwise)
        code.move(.r7, .r0)
    }

    /// r8 = the tag that the kernel keeps beside the frame, as `FlowKey.vlan0TCI` has it.
    private static func readTag(_ code: inout Assembler, _ toRing: Assembler.Label) {
        let untagged = code.label()
        code.move(.r8, 0)
        code.load(.word, .r0, .r6, Context.hasTag)
        code.jump(if: .r0, .equal, 0, to: untagged)
        code.load(.word, .r0, .r6, Context.tpid)
        code.jump(if: .r0, .notEqual, vlan, to: toRing)
        code.load(.word, .r8, .r6, Context.tci)
        code.or(.r8, 0x1000)
        code.place(untagged)
    }

    /// Copies the frame's first bytes into the key, behind the tag.
    private static func readHeaders(
        _ code: inout Assembler, byteCount: Int32, _ toRing: Assembler.Label
    ) {
        code.move(.r1, .r6)
        code.move(.r2, 0)
        code.move(.r3, .frame)
        code.add(.r3, Int32(key) + 2)
        code.move(.r4, byteCount)
        code.call(.loadBytes)
        code.jump(if: .r0, .notEqual, 0, to: toRing)
    }

    /// The packet must be as extraction takes it for well-formed; else the rings count its fault.
    private static func readIPv4(
        _ code: inout Assembler, _ toRing: Assembler.Label, _ known: Assembler.Label
    ) {
        code.load(.byte, .r0, .frame, key + 16)
        code.jump(if: .r0, .notEqual, 0x45, to: toRing)
        code.load(.half, .r0, .frame, key + 22)
        code.and(.r0, fragmentBits)
        code.jump(if: .r0, .notEqual, 0, to: toRing)
        code.load(.half, .r9, .frame, key + 18)
        code.fromNetwork16(.r9)
        code.load(.byte, .r8, .frame, key + 25)
        code.store(.word, .frame, key + 24, 0)
        code.move(.r1, .r9)
        code.add(.r1, 14)
        code.add(.r9, -20)
        checkLengthAndStore(&code, toRing)
        checkTransport(&code, ports: 36, echo: 1, toRing, known)
    }

    private static func readIPv6(_ code: inout Assembler, _ toRing: Assembler.Label) {
        readHeaders(&code, byteCount: 58, toRing)
        code.load(.byte, .r0, .frame, key + 16)
        code.and(.r0, 0xf0)
        code.jump(if: .r0, .notEqual, 0x60, to: toRing)
        code.load(.half, .r9, .frame, key + 20)
        code.fromNetwork16(.r9)
        code.load(.byte, .r8, .frame, key + 22)
        code.move(.r1, .r9)
        code.add(.r1, 54)
        checkLengthAndStore(&code, toRing)
        let known = code.label()
        checkTransport(&code, ports: 56, echo: 58, toRing, known)
        code.place(known)
    }

    /// r1 = where the packet says that it ends. r8 = its protocol.
    private static func checkLengthAndStore(_ code: inout Assembler, _ toRing: Assembler.Label) {
        code.load(.word, .r2, .r6, Context.byteCount)
        code.jump(if: .r1, .greater, .r2, to: toRing)
        code.load(.word, .r0, .r6, Context.interface)
        code.store(.word, .frame, key + 16, .r0)
        code.store(.word, .frame, key + 20, .r8)
    }

    /// r9 = bytes behind the IP header, signed. `echo` is the protocol number of ICMP or ICMPv6.
    private static func checkTransport(
        _ code: inout Assembler, ports: Int16, echo: Int32, _ toRing: Assembler.Label,
        _ known: Assembler.Label
    ) {
        let (tcp, udp) = (code.label(), code.label())
        code.jump(if: .r8, .equal, 6, to: tcp)
        code.jump(if: .r8, .equal, 17, to: udp)
        code.jump(if: .r8, .notEqual, echo, to: toRing)
        if echo == 58 {
            code.load(.byte, .r0, .frame, key + ports)
            code.and(.r0, 0xfe)
            code.jump(if: .r0, .notEqual, 128, to: toRing)
        }
        code.store(.half, .frame, key + ports + 2, 0)
        code.place(udp)
        code.jump(if: .r9, .signedLess, 8, to: toRing)
        code.jump(to: known)
        code.place(tcp)
        code.jump(if: .r9, .signedLess, 20, to: toRing)
        code.jump(to: known)
    }

    /// Looks the key up under each mask in turn. r0 = the flow, or on to what follows.
    private static func findFlow(
        _ code: inout Assembler, _ flows: Int32, _ masks: Int32, _ found: Assembler.Label
    ) {
        code.load(valueOf: masks, into: .r8)
        for index in 0..<ExpressLayout.maskCount {
            let next = code.label()
            let mask = Int16(index * ExpressLayout.maskByteCount)
            code.load(.word, .r9, .r8, mask + Int16(ExpressLayout.maskNumberOffset))
            code.jump(if: .r9, .equal, 0, to: next)
            for offset in stride(from: 0, to: Int16(ExpressLayout.keyByteCount), by: 8) {
                code.load(.double, .r1, .frame, key + offset)
                code.load(.double, .r2, .r8, mask + offset)
                code.and(.r1, .r2)
                code.store(.double, .frame, masked + offset, .r1)
            }
            code.store(.word, .frame, masked + Int16(ExpressLayout.maskNumberOffset), .r9)
            code.load(map: flows, into: .r1)
            code.move(.r2, .frame)
            code.add(.r2, Int32(masked))
            code.call(.mapLookup)
            code.jump(if: .r0, .notEqual, 0, to: found)
            code.place(next)
        }
    }

    /// r0 = the flow: counts, and notes the verdict.
    private static func act(_ code: inout Assembler, _ toRing: Assembler.Label) {
        let fits = code.label()
        code.load(.word, .r9, .r6, Context.byteCount)
        code.load(.word, .r1, .r6, Context.segmentByteCount)
        code.jump(if: .r1, .notEqual, 0, to: fits)
        code.load(.word, .r1, .r0, 4)
        code.jump(if: .r9, .greater, .r1, to: toRing)
        code.place(fits)
        code.move(.r1, 1)
        code.addAtomically(.r0, 16, .r1)
        code.addAtomically(.r0, 24, .r9)
        code.load(.word, .r1, .r6, Context.interface)
        code.store(.word, .r7, 0, .r1)
        for (from, to) in [(0, 4), (8, 8), (12, 12)] as [(Int16, Int16)] {
            code.load(.word, .r1, .r0, from)
            code.store(.word, .r7, to, .r1)
        }
        code.move(.r0, 0)
        code.exit()
    }

    /// The program that carries a verdict out: at tc ingress. A frame without one is dropped, for
    /// its port belongs to the switch and not to the host's own stack.
    public static func carryOut(verdict: Int32) -> [UInt64] {
        var code = Assembler()
        let drop = code.label()
        code.move(.r6, .r1)
        findVerdict(&code, verdict, otherwise: drop)
        code.load(.word, .r8, .r7, 4)
        code.jump(if: .r8, .equal, 0, to: drop)
        code.store(.word, .r7, 4, 0)
        code.load(.word, .r1, .r7, 0)
        code.load(.word, .r2, .r6, Context.interface)
        code.jump(if: .r1, .notEqual, .r2, to: drop)
        code.load(.word, .r9, .r7, 8)

        let tagStays = code.label()
        code.move(.r1, .r9)
        code.and(.r1, ExpressLayout.pops)
        code.jump(if: .r1, .equal, 0, to: tagStays)
        code.move(.r1, .r6)
        code.call(.vlanPop)
        code.jump(if: .r0, .notEqual, 0, to: drop)
        code.place(tagStays)

        let noNewTag = code.label()
        code.move(.r1, .r9)
        code.and(.r1, ExpressLayout.pushes)
        code.jump(if: .r1, .equal, 0, to: noNewTag)
        code.move(.r1, .r6)
        code.move(.r2, vlan)
        code.load(.word, .r3, .r7, 12)
        code.call(.vlanPush)
        code.jump(if: .r0, .notEqual, 0, to: drop)
        code.place(noNewTag)

        let toPeer = code.label()
        code.move(.r1, .r8)
        code.move(.r2, 0)
        code.and(.r9, ExpressLayout.goesToPeer)
        code.jump(if: .r9, .notEqual, 0, to: toPeer)
        code.call(.redirect)
        code.exit()
        code.place(toPeer)
        code.call(.redirectToPeer)
        code.exit()
        code.place(drop)
        // TC_ACT_SHOT of classic tc, TCX_DROP of tcx.
        code.move(.r0, 2)
        code.exit()
        return code.finish()
    }

    /// At tc ingress: drops every frame.
    public static let drop: [UInt64] = {
        var code = Assembler()
        code.move(.r0, 2)
        code.exit()
        return code.finish()
    }()

    /// A fanout program: which socket of a port's group receives is a number in an array of one.
    public static func steer(by array: Int32) -> [UInt64] {
        var code = Assembler()
        code.load(valueOf: array, into: .r1)
        code.load(.word, .r0, .r1, 0)
        code.exit()
        return code.finish()
    }
}
