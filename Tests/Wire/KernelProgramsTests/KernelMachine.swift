// The kernel's machine as far as our programs use it, so that the programs themselves are under
// test where no kernel is asked. Anything that the kernel's verifier would refuse stops the run.

import KernelPrograms

struct KernelMachine {
    enum Stop: Error, Equatable { case badInstruction(UInt8), badAccess(UInt64), tooLong }

    /// Where kinds of memory lie; each far from the next.
    private enum Base {
        static let stack: UInt64 = 0x1_0000
        static let context: UInt64 = 0x2_0000
        static let verdict: UInt64 = 0x3_0000
        static let flow: UInt64 = 0x4_0000
        static let tables: UInt64 = 0x5_0000
        static let masks: UInt64 = 0x6_0000
    }
    static let flowTable: Int32 = 7
    static let verdictTable: Int32 = 8
    static let maskTable: Int32 = 9

    var frame: [UInt8] = []
    var interface: UInt32 = 3
    var tag: (tpid: UInt16, tci: UInt16)?
    var segmentByteCount: UInt32 = 0
    /// What every processor has of its own.
    var verdict = [UInt8](repeating: 0, count: ExpressLayout.verdictByteCount)
    var flows: [ExpressKey: SIMD8<UInt32>] = [:]
    private(set) var masks = [UInt8](
        repeating: 0, count: ExpressLayout.maskCount * ExpressLayout.maskByteCount)
    /// The keys that were looked up, in turn.
    private(set) var asked: [ExpressKey] = []
    private(set) var redirectedTo: UInt32?
    private(set) var wentToPeer = false
    private var flow = [UInt8](repeating: 0, count: ExpressLayout.flowByteCount)
    private var stack = [UInt8?](repeating: nil, count: 512)

    /// Puts a mask with a number into a place.
    mutating func place(_ mask: ExpressMask, number: UInt32, at place: Int = 0) {
        for index in 0..<ExpressLayout.maskByteCount {
            let shift = (index - ExpressLayout.maskNumberOffset) * 8
            masks[place * ExpressLayout.maskByteCount + index] =
                index < ExpressLayout.maskNumberOffset
                ? mask.octets[index] : UInt8(truncatingIfNeeded: number >> UInt32(shift))
        }
    }

    /// Runs a program from its start.
    ///
    /// - Returns: r0 at its end, as 32 bits.
    mutating func run(_ program: [UInt64]) throws -> UInt32 {
        stack = [UInt8?](repeating: nil, count: 512)
        (asked, redirectedTo, wentToPeer) = ([], nil, false)
        var r = [UInt64](repeating: 0, count: 11)
        r[1] = Base.context
        r[10] = Base.stack + 512
        var at = 0
        for _ in 0..<2000 {
            guard at < program.count else { throw Stop.tooLong }
            let word = program[at]
            let code = UInt8(truncatingIfNeeded: word)
            let (to, from) = (Int(word >> 8 & 0xf), Int(word >> 12 & 0xf))
            let offset = Int(Int16(truncatingIfNeeded: word >> 16))
            let value = UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: word >> 32)))
            at += 1
            switch code {
            case 0x95: return UInt32(truncatingIfNeeded: r[0])
            case 0x85: try call(Int32(truncatingIfNeeded: word >> 32), &r)
            case 0x18:
                r[to] = from == 2 ? Base.masks : Base.tables + (value & 0xffff)
                at += 1
            case 0x61, 0x69, 0x71, 0x79: r[to] = try load(Self.size(code), r[from], offset)
            case 0x62, 0x6a, 0x72, 0x7a: try store(Self.size(code), r[to], offset, value)
            case 0x63, 0x6b, 0x73, 0x7b: try store(Self.size(code), r[to], offset, r[from])
            case 0xdb: try store(8, r[to], offset, load(8, r[to], offset) &+ r[from])
            case 0xdc: r[to] = UInt64(UInt16(truncatingIfNeeded: r[to]).byteSwapped)
            default:
                if code & 7 == 7 {
                    try compute(code, &r[to], code & 8 == 0 ? value : r[from])
                } else if try jumps(code, r[to], code & 8 == 0 ? value : r[from]) {
                    at += offset
                }
            }
        }
        throw Stop.tooLong
    }

    private static func size(_ code: UInt8) -> Int {
        switch code & 0x18 {
        case 0x00: 4
        case 0x08: 2
        case 0x10: 1
        default: 8
        }
    }

    private func compute(_ code: UInt8, _ to: inout UInt64, _ value: UInt64) throws {
        switch code & 0xf0 {
        case 0x00: to &+= value
        case 0x40: to |= value
        case 0x50: to &= value
        case 0x60: to <<= value
        case 0x70: to >>= value
        case 0xb0: to = value
        default: throw Stop.badInstruction(code)
        }
    }

    private func jumps(_ code: UInt8, _ left: UInt64, _ right: UInt64) throws -> Bool {
        switch code & 0xf7 {
        case 0x05: true
        case 0x15: left == right
        case 0x25: left > right
        case 0x55: left != right
        case 0xc5: Int64(bitPattern: left) < Int64(bitPattern: right)
        default: throw Stop.badInstruction(code)
        }
    }

    private mutating func call(_ helper: Int32, _ r: inout [UInt64]) throws {
        defer { for lost in 1...5 { r[lost] = 0xdead_dead_dead } }
        switch helper {
        case 1 where r[1] == Base.tables + UInt64(Self.verdictTable):
            guard try load(4, r[2], 0) == 0 else { throw Stop.badAccess(r[2]) }
            r[0] = Base.verdict
        case 1:
            var octets = SIMD64<UInt8>()
            for index in 0..<64 { octets[index] = UInt8(try load(1, r[2], index)) }
            let key = ExpressKey(octets: octets)
            asked.append(key)
            r[0] = 0
            guard let entry = flows[key] else { return }
            for index in 0..<32 { flow[index] = UInt8(entry[index / 4] >> (index % 4 * 8) & 0xff) }
            r[0] = Base.flow
        case 26:
            let end = r[2] + r[4]
            guard end <= UInt64(frame.count) else {
                r[0] = ~0
                return
            }
            for index in 0..<Int(r[4]) {
                try store(1, r[3], index, UInt64(frame[Int(r[2]) + index]))
            }
            r[0] = 0
        case 19:
            tag = nil
            r[0] = 0
        case 18:
            // A tag that is beside the bytes already goes into them.
            if let inner = tag {
                let words = [inner.tpid, inner.tci].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
                frame.insert(contentsOf: words, at: 12)
            }
            tag = (UInt16(truncatingIfNeeded: r[2]).byteSwapped, UInt16(truncatingIfNeeded: r[3]))
            r[0] = 0
        case 23, 155:
            redirectedTo = UInt32(truncatingIfNeeded: r[1])
            wentToPeer = helper == 155
            r[0] = 7
        default: throw Stop.badInstruction(0x85)
        }
    }

    private func load(_ size: Int, _ base: UInt64, _ offset: Int) throws -> UInt64 {
        let address = base &+ UInt64(bitPattern: Int64(offset))
        if address & ~0xffff == Base.context {
            switch (Int(address & 0xffff), size) {
            case (0, 4): return UInt64(frame.count)
            case (20, 4): return tag == nil ? 0 : 1
            case (24, 4): return UInt64(tag?.tci ?? 0)
            case (28, 4): return UInt64((tag?.tpid ?? 0).byteSwapped)
            case (40, 4): return UInt64(interface)
            case (176, 4): return UInt64(segmentByteCount)
            default: throw Stop.badAccess(address)
            }
        }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(try octet(address + UInt64(index))) << (index * 8) }
        return value
    }

    private func octet(_ address: UInt64) throws -> UInt8 {
        let index = Int(address & 0xffff)
        switch address & ~0xffff {
        case Base.stack where index < 512:
            // Reading what was never written is refused by the kernel, too.
            guard let octet = stack[index] else { throw Stop.badAccess(address) }
            return octet
        case Base.verdict where index < verdict.count: return verdict[index]
        case Base.flow where index < flow.count: return flow[index]
        case Base.masks where index < masks.count: return masks[index]
        default: throw Stop.badAccess(address)
        }
    }

    private mutating func store(
        _ size: Int, _ base: UInt64, _ offset: Int, _ value: UInt64
    ) throws {
        for position in 0..<size {
            let address = base &+ UInt64(bitPattern: Int64(offset + position))
            let index = Int(address & 0xffff)
            let octet = UInt8(truncatingIfNeeded: value >> (position * 8))
            switch address & ~0xffff {
            case Base.stack where index < 512: stack[index] = octet
            case Base.verdict where index < verdict.count: verdict[index] = octet
            case Base.flow where index < flow.count: flow[index] = octet
            default: throw Stop.badAccess(address)
            }
        }
    }

    /// The flow that was found last, as the program left it.
    var countsOfFoundFlow: ExpressCounts {
        func number(_ at: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(flow[at + $1]) << ($1 * 8) }
        }
        return ExpressCounts(packets: number(16), bytes: number(24))
    }
}
