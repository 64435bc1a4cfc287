// The kernel's own tier in front of the rings: flows whose frames never come up here.
//
//     put, take, readAll ──> table of flows <── DECIDE (filter of every port's packet sockets)
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
    private let flows: Descriptor
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
        let verdict = try KernelProgram.table(
            type: BPF_MAP_TYPE_PERCPU_ARRAY, keyByteCount: 4,
            valueByteCount: ExpressLayout.verdictByteCount, count: 1, name: "apus_verdict",
            interface: all)
        let decide = try KernelProgram.load(
            ExpressPrograms.decide(flows: flows.number, verdict: verdict.number),
            type: KernelProgram.socketFilter, name: "apus_decide", interface: all)
        let carryOut = try KernelProgram.load(
            ExpressPrograms.carryOut(verdict: verdict.number), type: KernelProgram.ingress,
            name: "apus_carry_out", interface: all)
        self.flows = flows
        self.verdict = verdict
        self.decide = decide
        self.carryOut = carryOut
        // Freed in deinit.
        unsafe keys = .allocate(capacity: PortLimits.expressBatchCount)
        unsafe values = .allocate(capacity: PortLimits.expressBatchCount)
    }

    deinit {
        unsafe keys.deallocate()
        unsafe values.deallocate()
    }

    public var hooks: ExpressHooks {
        ExpressHooks(decide: decide.number, carryOut: carryOut.number)
    }

    /// From the next frame on, frames with `key` are treated as `flow` says
    /// (`ExpressLayout.flow`). One system call.
    ///
    /// - Returns: Whether the kernel took it; not if the table is full, nor if the flow is there
    ///   already: that one goes on, with what it has counted.
    public func put(_ key: ExpressKey, _ flow: SIMD8<UInt32>) -> Bool {
        var (key, flow) = (key.octets, flow)
        // Safe: both live through the call, and are as large as the table was made for.
        return unsafe apus_table_put(flows.number, &key, &flow) == 0
    }

    /// From the next frame on, frames with `key` come to the rings again. One system call.
    ///
    /// - Returns: What the flow had done; nil if there was none.
    public func take(_ key: ExpressKey) -> ExpressCounts? {
        var key = key.octets
        var flow = SIMD8<UInt32>()
        // Safe: as in `put`.
        guard unsafe apus_table_take(flows.number, &key, &flow) == 0 else { return nil }
        return ExpressLayout.counts(flow)
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
