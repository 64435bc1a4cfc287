import CLinuxPacket
import CMnl

// What only a kernel is asked: it has several datapaths, which are made and removed, and it knows a
// flow by a name of 128 bits, which is shorter than its key and survives the kernel's own way of
// writing masks.

public enum KernelRequest: Hashable, Sendable {
    /// OVS_DP_CMD_NEW; the datapath's own interface gets `name`.
    case addDatapath(name: String)
    /// OVS_DP_CMD_DEL of the destination.
    case deleteDatapath
    /// OVS_FLOW_CMD_DEL by name; the reply carries its last counters.
    case deleteFlow(UFID)
}

extension DatagramWriter {
    /// Adds `request` to the datagram; see `append` of `DatapathRequest`.
    public mutating func append(
        _ request: KernelRequest, sequence: UInt32, families: DatapathFamilies
    ) throws(DatapathMessageError) -> Bool {
        let family: UInt16
        let command: UInt32
        var flags = NLM_F_REQUEST | NLM_F_ACK
        switch request {
        case .addDatapath: (family, command) = (families.datapath, OVS_DP_CMD_NEW.rawValue)
        case .deleteDatapath: (family, command) = (families.datapath, OVS_DP_CMD_DEL.rawValue)
        case .deleteFlow:
            (family, command) = (families.flow, OVS_FLOW_CMD_DEL.rawValue)
            flags |= NLM_F_ECHO
        }
        let version = family == families.datapath ? UInt8(OVS_DATAPATH_VERSION) : 1
        guard
            begin(
                family: family, command: command, version: version, flags: flags,
                sequence: sequence)
        else { return false }
        switch request {
        case .addDatapath(let name):
            put(UInt16(OVS_DP_ATTR_NAME.rawValue), text: name)
            putUpcallPorts()
        case .deleteDatapath: break
        case .deleteFlow(let ufid): put(ufid)
        }
        return try finish("request")
    }

    /// Where packets go up to: for a kernel since 5.15 one number for each CPU, which also holds
    /// for flows and ports that an earlier vswitchd left.
    mutating func putUpcallPorts() {
        put(UInt16(OVS_DP_ATTR_UPCALL_PID.rawValue), host: destination.upcallPort)
        // OVS_DP_F_UNALIGNED and OVS_DP_F_DISPATCH_UPCALL_PER_CPU (linux/openvswitch.h).
        put(UInt16(OVS_DP_ATTR_USER_FEATURES.rawValue), host: UInt32(1 | 8))
        var ports: [UInt8] = []
        for _ in 0..<destination.cpuCount {
            // In host order, like all numbers of this family.
            for shift in 0..<4 {
                ports.append(
                    UInt8(truncatingIfNeeded: destination.upcallPort.littleEndian >> (8 * shift)))
            }
        }
        put(Self.perCPUPorts, ports)
    }

    /// OVS_DP_ATTR_PER_CPU_PIDS.
    private static let perCPUPorts: UInt16 = 8
}
