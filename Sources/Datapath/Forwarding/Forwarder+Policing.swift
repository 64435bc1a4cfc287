public import Execution
import Flows
public import Timekeeping

// What a port takes in: two meters for each port, one of bits and one of packets.
//
// A policed frame was received, and its end is `.policed`: before its key is read, so that a flood
// costs least. Flows of a policed port stay out of the express tier, which does not count tokens.

extension Forwarder {
    /// The port's meter of kilobits; that of packets has the next number.
    private static func firstMeter(at place: Int) -> UInt32 { UInt32(place) * 2 }

    /// Sets what a port takes in. Buckets are full at `now`.
    ///
    /// - Throws: `.noSuchPort`.
    mutating func setPolicing(
        _ policing: PortTraffic.Policing, ofPort port: UInt32, now: Instant
    ) throws(OrderRefusal) {
        let place = ledger.ports.place(of: port)
        guard place != 0 else { throw .noSuchPort(port) }
        removePolicers(at: place)
        let first = Self.firstMeter(at: place)
        do {
            if policing.kilobits.rate > 0 {
                try policers.put(
                    DatapathMeter(id: first, unit: .kilobits, bands: [policing.kilobits]),
                    now: now)
            }
            if policing.packets.rate > 0 {
                try policers.put(
                    DatapathMeter(id: first + 1, unit: .packets, bands: [policing.packets]),
                    now: now)
            }
        } catch {
            removePolicers(at: place)
            throw .meter(error)
        }
    }

    mutating func removePolicers(at place: Int) {
        let first = Self.firstMeter(at: place)
        for meter in [first, first + 1] { policers.remove(meter) }
    }

    func isPoliced(_ port: UInt32) -> Bool {
        guard policers.count > 0 else { return false }
        let first = Self.firstMeter(at: ledger.ports.place(of: port))
        return policers.contains(first) || policers.contains(first + 1)
    }

    /// Whether a frame may come in now.
    @inlinable @inline(__always)
    mutating func admits(_ byteCount: Int, at place: Int, _ now: Instant) -> Bool {
        policers.count == 0 || passesPolicers(byteCount, at: place, now)
    }

    @usableFromInline
    mutating func passesPolicers(_ byteCount: Int, at place: Int, _ now: Instant) -> Bool {
        let first = Self.firstMeter(at: place)
        return policers.admit(first, byteCount: byteCount, now: now)
            && policers.admit(first + 1, byteCount: byteCount, now: now)
    }
}
