// Properties: (type, length, value) filled to a multiple of 8 bytes, as 1.4 and later write what
// may be there or not (1.4 §7.2.1.2), and Nicira's newer messages too.

enum Property {
    /// Types in `NXAST_CONTROLLER2`.
    enum Controller {
        static let maxLength: UInt16 = 0
        static let id: UInt16 = 1
        static let reason: UInt16 = 2
        static let userdata: UInt16 = 3
        static let pause: UInt16 = 4
        static let meter: UInt16 = 5
    }

    static let experimenter: UInt16 = 0xffff

    /// Hands each property up to the reader's end to `body`, with a window of its value.
    static func read(
        _ reader: inout OctetReader,
        _ body: (UInt16, inout OctetReader) throws(OpenFlowErrorCode) -> Void
    ) throws(OpenFlowErrorCode) {
        while !reader.isAtEnd {
            let start = reader.position
            guard reader.remaining >= 4 else { throw .propertyBadLength }
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 4 else { throw .propertyBadLength }
            var value = try reader.window(length - 4, fault: .propertyBadLength)
            reader.skipPadding(from: start)
            try body(type, &value)
        }
    }

    static func write(
        _ type: UInt16, to writer: inout OctetWriter, body: (inout OctetWriter) -> Void
    ) {
        let start = writer.count
        writer.u16(type)
        writer.u16(0)
        body(&writer)
        writer.patch16(writer.count - start, at: start + 2)
        writer.pad(from: start)
    }
}
