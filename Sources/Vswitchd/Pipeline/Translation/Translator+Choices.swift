import Flows
import OpenFlow
import Packets

// One way out of several: hashes of fields, `multipath` and `bundle`.

extension Translator {
    /// A hash of what `fields` names. Every bit that goes into it is looked at.
    mutating func hash(_ fields: HashFields, basis: UInt32) -> UInt32 {
        switch fields {
        case .ethSrc: hash([.ethSrc], basis)
        case .nwSrc: hash(networkAddresses.map { $0.source }, basis)
        case .nwDst: hash(networkAddresses.map { $0.destination }, basis)
        case .symmetricL3:
            symmetricHash(networkAddresses.map { ($0.source, $0.destination) }, basis)
        case .symmetricL3L4:
            symmetricHash(
                networkAddresses.map { ($0.source, $0.destination) } + ports([.tcp, .sctp]), basis)
        case .symmetricL3L4UDP:
            symmetricHash(
                networkAddresses.map { ($0.source, $0.destination) } + ports([.tcp, .sctp, .udp]),
                basis)
        case .symmetricL4:
            symmetricHash(
                [(.ethSrc, .ethDst)] + networkAddresses.map { ($0.source, $0.destination) }
                    + ports([.tcp, .sctp, .udp]),
                UInt32(truncatingIfNeeded: hash([.ethType, .vlanVID], basis)))
        }
    }

    private var networkAddresses: [(source: FlowField, destination: FlowField)] {
        switch key.packet.ethType {
        case EtherType.ipv4: [(.ipv4Src, .ipv4Dst)]
        case EtherType.ipv6: [(.ipv6Src, .ipv6Dst)]
        default: []
        }
    }

    /// The ports, if the packet's protocol is one of these.
    private mutating func ports(
        _ protocols: [FlowField.Prerequisite]
    ) -> [(FlowField, FlowField)] {
        let known: [(FlowField, FlowField)] = [
            (.tcpSrc, .tcpDst), (.udpSrc, .udpDst), (.sctpSrc, .sctpDst),
        ]
        // Fragments of one packet take one way, and only the first has ports.
        guard key.packet.nwFrag == 0 else { return [] }
        for pair in known where protocols.contains(pair.0.prerequisite) {
            if has(pair.0) { return [pair] }
        }
        return []
    }

    /// Hashes fields in order.
    mutating func hash(_ fields: [FlowField], _ basis: UInt32) -> UInt32 {
        var mix = FieldHash(basis)
        for field in fields where has(field) { mix.add(read(FieldRange(field))) }
        return mix.finished
    }

    /// The same for both directions of a connection.
    private mutating func symmetricHash(
        _ pairs: [(FlowField, FlowField)], _ basis: UInt32
    ) -> UInt32 {
        var mix = FieldHash(basis)
        for (source, destination) in pairs {
            let (a, b) = (read(FieldRange(source)), read(FieldRange(destination)))
            mix.add(a ^ b)
            mix.add(a &+ b)
        }
        return mix.finished
    }

    // MARK: multipath

    mutating func choose(_ multipath: MultipathAction) {
        let hash = hash(multipath.fields, basis: UInt32(multipath.basis))
        let link = Self.link(
            for: hash, of: UInt32(multipath.maxLink) + 1, multipath.algorithm, multipath.argument)
        write(multipath.destination, UInt64(link))
    }

    mutating func write(_ range: FieldRange, _ value: UInt64) {
        guard let write = Action.load(range, FieldValue(low: value)).fieldWrite else { return }
        self.write(write.field, write.value, mask: write.mask)
    }

    /// ovs-actions(7), "multipath".
    private static func link(
        for hash: UInt32, of count: UInt32, _ algorithm: MultipathAction.Algorithm,
        _ argument: UInt32
    ) -> UInt32 {
        switch algorithm {
        case .moduloN: return hash % count
        case .hashThreshold: return count == 1 ? 0 : hash / (.max / count + 1)
        case .highestRandomWeight where count <= 64:
            return (0..<count).max { FieldHash.of($0, hash) < FieldHash.of($1, hash) } ?? 0
        case .highestRandomWeight, .iterativeHash:
            // Draws from a power of two until a link is hit: half of the draws at least do.
            var size: UInt32 = 1
            while size < max(count, min(argument, 1 << 16)) { size *= 2 }
            for draw in 0..<UInt32(256) {
                let link = FieldHash.of(draw, hash) & (size - 1)
                if link < count { return link }
            }
            return hash % count
        }
    }

    // MARK: bundle

    mutating func choose(_ bundle: BundleAction) {
        let here = model.bridge(bridge)
        let living = bundle.members.filter { here?.isAlive($0) ?? false }
        let chosen: PortNumber
        switch bundle.algorithm {
        case .activeBackup: chosen = living.first ?? .none
        case .highestRandomWeight:
            let hash = hash(bundle.fields, basis: UInt32(bundle.basis))
            chosen =
                living.max {
                    FieldHash.of(UInt32($0.rawValue), hash)
                        < FieldHash.of(UInt32($1.rawValue), hash)
                } ?? .none
        }
        if let destination = bundle.destination {
            write(destination, UInt64(chosen.rawValue))
        } else if chosen == .none {
            drop(.portDisabled, "no port of the bundle lives")
        } else {
            output(to: chosen, maxLength: 0)
        }
    }
}

extension ForwardingBridge {
    /// Whether what is sent to a port may arrive there.
    func isAlive(_ number: PortNumber) -> Bool {
        guard let port = port(number) else { return false }
        return port.isLive && !port.config.contains(.portDown)
    }
}

/// A hash of numbers; the multiplier is that of `PacketHash`.
struct FieldHash {
    private var state: UInt64

    init(_ basis: UInt32) { state = UInt64(basis) }

    mutating func add(_ number: UInt128) {
        for word in [UInt64(truncatingIfNeeded: number), UInt64(truncatingIfNeeded: number >> 64)] {
            let product = (state ^ word ^ 0x9e37_79b9_7f4a_7c15)
                .multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
            state = (state << 23 | state >> 41) ^ product.low ^ product.high
        }
    }

    var finished: UInt32 {
        let product = state.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        return UInt32(truncatingIfNeeded: product.low >> 32 ^ product.high)
    }

    static func of(_ number: UInt32, _ basis: UInt32) -> UInt32 {
        var mix = FieldHash(basis)
        mix.add(UInt128(number))
        return mix.finished
    }
}
