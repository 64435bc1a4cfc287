import Flows
import Packets

// Writing down edits: from the packet as the datapath has it (`sent`) to the packet as the pipeline
// wants it (`key`), with as few actions as that takes.
//
// Every bit in which the two differ was looked at in the packet, because writing a field looks at
// it. So the difference is the same for all packets of the cached flow, and may be written as
// constants. Where the whole field was looked at the whole field is written, which reads better;
// elsewhere only the bits that differ, since the others belong to the packet.

extension Translator {
    mutating func commitEdits() {
        var difference: UInt64 = 0
        for index in 1..<FlowKey.wordCount {
            difference |= key[word: index] ^ sent[word: index]
        }
        guard difference != 0 else { return }
        let wanted = key.packet
        let looked = mask.packet
        commitTags(wanted)
        commitEthernet(wanted, looked)
        switch wanted.ethType {
        case EtherType.ipv4: commitIPv4(wanted, looked)
        case EtherType.ipv6: commitIPv6(wanted, looked)
        default: break
        }
        commitPorts(wanted, looked)
        commitNotes(wanted, looked)
        let inPort = sent.inPort
        sent = wanted
        sent.inPort = inPort
    }

    /// Takes away tags until only those that stay are left, then pushes the new ones.
    private mutating func commitTags(_ wanted: FlowKey) {
        let old = sent.tags
        let new = wanted.tags
        var kept = 0
        while kept < min(old.count, new.count),
            old[old.count - 1 - kept] == new[new.count - 1 - kept]
        { kept += 1 }
        for _ in 0..<(old.count - kept) { append(.popVLAN) }
        for tag in new.dropLast(kept).reversed() {
            append(.pushVLAN(tpid: tag.tpid, tci: tag.tci))
        }
    }

    private mutating func commitEthernet(_ wanted: FlowKey, _ looked: FlowMask) {
        guard wanted.ethSrc != sent.ethSrc || wanted.ethDst != sent.ethDst else { return }
        func masked(_ old: MACAddress, _ new: MACAddress, _ looked: MACAddress) -> Masked<
            MACAddress
        > {
            let bits = Masked(
                changing: old.bits, to: new.bits, looked: looked.bits,
                whole: MACAddress.broadcast.bits)
            return Masked(MACAddress(bits: bits.value), mask: MACAddress(bits: bits.mask))
        }
        append(
            .set(
                .ethernet(
                    source: masked(sent.ethSrc, wanted.ethSrc, looked.ethSrc),
                    destination: masked(sent.ethDst, wanted.ethDst, looked.ethDst))))
    }

    private mutating func commitIPv4(_ wanted: FlowKey, _ looked: FlowMask) {
        func masked(
            _ old: IPv4Address, _ new: IPv4Address, _ looked: IPv4Address
        ) -> Masked<IPv4Address> {
            let bits = Masked(
                changing: old.bits, to: new.bits, looked: looked.bits, whole: .max)
            return Masked(IPv4Address(bits: bits.value), mask: IPv4Address(bits: bits.mask))
        }
        guard
            wanted.nwSrc != sent.nwSrc || wanted.nwDst != sent.nwDst
                || wanted.nwTOS != sent.nwTOS || wanted.nwTTL != sent.nwTTL
        else { return }
        append(
            .set(
                .ipv4(
                    source: masked(sent.nwSrc, wanted.nwSrc, looked.nwSrc),
                    destination: masked(sent.nwDst, wanted.nwDst, looked.nwDst),
                    tos: Masked(
                        changing: sent.nwTOS, to: wanted.nwTOS, looked: looked.nwTOS, whole: .max),
                    ttl: Masked(
                        changing: sent.nwTTL, to: wanted.nwTTL, looked: looked.nwTTL, whole: .max)
                )))
    }

    private mutating func commitIPv6(_ wanted: FlowKey, _ looked: FlowMask) {
        func masked(
            _ old: IPv6Address, _ new: IPv6Address, _ looked: IPv6Address
        ) -> Masked<IPv6Address> {
            let bits = Masked(
                changing: UInt128(old), to: UInt128(new), looked: UInt128(looked), whole: .max)
            return Masked(IPv6Address(bits.value), mask: IPv6Address(bits.mask))
        }
        guard
            wanted.ipv6Src != sent.ipv6Src || wanted.ipv6Dst != sent.ipv6Dst
                || wanted.ipv6Label != sent.ipv6Label || wanted.nwTOS != sent.nwTOS
                || wanted.nwTTL != sent.nwTTL
        else { return }
        append(
            .set(
                .ipv6(
                    source: masked(sent.ipv6Src, wanted.ipv6Src, looked.ipv6Src),
                    destination: masked(sent.ipv6Dst, wanted.ipv6Dst, looked.ipv6Dst),
                    label: Masked(
                        changing: sent.ipv6Label, to: wanted.ipv6Label, looked: looked.ipv6Label,
                        whole: 0xf_ffff),
                    trafficClass: Masked(
                        changing: sent.nwTOS, to: wanted.nwTOS, looked: looked.nwTOS, whole: .max),
                    hopLimit: Masked(
                        changing: sent.nwTTL, to: wanted.nwTTL, looked: looked.nwTTL, whole: .max)
                )))
    }

    private mutating func commitPorts(_ wanted: FlowKey, _ looked: FlowMask) {
        guard wanted.tpSrc != sent.tpSrc || wanted.tpDst != sent.tpDst else { return }
        append(
            .set(
                .ports(
                    ipProtocol: wanted.nwProto,
                    source: Masked(
                        changing: sent.tpSrc, to: wanted.tpSrc, looked: looked.tpSrc, whole: .max),
                    destination: Masked(
                        changing: sent.tpDst, to: wanted.tpDst, looked: looked.tpDst, whole: .max)
                )))
    }

    private mutating func commitNotes(_ wanted: FlowKey, _ looked: FlowMask) {
        guard wanted.packetMark != sent.packetMark else { return }
        append(
            .set(
                .packetMark(
                    Masked(
                        changing: sent.packetMark, to: wanted.packetMark,
                        looked: looked.packetMark, whole: .max))))
    }
}

extension Masked where Value: FixedWidthInteger {
    /// The change from `old` to `new`, of which the bits `looked` of a field whose bits are `whole`
    /// were looked at.
    fileprivate init(changing old: Value, to new: Value, looked: Value, whole: Value) {
        let difference = old ^ new
        let mask = difference == 0 ? 0 : looked & whole == whole ? whole : difference
        self.init(new & mask, mask: mask)
    }
}

extension FlowKey {
    /// The tags that the key knows, outer first.
    fileprivate var tags: [(tpid: UInt16, tci: UInt16)] {
        var tags: [(tpid: UInt16, tci: UInt16)] = []
        if vlan0TCI & VLANTag.present != 0 { tags.append((vlan0TPID, vlan0TCI)) }
        if vlan1TCI & VLANTag.present != 0 { tags.append((vlan1TPID, vlan1TCI)) }
        return tags
    }
}

extension UInt128 {
    fileprivate init(_ address: IPv6Address) {
        self = UInt128(address.high) << 64 | UInt128(address.low)
    }
}

extension IPv6Address {
    fileprivate init(_ bits: UInt128) {
        self.init(
            high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}
