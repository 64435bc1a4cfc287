import Execution
public import Flows
public import Timekeeping

// Meters, which flows name by number.

extension Forwarder {
    /// Adds a meter, full at `now`, or changes one, whose counters then begin anew.
    ///
    /// - Throws: `.meter`.
    public mutating func putMeter(_ meter: DatapathMeter, now: Instant) throws(OrderRefusal) {
        do {
            try state.meters.put(meter, now: now)
        } catch {
            throw .meter(error)
        }
    }

    /// Takes a meter away, and says what it was. Flows that name it let all pass from now on.
    ///
    /// - Throws: `.meter(.noSuchMeter)`.
    public mutating func deleteMeter(
        _ id: UInt32
    ) throws(OrderRefusal) -> (DatapathMeter, MeterStatistics) {
        guard let last = state.meters.meter(id) else { throw .meter(.noSuchMeter) }
        state.meters.remove(id)
        return last
    }

    /// A meter with what it has seen; nil if it is not there.
    public func meter(_ id: UInt32) -> (DatapathMeter, MeterStatistics)? {
        state.meters.meter(id)
    }
}
