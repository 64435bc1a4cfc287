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
        guard Self.areDifferent(&key.packet, &sent) else { return }
        var wanted = key.packet
        wanted.inPort = sent.inPort
        wanted.recirculationID = sent.recirculationID
        wanted.dpHash = sent.dpHash
        let looked = mask.packet
        commitLabels(wanted)
        commitTags(wanted)
        for kind in Self.committed where kind.isPresent(in: wanted) {
            commit(kind, wanted, looked)
        }
        sent = wanted
    }

    /// Whether two packets differ, but for where they are. Neither is changed: asked for in place,
    /// none of them is copied.
    private static func areDifferent(_ a: inout FlowKey, _ b: inout FlowKey) -> Bool {
        unsafe a.withMutableWords { a in
            unsafe b.withMutableWords { b in
                // Safe: both rows have wordCount words. Word 0 and the low half of word 2 say where
                // the packet is, and how it hashes.
                var difference = unsafe (a[1] ^ b[1]) | (a[2] ^ b[2]) &>> 32
                for index in 3..<FlowKey.wordCount { unsafe difference |= a[index] ^ b[index] }
                return difference != 0
            }
        }
    }

    /// The headers that edits are written down for, outer ones first. ICMP's type decides whether
    /// there is a neighbour discovery, so that the type comes last.
    private static var committed: [HeaderKind] {
        [
            .ethernet, .mpls, .arp, .ipv4, .ipv6, .tcp, .udp, .sctp, .icmp, .neighbourDiscovery,
            .icmpv6, .packetMark, .priority,
        ]
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

    /// Writes one header down, if anything in it differs.
    private mutating func commit(_ kind: HeaderKind, _ wanted: FlowKey, _ looked: FlowMask) {
        guard wanted.differs(from: sent, in: kind) else { return }
        var mask = FlowMask()
        for field in kind.parts where wanted.masked(by: field) != sent.masked(by: field) {
            if looked.covers(field) {
                mask.formUnion(field)
            } else {
                for word in kind.words {
                    mask[word: word] |=
                        (wanted[word: word] ^ sent[word: word]) & field[word: word]
                }
            }
        }
        append(.set(HeaderRewrite(kind, value: wanted.masked(by: mask), mask: mask)))
    }
}

extension FlowKey {
    fileprivate func differs(from other: FlowKey, in kind: HeaderKind) -> Bool {
        let fields = kind.fields
        return unsafe withWords { a in
            unsafe other.withWords { b in
                unsafe fields.withWords { fields in
                    var difference: UInt64 = 0
                    // Safe: all three rows have wordCount words.
                    for index in 0..<FlowKey.wordCount {
                        unsafe difference |= (a[index] ^ b[index]) & fields[index]
                    }
                    return difference != 0
                }
            }
        }
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
