// The kernel's own tier in front of the rings: flows whose frames never come up here.
//
//     put, take, readAll ──> masks, flows <──── DECIDE (filter of every port's packet sockets)
//                                                  │ verdict, one place per processor
//                                                  v
//                                              CARRY OUT (tc ingress of every port) ──> redirect
//
// One table and one pair of programs serve all ports of the process. They end with its descriptors:
// whatever happens to the process, no flow of it stays behind. What the programs do is told in
// `KernelPrograms`; which flows deserve a place is decided in `Forwarding`.

internal import CLinuxPacket
internal import Glibc
public import KernelPrograms

/// The programs that a port attaches to take part, by descriptor. Valid while the table lives.
public struct ExpressHooks: Sendable {
    let decide: CInt
    let carryOut: CInt
}

/// Flows that the kernel forwards by itself. Owned by one thread.
@safe
public struct ExpressTable: ~Copyable {
    /// What stands in one place for a mask.
    private struct MaskPlace {
        var mask: ExpressMask
        var number: UInt32
        var flowCount: Int
    }

    private let flows: Descriptor
    private let masks: Descriptor
    /// The kernel's masks, `ExpressLayout.maskCount` in a row.
    private let maskMemory: UnsafeMutableRawPointer
    private var maskPlaces: [MaskPlace?]
    private var lastMaskNumber: UInt32 = 0
    private let verdict: Descriptor
    private let decide: Descriptor
    private let carryOut: Descriptor
    /// For one batch of `PortLimits.expressBatchCount` entries.
    private let keys: UnsafeMutablePointer<SIMD64<UInt8>>
    private let values: UnsafeMutablePointer<SIMD8<UInt32>>

    /// - Throws: `.notPermitted` without CAP_BPF, `.unsupported` or what the kernel said; then a
    ///   switch works without this tier.
    public init() throws(PortError) {
        let all = "all ports"
        let flows = try KernelProgram.table(
            type: BPF_MAP_TYPE_HASH, keyByteCount: ExpressLayout.keyByteCount,
            valueByteCount: ExpressLayout.flowByteCount, count: PortLimits.expressFlowCount,
            name: "apus_flows", interface: all)
        let masks = try KernelProgram.table(
            type: BPF_MAP_TYPE_ARRAY, keyByteCount: 4,
            valueByteCount: ExpressLayout.maskCount * ExpressLayout.maskByteCount, count: 1,
            flags: UInt32(BPF_F_MMAPABLE), name: "apus_masks", interface: all)
        let verdict = try KernelProgram.table(
            type: BPF_MAP_TYPE_PERCPU_ARRAY, keyByteCount: 4,
            valueByteCount: ExpressLayout.verdictByteCount, count: 1, name: "apus_verdict",
            interface: all)
        let decide = try KernelProgram.load(
            ExpressPrograms.decide(
                flows: flows.number, masks: masks.number, verdict: verdict.number),
            type: KernelProgram.socketFilter, name: "apus_decide", interface: all)
        let carryOut = try KernelProgram.load(
            ExpressPrograms.carryOut(verdict: verdict.number), type: KernelProgram.ingress,
            name: "apus_carry_out", interface: all)
        // Unmapped in deinit. All zero, so that there is no mask.
        guard let maskMemory = unsafe apus_table_map(masks.number) else {
            throw PortError(interface: all, call: "mmap(BPF map)")
        }
        unsafe self.maskMemory = maskMemory
        maskPlaces = Array(repeating: nil, count: ExpressLayout.maskCount)
        self.masks = masks
        self.flows = flows
        self.verdict = verdict
        self.decide = decide
        self.carryOut = carryOut
        // Freed in deinit.
        unsafe keys = .allocate(capacity: PortLimits.expressBatchCount)
        unsafe values = .allocate(capacity: PortLimits.expressBatchCount)
    }

    deinit {
        // Safe: mapped and allocated in init; no use follows.
        unsafe apus_table_unmap(maskMemory)
        unsafe keys.deallocate()
        unsafe values.deallocate()
    }

    public var hooks: ExpressHooks {
        ExpressHooks(decide: decide.number, carryOut: carryOut.number)
    }

    /// From the next frame on, frames that agree with `key` under `mask` are treated as `flow` says
    /// (`ExpressLayout.flow`). One system call.
    ///
    /// - Returns: The key by which the table knows the flow. nil if the table is full or has no
    ///   place for another mask; or if the flow is there already: that one goes on, with what it
    ///   has counted.
    public mutating func put(
        _ key: ExpressKey, mask: ExpressMask, _ flow: SIMD8<UInt32>
    ) -> ExpressKey? {
        guard let place = place(of: mask), let number = maskPlaces[place]?.number else {
            return nil
        }
        let entry = key.masked(by: mask, number: number)
        var (octets, flow) = (entry.octets, flow)
        // Safe: both live through the call, and are as large as the table was made for.
        guard unsafe apus_table_put(flows.number, &octets, &flow) == 0 else {
            release(place, flowCount: 0)
            return nil
        }
        maskPlaces[place]?.flowCount += 1
        return entry
    }

    /// From the next frame on, frames of a flow come to the rings again. One system call.
    ///
    /// - Parameter key: As `put` returned it.
    /// - Returns: What the flow had done; nil if there was none.
    public mutating func take(_ key: ExpressKey) -> ExpressCounts? {
        var octets = key.octets
        var flow = SIMD8<UInt32>()
        // Safe: as in `put`.
        guard unsafe apus_table_take(flows.number, &octets, &flow) == 0 else { return nil }
        if let place = maskPlaces.firstIndex(where: { $0?.number == key.maskNumber }) {
            release(place, flowCount: 1)
        }
        return ExpressLayout.counts(flow)
    }

    // MARK: Masks

    /// Where `mask` stands, which is put there if it is new; nil if all places are taken.
    private mutating func place(of mask: ExpressMask) -> Int? {
        if let place = maskPlaces.firstIndex(where: { $0?.mask == mask }) { return place }
        guard let place = maskPlaces.firstIndex(where: { $0 == nil }),
            lastMaskNumber < .max
        else { return nil }
        lastMaskNumber += 1
        maskPlaces[place] = MaskPlace(mask: mask, number: lastMaskNumber, flowCount: 0)
        // The number last: until then programs pass over the mask. A program that is at work on the
        // mask that was here before looks for that one's number, and finds nothing.
        // Safe: `place` is below maskCount, so all of it lies in the mapped page.
        let memory = unsafe maskMemory + place * ExpressLayout.maskByteCount
        unsafe memory.storeBytes(of: mask.octets, as: SIMD64<UInt8>.self)
        unsafe apus_store_release(memory + ExpressLayout.maskNumberOffset, lastMaskNumber)
        return place
    }

    /// Takes flows away from a mask, and the mask with the last of them.
    private mutating func release(_ place: Int, flowCount: Int) {
        guard var present = maskPlaces[place] else { return }
        present.flowCount -= flowCount
        maskPlaces[place] = present.flowCount > 0 ? present : nil
        guard present.flowCount == 0 else { return }
        // Safe: as in `place(of:)`.
        unsafe apus_store_release(
            maskMemory + place * ExpressLayout.maskByteCount + ExpressLayout.maskNumberOffset, 0)
    }

    /// Tells of every flow that is there all the time, once, in no particular order.
    public func readAll(_ body: (ExpressKey, ExpressCounts) -> Void) {
        var cursor: UInt32 = 0
        var isFirst = true
        // Ends: each call goes on behind the last, and the table is bounded.
        for _ in 0...PortLimits.expressFlowCount {
            var count = UInt32(PortLimits.expressBatchCount)
            // Safe: both arrays have room for `count` entries.
            let result = unsafe apus_table_read(
                flows.number, isFirst ? 1 : 0, &cursor, keys, values, &count)
            guard result >= 0 else { return }
            for index in 0..<Int(count) {
                // Safe: the kernel wrote `count` entries.
                body(
                    unsafe ExpressKey(octets: keys[index]),
                    unsafe ExpressLayout.counts(values[index]))
            }
            if result == 0 { return }
            isFirst = false
        }
    }
}
