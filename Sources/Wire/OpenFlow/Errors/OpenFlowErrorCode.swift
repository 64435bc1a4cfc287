// Errors by name, with the numbers that each version gives them.
//
// One line each. Where a version has no number of its own, Nicira's or the ONF's extension often
// gives one, and where neither does, NXBRC_UNENCODABLE_ERROR stands in, as in Open vSwitch. The
// errors themselves stand in the two files beside this one.

/// An error of `OFPT_ERROR`. OpenFlow 1.0 §5.4.4, 1.3.5 §7.4.4, 1.5.1 §7.5.4.
public struct OpenFlowErrorCode: Error, Sendable {
    public struct Number: Hashable, Sendable {
        /// 0: a number of the standard.
        public var vendor: UInt32
        public var type: UInt16
        public var code: UInt16
        public init(vendor: UInt32 = 0, _ type: UInt16, _ code: UInt16) {
            self.vendor = vendor
            self.type = type
            self.code = code
        }
    }

    /// The number in the versions `first` to `last`.
    struct Span {
        var first: UInt8
        var last: UInt8
        var number: Number

        private init(
            _ first: UInt8, _ last: UInt8, _ vendor: UInt32, _ type: UInt16, _ code: UInt16
        ) {
            self.first = first
            self.last = last
            number = Number(vendor: vendor, type, code)
        }

        /// Versions are written as 10 for 1.0 to 15 for 1.5.
        static func of(_ first: UInt8, _ last: UInt8, _ type: UInt16, _ code: UInt16) -> Span {
            Span(first, last, 0, type, code)
        }
        /// Nicira's. 1.2 and later have one number for an experimenter's error, not two.
        static func nx(
            _ first: UInt8, _ last: UInt8, _ type: UInt16, _ code: UInt16 = 0
        ) -> Span {
            Span(first, last, niciraID, type, code)
        }
        static func onf(
            _ first: UInt8, _ last: UInt8, _ type: UInt16, _ code: UInt16 = 0
        ) -> Span {
            Span(first, last, openNetworkingFoundationID, type, code)
        }
    }

    /// As the standard writes it, and `ovs-ofctl` prints it.
    public let name: String
    private let spans: [Span]

    init(_ name: String, _ spans: Span...) {
        self.name = name
        self.spans = spans
    }

    public func number(in version: OpenFlowVersion) -> Number {
        ownNumber(in: version)
            ?? (version < .v12 ? Number(vendor: niciraID, 1, 521) : Number(vendor: niciraID, 10, 0))
    }

    private func ownNumber(in version: OpenFlowVersion) -> Number? {
        let version = version.rawValue + 9
        return spans.first { $0.first <= version && version <= $0.last }?.number
    }

    /// The error with this number; nil if it has no name here.
    public static func numbered(_ number: Number, in version: OpenFlowVersion) -> Self? {
        all.first { $0.ownNumber(in: version) == number }
    }

    /// Every error.
    public static let all = requestErrors + modificationErrors
}

extension OpenFlowErrorCode: Hashable {
    public static func == (a: Self, b: Self) -> Bool { a.name == b.name }
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// Vendor (experimenter) number of Nicira's extensions.
public let niciraID: UInt32 = 0x0000_2320
/// Experimenter number of the Open Networking Foundation's own extensions.
public let openNetworkingFoundationID: UInt32 = 0x4f4e_4600
