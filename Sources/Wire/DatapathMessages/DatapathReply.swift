public import Flows

// What comes back: the items of a dump, upcalls, and how a request ended.

/// What the datapath answers. Each request gets exactly one `.done` or `.failed` with its sequence
/// number, after the items of a dump. Large cases are indirect, as those of a request.
public enum DatapathReply: Hashable, Sendable {
    indirect case datapath(DatapathDescription)
    indirect case port(Vport)
    indirect case flow(CachedFlow)
    indirect case meter(DatapathMeter, MeterStatistics)
    /// Meter numbers end below `meterCount`.
    case meterFeatures(meterCount: UInt32, bandCount: UInt32)
    case upcall(Upcall)
    /// NLMSG_ERROR with 0, or NLMSG_DONE after a dump.
    case done
    /// NLMSG_ERROR with an errno and the text of the extended acknowledgement.
    case failed(errno: Int32, text: String)
}
