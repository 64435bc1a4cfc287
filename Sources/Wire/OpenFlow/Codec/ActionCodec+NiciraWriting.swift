import Flows
import Packets

// Nicira's actions (vendor 0x2320): writing.

extension ActionCodec {
    static func writeNicira(
        _ subtype: UInt16, to writer: inout OctetWriter, body: (inout OctetWriter) -> Void
    ) {
        write(type: vendorType, to: &writer) {
            $0.u32(niciraID)
            $0.u16(subtype)
            body(&$0)
        }
    }

    static func writeNicira(metadata: Masked<UInt64>, to writer: inout OctetWriter) {
        writeNicira(Subtype.writeMetadata, to: &writer) {
            $0.zeros(6)
            $0.u64(metadata.value)
            $0.u64(metadata.mask)
        }
    }

    /// Writes those actions that the version has only as Nicira's; of others nothing.
    static func writeNicira(
        _ action: Action, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        switch action {
        case .resubmit(let port, let table):
            writeResubmit(Subtype.resubmitTable, port, table, to: &writer)
        case .resubmitTracked(let port, let table):
            writeResubmit(Subtype.resubmitTracked, port, table, to: &writer)
        case .setQueue(let queue):
            writeNicira(Subtype.setQueue, to: &writer) {
                $0.zeros(2)
                $0.u32(queue)
            }
        case .group(let group):
            writeNicira(Subtype.group, to: &writer) {
                $0.zeros(2)
                $0.u32(group)
            }
        case .popQueue: writeEmpty(Subtype.popQueue, to: &writer)
        case .exit: writeEmpty(Subtype.exit, to: &writer)
        case .decrementTTL: writeEmpty(Subtype.decrementTTL, to: &writer)
        case .decrementMPLSTTL: writeEmpty(Subtype.decrementMPLSTTL, to: &writer)
        case .conntrackClear: writeEmpty(Subtype.conntrackClear, to: &writer)
        case .decrementNSHTTL: writeEmpty(Subtype.decrementNSHTTL, to: &writer)
        case .pushMPLS(let type):
            writeNicira(Subtype.pushMPLS, to: &writer) { $0.u16(type) }
        case .popMPLS(let type): writeNicira(Subtype.popMPLS, to: &writer) { $0.u16(type) }
        case .note(let bytes):
            let room = LearnCodec.longestActionByteCount - 16
            writeNicira(Subtype.note, to: &writer) { $0.append(bytes.prefix(room)) }
        case .controller(let action): write(action, to: &writer)
        case .decrementTTLTelling(let ids):
            writeNicira(Subtype.decrementTTLTelling, to: &writer) {
                let ids = ids.prefix(Limits.actions)
                $0.u16(UInt16(clamping: ids.count))
                $0.zeros(4)
                for id in ids { $0.u16(id) }
            }
        case .load, .move, .outputField, .learn, .push, .pop, .multipath, .bundle,
            .checkPacketLarger, .deleteField:
            writeRanges(action, version, to: &writer)
        default: writeRest(action, version, to: &writer)
        }
    }

    /// What `set_tunnel` is before there is a field for it.
    static func writeTunnel(_ id: UInt64, to writer: inout OctetWriter) {
        if let short = UInt32(exactly: id) {
            writeNicira(Subtype.setTunnel, to: &writer) {
                $0.zeros(2)
                $0.u32(short)
            }
        } else {
            writeTunnel64(id, to: &writer)
        }
    }

    static func writeTunnel64(_ id: UInt64, to writer: inout OctetWriter) {
        writeNicira(Subtype.setTunnel64, to: &writer) {
            $0.zeros(6)
            $0.u64(id)
        }
    }

    private static func writeEmpty(_ subtype: UInt16, to writer: inout OctetWriter) {
        writeNicira(subtype, to: &writer) { $0.zeros(6) }
    }

    private static func writeResubmit(
        _ subtype: UInt16, _ port: PortNumber?, _ table: UInt8?, to writer: inout OctetWriter
    ) {
        writeNicira(subtype, to: &writer) {
            $0.u16((port ?? .inPort).rawValue)
            $0.u8(table ?? 255)
        }
    }

    private static func write(_ action: ControllerAction, to writer: inout OctetWriter) {
        guard action.userdata.isEmpty, !action.pauses, action.meter == nil else {
            writeNicira(Subtype.controller2, to: &writer) {
                $0.zeros(6)
                writeProperties(of: action, to: &$0)
            }
            return
        }
        writeNicira(Subtype.controller, to: &writer) {
            $0.u16(action.maxLength)
            $0.u16(action.controllerID)
            $0.u8(action.reason.rawValue)
        }
    }

    private static func writeProperties(
        of action: ControllerAction, to writer: inout OctetWriter
    ) {
        typealias Kind = Property.Controller
        if action.maxLength != .max {
            Property.write(Kind.maxLength, to: &writer) { $0.u16(action.maxLength) }
        }
        if action.controllerID != 0 {
            Property.write(Kind.id, to: &writer) { $0.u16(action.controllerID) }
        }
        if action.reason != .action {
            Property.write(Kind.reason, to: &writer) { $0.u8(action.reason.rawValue) }
        }
        if !action.userdata.isEmpty {
            let room = LearnCodec.longestActionByteCount - 128
            Property.write(Kind.userdata, to: &writer) { $0.append(action.userdata.prefix(room)) }
        }
        if action.pauses { Property.write(Kind.pause, to: &writer) { _ in } }
        if let meter = action.meter { Property.write(Kind.meter, to: &writer) { $0.u32(meter) } }
    }

    /// Those that name bits of fields.
    private static func writeRanges(
        _ action: Action, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        switch action {
        case .load(let range, let value):
            let shift = UInt128(clamping: range.offset)
            let loads = Action.loads(
                range.field, FieldValue(bits: value.bits << shift),
                mask: FieldValue(bits: FieldValue.ones(range.width).bits << shift))
            for load in loads {
                writeNicira(Subtype.load, to: &writer) {
                    $0.u16(packed(load.range))
                    $0.u32(header(load.range.field))
                    $0.u64(load.value.low)
                }
            }
        case .move(let source, let destination):
            writeNicira(Subtype.move, to: &writer) {
                $0.u16(UInt16(clamping: source.width))
                $0.u16(UInt16(clamping: source.offset))
                $0.u16(UInt16(clamping: destination.offset))
                ExtensibleCodec.writeHeader(source.field, .nxm, to: &$0)
                ExtensibleCodec.writeHeader(destination.field, .nxm, to: &$0)
            }
        case .outputField(let source, let maxLength):
            writeNicira(Subtype.outputField, to: &writer) {
                $0.u16(packed(source))
                $0.u32(header(source.field))
                $0.u16(maxLength)
                $0.zeros(6)
            }
        case .learn(let learn): LearnCodec.writeAction(learn, to: &writer)
        case .push(let range): writeStack(Subtype.push, range, to: &writer)
        case .pop(let range): writeStack(Subtype.pop, range, to: &writer)
        case .multipath(let multipath): write(multipath, to: &writer)
        case .bundle(let bundle): write(bundle, to: &writer)
        case .checkPacketLarger(let byteCount, let bit):
            writeNicira(Subtype.checkPacketLarger, to: &writer) {
                $0.u16(byteCount)
                $0.u16(UInt16(clamping: bit.offset))
                ExtensibleCodec.writeHeader(bit.field, .nxm, to: &$0)
            }
        case .deleteField(let field):
            writeNicira(Subtype.deleteField, to: &writer) {
                ExtensibleCodec.writeHeader(field, .nxm, to: &$0)
            }
        default: break
        }
    }

    private static func writeStack(
        _ subtype: UInt16, _ range: FieldRange, to writer: inout OctetWriter
    ) {
        writeNicira(subtype, to: &writer) {
            $0.u16(UInt16(clamping: range.offset))
            ExtensibleCodec.writeHeader(range.field, .nxm, to: &$0)
            $0.u16(UInt16(clamping: range.width))
            $0.zeros(6)
        }
    }

    private static func write(_ action: MultipathAction, to writer: inout OctetWriter) {
        writeNicira(Subtype.multipath, to: &writer) {
            $0.u16(action.fields.rawValue)
            $0.u16(action.basis)
            $0.zeros(2)
            $0.u16(action.algorithm.rawValue)
            $0.u16(action.maxLink)
            $0.u32(action.argument)
            $0.zeros(2)
            $0.u16(packed(action.destination))
            $0.u32(header(action.destination.field))
        }
    }

    private static func write(_ action: BundleAction, to writer: inout OctetWriter) {
        let isLoad = action.destination != nil
        writeNicira(isLoad ? Subtype.bundleLoad : Subtype.bundle, to: &writer) {
            $0.u16(action.algorithm.rawValue)
            $0.u16(action.fields.rawValue)
            $0.u16(action.basis)
            $0.u32(memberType)
            let members = action.members.prefix(Limits.bundleMembers)
            $0.u16(UInt16(clamping: members.count))
            $0.u16(action.destination.map(packed) ?? 0)
            $0.u32(action.destination.map { header($0.field) } ?? 0)
            $0.zeros(4)
            for member in members { $0.u16(member.rawValue) }
        }
    }

    private static func writeRest(
        _ action: Action, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        switch action {
        case .conjunction(let id, let clause, let count):
            writeNicira(Subtype.conjunction, to: &writer) {
                $0.u8(clause)
                $0.u8(count)
                $0.u32(id)
            }
        case .finTimeout(let idle, let hard):
            writeNicira(Subtype.finTimeout, to: &writer) {
                $0.u16(idle)
                $0.u16(hard)
                $0.zeros(2)
            }
        case .outputTruncated(let port, let byteCount):
            writeNicira(Subtype.outputTruncated, to: &writer) {
                $0.u16(port.rawValue)
                $0.u32(byteCount)
            }
        case .clone(let actions):
            writeNicira(Subtype.clone, to: &writer) {
                $0.zeros(6)
                write(actions, version, match: nil, to: &$0)
            }
        case .sample(let sample): write(sample, to: &writer)
        case .conntrack(let action): write(action, version, to: &writer)
        case .nat(let nat): write(nat, to: &writer)
        case .encap(let encap): write(encap, to: &writer)
        case .decap(let type):
            writeNicira(Subtype.decap, to: &writer) {
                $0.zeros(2)
                $0.u32((type ?? .following).rawValue)
            }
        default: break
        }
    }

    private static func write(_ sample: SampleAction, to writer: inout OctetWriter) {
        let subtype =
            sample.direction != .unsaid
            ? Subtype.sample3 : sample.samplingPort != nil ? Subtype.sample2 : Subtype.sample
        writeNicira(subtype, to: &writer) {
            $0.u16(sample.probability)
            $0.u32(sample.collectorSet)
            $0.u32(sample.observationDomain)
            $0.u32(sample.observationPoint)
            guard subtype != Subtype.sample else { return }
            $0.u16((sample.samplingPort ?? .none).rawValue)
            $0.u8(sample.direction.rawValue)
        }
    }

    private static func write(
        _ action: ConntrackAction, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writeNicira(Subtype.conntrack, to: &writer) {
            $0.u16((action.commits ? 1 : 0) | (action.forces ? 2 : 0))
            switch action.zone {
            case .number(let zone):
                $0.u32(0)
                $0.u16(zone)
            case .field(let range):
                $0.u32(header(range.field))
                $0.u16(packed(range))
            }
            $0.u8(action.table ?? 255)
            $0.zeros(3)
            $0.u16(action.helper)
            write(action.actions, version, match: nil, to: &$0)
        }
    }

    private static func write(_ nat: NATAction, to writer: inout OctetWriter) {
        var flags: UInt16 = nat.isPersistent ? 4 : 0
        flags |= nat.direction == .source ? 1 : nat.direction == .destination ? 2 : 0
        flags |= nat.choice == .hash ? 8 : nat.choice == .random ? 16 : 0
        writeNicira(Subtype.nat, to: &writer) {
            $0.zeros(2)
            $0.u16(flags)
            let presentOffset = $0.count
            $0.u16(0)
            var present = 0
            switch nat.addresses {
            case .none: break
            case .ipv4(let first, let last):
                present |= last == nil ? 1 : 3
                $0.u32(first.bits)
                if let last { $0.u32(last.bits) }
            case .ipv6(let first, let last):
                present |= last == nil ? 4 : 12
                for address in [first, last ?? first].prefix(last == nil ? 1 : 2) {
                    $0.u64(address.high)
                    $0.u64(address.low)
                }
            }
            if let port = nat.firstPort {
                present |= 16
                $0.u16(port)
                if let last = nat.lastPort {
                    present |= 32
                    $0.u16(last)
                }
            }
            $0.patch16(present, at: presentOffset)
        }
    }

    private static func write(_ encap: EncapAction, to writer: inout OctetWriter) {
        writeNicira(Subtype.encap, to: &writer) {
            $0.zeros(2)
            $0.u32(encap.packetType.rawValue)
            for property in encap.properties.prefix(Limits.actions) {
                let start = $0.count
                $0.u16(property.propertyClass)
                $0.u8(property.type)
                let bytes = property.bytes.prefix(251)
                $0.u8(UInt8(clamping: bytes.count + 4))
                $0.append(bytes)
                $0.pad(from: start)
            }
        }
    }
}
