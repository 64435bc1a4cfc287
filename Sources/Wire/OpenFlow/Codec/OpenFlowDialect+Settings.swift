// Messages that some versions have as their own and others as an extension.

extension OpenFlowDialect {
    func writeSetting(
        _ body: OpenFlowMessage.Body, to writer: inout OctetWriter
    ) -> UInt8 {
        switch body {
        case .roleRequest(let request) where version >= .v12:
            SwitchCodec.write(request, to: &writer)
            return 24
        case .roleReply(let request) where version >= .v12:
            SwitchCodec.write(request, to: &writer)
            return 25
        case .getAsyncRequest: return 26
        case .getAsyncReply(let config):
            write(config, to: &writer)
            return 27
        case .setAsync(let config) where version >= .v13:
            write(config, to: &writer)
            return 28
        case .groupMod(let mod) where version >= .v11:
            GroupCodec.write(mod, version, to: &writer)
            return 15
        case .meterMod(let mod):
            MeterCodec.write(mod, to: &writer)
            return 29
        case .tableMod(let mod):
            TableSettingsCodec.write(mod, version, to: &writer)
            return 17
        case .queueConfigRequest(let port):
            QueueCodec.writeRequest(port, version, to: &writer)
            return version == .v10 ? 20 : 22
        case .queueConfigReply(let port, let queues):
            QueueCodec.writeReply(port, queues, version, to: &writer)
            return version == .v10 ? 21 : 23
        case .tableStatus(let status):
            TableSettingsCodec.write(status, to: &writer)
            return 31
        default: return writeLater(body, to: &writer)
        }
    }

    /// 1.4's own, and before that an extension of the ONF or of Nicira.
    private func writeLater(
        _ body: OpenFlowMessage.Body, to writer: inout OctetWriter
    ) -> UInt8 {
        func numbered(_ type: UInt8, onf: UInt32, nicira: UInt32? = nil) -> UInt8 {
            if version >= .v14 { return type }
            if version < .v13, let nicira {
                VendorCodec.header(nicira, to: &writer)
            } else {
                VendorCodec.headerONF(onf, to: &writer)
            }
            return VendorCodec.type
        }
        let type: UInt8
        switch body {
        case .roleStatus(let status):
            type = numbered(30, onf: VendorCodec.ONFSubtype.roleStatus)
            SwitchCodec.write(status, to: &writer)
        case .requestForward(let message):
            type = numbered(
                32, onf: VendorCodec.ONFSubtype.requestForward,
                nicira: VendorCodec.Subtype.requestForward)
            writer.append(encode(message))
        case .bundleControl(let control):
            type = numbered(33, onf: VendorCodec.ONFSubtype.bundleControl)
            BundleCodec.write(control, to: &writer)
        case .bundleAdd(let addition):
            type = numbered(34, onf: VendorCodec.ONFSubtype.bundleAdd)
            BundleCodec.write(addition, self, to: &writer)
        default: return VendorCodec.write(body, version, to: &writer)
        }
        return type
    }

    private func write(_ config: AsyncConfig, to writer: inout OctetWriter) {
        if version >= .v14 {
            SwitchCodec.writeAsync14(config, to: &writer)
        } else {
            SwitchCodec.write(config, to: &writer)
        }
    }
}
