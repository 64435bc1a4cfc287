package import Flows
import Packets

// How much of a frame's VLAN tags tables and NORMAL see.
//
// The datapath's key knows two tags. An operator says with `other_config:vlan-limit` whether both
// are the switch's business; one is, if nothing is said (as in Open vSwitch). Then the second tag
// is what the first one carries: its type is the packet's, and nobody looks behind it.

extension FlowKey {
    /// The key as tables and NORMAL see it, if only so many VLAN tags are looked at: the next
    /// tag's type is the packet's Ethernet type, and what follows is payload.
    package func seen(vlanLimit: Int) -> FlowKey {
        guard vlanLimit == 1, vlan1TCI & VLANTag.present != 0 else { return self }
        var key = self
        key.ethType = vlan1TPID
        (key.vlan1TCI, key.vlan1TPID) = (0, 0)
        key.setLabels([])
        key.copyNetworkLayer(of: FlowKey())
        return key
    }
}
