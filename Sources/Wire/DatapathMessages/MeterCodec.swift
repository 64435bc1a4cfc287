import CLinuxPacket
import Flows
import Packets

// Meters as `OVS_METER_ATTR_*`, their bands as nests of `OVS_BAND_ATTR_*`.

/// What the kernel's header does not have: bands that mark. The type is numbered as in OpenFlow
/// (OFPMBT_DSCP_REMARK), the level is an attribute behind those of the kernel, which skips it.
private enum MarkingBand {
    static let type: UInt32 = 2
    static let level: UInt16 = 5
}

extension DatagramWriter {
    /// Writes a meter; with what it has seen, unless `statistics` is nil.
    mutating func put(_ meter: DatapathMeter, _ statistics: MeterStatistics?) {
        put(UInt16(OVS_METER_ATTR_ID.rawValue), host: meter.id)
        if meter.unit == .kilobits { putFlag(UInt16(OVS_METER_ATTR_KBPS.rawValue)) }
        let bands = beginNest(UInt16(OVS_METER_ATTR_BANDS.rawValue))
        for (index, band) in meter.bands.enumerated() {
            // The kernel numbers the bands of a list from 1, and does not read the numbers.
            let nest = beginNest(UInt16(clamping: index + 1))
            switch band.effect {
            case .drop:
                put(UInt16(OVS_BAND_ATTR_TYPE.rawValue), host: OVS_METER_BAND_TYPE_DROP.rawValue)
            case .remark(let level):
                put(UInt16(OVS_BAND_ATTR_TYPE.rawValue), host: MarkingBand.type)
                put(MarkingBand.level, host: UInt32(level))
            }
            put(UInt16(OVS_BAND_ATTR_RATE.rawValue), host: band.rate)
            put(UInt16(OVS_BAND_ATTR_BURST.rawValue), host: band.burst)
            if let statistics, index < statistics.bands.count {
                put(UInt16(OVS_BAND_ATTR_STATS.rawValue), .count(statistics.bands[index]))
            }
            endNest(nest, "meter band")
        }
        endNest(bands, "meter bands")
        guard let statistics else { return }
        put(UInt16(OVS_METER_ATTR_STATS.rawValue), .count(statistics.total))
        put(UInt16(OVS_METER_ATTR_USED.rawValue), host: statistics.usedMilliseconds)
    }

    mutating func putMeterFeatures(_ meterCount: UInt32, _ bandCount: UInt32) {
        put(UInt16(OVS_METER_ATTR_MAX_METERS.rawValue), host: meterCount)
        put(UInt16(OVS_METER_ATTR_MAX_BANDS.rawValue), host: bandCount)
        // One band for each type that there is.
        let bands = beginNest(UInt16(OVS_METER_ATTR_BANDS.rawValue))
        for (index, type) in [OVS_METER_BAND_TYPE_DROP.rawValue, MarkingBand.type].enumerated() {
            let nest = beginNest(UInt16(clamping: index + 1))
            put(UInt16(OVS_BAND_ATTR_TYPE.rawValue), host: type)
            endNest(nest, "meter band")
        }
        endNest(bands, "meter bands")
    }
}

extension Fields {
    /// `struct ovs_flow_stats`.
    fileprivate static func count(_ count: MeterStatistics.Count) -> Fields {
        var fields = Fields()
        fields.put(host: count.packets)
        fields.put(host: count.bytes)
        return fields
    }
}

/// What a message of the family says of one meter.
struct MeterParts {
    var meter = DatapathMeter(id: 0, unit: .packets, bands: [])
    var statistics = MeterStatistics(bandCount: 0)

    /// - Throws: `.missingAttribute` without OVS_METER_ATTR_ID.
    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var hasID = false
        var attributes = AttributeReader(bytes, range, "OVS_METER")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_METER_ATTR_ID.rawValue:
                meter.id = try bytes.host32(attribute, "OVS_METER_ID")
                hasID = true
            case OVS_METER_ATTR_KBPS.rawValue: meter.unit = .kilobits
            case OVS_METER_ATTR_STATS.rawValue:
                statistics.total = try Self.count(bytes, attribute, "OVS_METER_STATS")
            case OVS_METER_ATTR_USED.rawValue:
                statistics.usedMilliseconds = try bytes.host64(attribute, "OVS_METER_USED")
            case OVS_METER_ATTR_BANDS.rawValue: try readBands(bytes, attribute)
            default: break
            }
        }
        guard hasID else {
            throw .missingAttribute("OVS_METER_ID", in: "OVS_METER", offset: range.lowerBound)
        }
    }

    private mutating func readBands(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) {
        var bands = AttributeReader(bytes, nest: nest, "OVS_METER_BANDS")
        while let band = try bands.nextAttribute(once: false) {
            guard meter.bands.count < DatapathMeter.bandCountMax else {
                throw .tooLong("list of meter bands", byteCount: nest.count)
            }
            var read = DatapathMeter.Band(rate: 0, burst: 0)
            var (isMarking, level) = (false, 0 as UInt32)
            var count = MeterStatistics.Count()
            var attributes = AttributeReader(bytes, nest: band, "OVS_BAND")
            while let attribute = try attributes.nextAttribute() {
                switch UInt32(attribute.type) {
                case OVS_BAND_ATTR_TYPE.rawValue:
                    let type = try bytes.host32(attribute, "OVS_BAND_TYPE")
                    isMarking = type == MarkingBand.type
                    guard isMarking || type == OVS_METER_BAND_TYPE_DROP.rawValue else {
                        throw .unsupported(
                            "meter band", type: UInt16(clamping: type), offset: attribute.start)
                    }
                case OVS_BAND_ATTR_RATE.rawValue:
                    read.rate = try bytes.host32(attribute, "OVS_BAND_RATE")
                case OVS_BAND_ATTR_BURST.rawValue:
                    read.burst = try bytes.host32(attribute, "OVS_BAND_BURST")
                case OVS_BAND_ATTR_STATS.rawValue:
                    count = try Self.count(bytes, attribute, "OVS_BAND_STATS")
                case UInt32(MarkingBand.level):
                    level = try bytes.host32(attribute, "level of a marking band")
                default: break
                }
            }
            if isMarking { read.effect = .remark(precedenceLevel: UInt8(clamping: level)) }
            meter.bands.append(read)
            statistics.bands.append(count)
        }
    }

    private static func count(
        _ bytes: RawSpan, _ attribute: Attribute, _ name: String
    ) throws(DatapathMessageError) -> MeterStatistics.Count {
        try bytes.check(attribute, 16, name)
        return MeterStatistics.Count(
            packets: bytes.host64(at: attribute.offset),
            bytes: bytes.host64(at: attribute.offset + 8))
    }

    static func features(
        _ bytes: RawSpan, _ range: Range<Int>
    ) throws(DatapathMessageError) -> DatapathReply {
        var (meterCount, bandCount) = (0 as UInt32, 0 as UInt32)
        var attributes = AttributeReader(bytes, range, "OVS_METER")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_METER_ATTR_MAX_METERS.rawValue:
                meterCount = try bytes.host32(attribute, "OVS_METER_MAX_METERS")
            case OVS_METER_ATTR_MAX_BANDS.rawValue:
                bandCount = try bytes.host32(attribute, "OVS_METER_MAX_BANDS")
            default: break
            }
        }
        return .meterFeatures(meterCount: meterCount, bandCount: bandCount)
    }
}
