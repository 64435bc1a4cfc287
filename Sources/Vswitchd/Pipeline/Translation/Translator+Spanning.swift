import Flows
import OpenFlow
import Packets
import Switching

// What a spanning tree makes translation look at, and leave.

extension Translator {
    /// An untagged frame of 802.3 to the bridges' group (IEEE 802.1D-2004 §7.12.3). Only frames
    /// without an Ethernet type, which every cached flow knows, are looked at closer.
    private mutating func isBPDU() -> Bool {
        guard key.packet.ethType == EtherType.notEthernetII else { return false }
        mask.packet.ethDst = .broadcast
        mask.packet.vlan0TCI |= VLANTag.present
        return key.packet.ethDst == BPDU.group && key.packet.vlan0TCI & VLANTag.present == 0
    }

    /// Whether the packet is a BPDU of a bridge that has a spanning tree. It meets no table, and
    /// blocked ports receive it too.
    mutating func isForSpanningTree(_ here: ForwardingBridge) -> Bool {
        guard here.hasSpanningTree, isBPDU() else { return false }
        addressee = .spanningTree(bridge: bridge, port: inPort)
        append(.userspace(cookie: []))
        upcallCount += 1
        if witness.isListening {
            witness.noted("the packet is for the spanning tree of this bridge", depth: depth)
        }
        return true
    }

    /// Whether the tree lets a packet leave by `port`; BPDUs leave wherever they are listened to.
    mutating func maySend(by port: BridgePort) -> Bool {
        guard let state = port.spanning, !state.forwards else { return true }
        return state != .disabled && state != .blocking && isBPDU()
    }

    /// What has been sent, to come back to.
    struct SentSoFar {
        let actionCount: Int
        let outputCount: Int
        let upcallCount: Int
        let sent: FlowKey

        init(_ translator: borrowing Translator) {
            actionCount = translator.actions.count
            outputCount = translator.outputCount
            upcallCount = translator.upcallCount
            sent = translator.sent
        }
    }

    /// A port that learns lets the tables see its packets, for what these teach, but sends none of
    /// them on.
    mutating func forgetSending(since before: SentSoFar) {
        actions.removeSubrange(before.actionCount...)
        outputCount = before.outputCount
        upcallCount = before.upcallCount
        sent = before.sent
        if before.actionCount == 0 { firstDrop = nil }
        drop(.spanningTree, "the spanning tree lets the port learn, but not forward")
    }
}
