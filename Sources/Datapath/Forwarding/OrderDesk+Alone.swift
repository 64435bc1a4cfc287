public import DatapathMessages
public import Execution
import Flows
import Packets
public import Timekeeping

// The desk of a datapath that has one worker: for those who have a forwarder and a sink, and no
// threads (tests, simulations).

extension OrderDesk {
    /// Takes one order.
    public mutating func take<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ request: DatapathRequest, sequence: UInt32, from client: ClientID, now: Instant,
        _ forwarder: inout Forwarder, _ sink: inout Sink
    ) -> [DeskEffect] {
        ForwarderTeam.alone(&forwarder, &sink) { team in
            take(request, sequence: sequence, from: client, now: now, team)
        }
    }

    public mutating func clientGone(_ client: ClientID, _ forwarder: inout Forwarder) {
        var sink = NoSink()
        ForwarderTeam.alone(&forwarder, &sink) { team in clientGone(client, team) }
    }

    public mutating func portOpened(
        number: UInt32, interfaceIndex: UInt32, _ forwarder: inout Forwarder
    ) -> [DeskEffect] {
        var sink = NoSink()
        return ForwarderTeam.alone(&forwarder, &sink) { team in
            portOpened(number: number, interfaceIndex: interfaceIndex, team)
        }
    }

    public mutating func portRefused(
        number: UInt32, errno: Int32, text: String, _ forwarder: inout Forwarder
    ) -> [DeskEffect] {
        var sink = NoSink()
        return ForwarderTeam.alone(&forwarder, &sink) { team in
            portRefused(number: number, errno: errno, text: text, team)
        }
    }

    public mutating func continueDumps(
        _ forwarder: inout Forwarder, isReady: (ClientID) -> Bool
    ) -> [DeskEffect] {
        var sink = NoSink()
        return ForwarderTeam.alone(&forwarder, &sink) { team in
            continueDumps(team, isReady: isReady)
        }
    }
}

/// For orders that send nothing.
private struct NoSink: PacketSink, ExpressTier, ~Copyable {
    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        .outputPortGone
    }
    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? { nil }
}
