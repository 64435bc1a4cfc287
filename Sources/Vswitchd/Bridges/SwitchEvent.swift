public import DatabaseProtocol
public import DatapathMessages
public import LinkValues
public import Packets

// What happens to vswitchd, and what vswitchd wants done.
//
// The machine in this folder (`Vswitch`) has no sockets. A program tells it what arrived, in the
// words below, and carries out what comes back, in order. Everything that vswitchd decides can
// therefore be run in a test, or in a simulation, without one system call.

/// One byte stream that speaks OpenFlow with us; numbers are given by the program.
public struct SessionID: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// One question on the control socket that waits for its answer.
public struct ControlID: Hashable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What the program knows of a Linux interface.
public struct LinkFact: Hashable, Sendable {
    public var index: UInt32
    public var address: MACAddress
    public var mtu: UInt32
    public var isUp: Bool
    public var hasCarrier: Bool
    /// Bits per second; nil if the driver does not say.
    public var bitsPerSecond: UInt64?
    public init(
        index: UInt32, address: MACAddress, mtu: UInt32, isUp: Bool, hasCarrier: Bool,
        bitsPerSecond: UInt64? = nil
    ) {
        self.index = index
        self.address = address
        self.mtu = mtu
        self.isUp = isUp
        self.hasCarrier = hasCarrier
        self.bitsPerSecond = bitsPerSecond
    }
}

/// Which datapath was reached.
public struct DatapathNature: Hashable, Sendable {
    /// Whether it is the kernel's module, and not our process.
    public var isKernelModule: Bool
    /// Whether the kernel's module is loaded and could be used.
    public var isKernelModuleThere: Bool
    /// Its name, for example "apus-system".
    public var name: String
    public init(
        isKernelModule: Bool = false, isKernelModuleThere: Bool = false,
        name: String = DatapathReport.name
    ) {
        self.isKernelModule = isKernelModule
        self.isKernelModuleThere = isKernelModuleThere
        self.name = name
    }
}

/// Where OpenFlow streams come from.
public enum ListenerPurpose: Hashable, Sendable {
    /// `<rundir>/<bridge>.mgmt`: tools.
    case management(bridge: String)
    /// `<rundir>/<bridge>.snoop`: those who listen to what controllers and the switch say.
    case snoop(bridge: String)
    /// A `ptcp:` target of the Controller table.
    case controller(bridge: String, target: String)

    public var bridge: String {
        switch self {
        case .management(let bridge), .snoop(let bridge), .controller(let bridge, _): bridge
        }
    }
}

public enum SwitchEvent: Sendable {
    case databaseOpened
    case databaseReceived([UInt8])
    case databaseClosed(reason: String)

    case datapathOpened(DatapathNature = DatapathNature())
    case datapathReplied(sequence: UInt32, DatapathReply)
    /// All that one reading brought: a flood of upcalls is one event.
    case datapathSaid([Received<DatapathReply>])
    case datapathClosed(reason: String)

    case sessionAccepted(SessionID, ListenerPurpose, peer: String)
    /// A stream that we asked for with `.connect` is up.
    case sessionConnected(SessionID)
    case sessionReceived(SessionID, [UInt8])
    case sessionClosed(SessionID, reason: String)
    /// A `.listen` could not be carried out.
    case listenFailed(ListenerPurpose, reason: String)

    /// What is known now of the interfaces that `.watchLinks` named; those missing do not exist.
    case links([String: LinkFact])
    /// The answer to `.makeLink`.
    case linkMade(name: String, LinkOutcome)
    /// The answer to `.removeLink`, whether it could be removed or not.
    case linkRemoved(name: String)
    /// - Parameter wantsJSON: Whoever asks reads JSON (`ovs-appctl -f json`).
    case control(ControlID, command: String, arguments: [String], wantsJSON: Bool = false)
    /// Nothing but time passed.
    case clockAdvanced
}

public enum SwitchEffect: Sendable {
    /// Try to reach the database; the answer is `.databaseOpened` or `.databaseClosed`.
    case connectDatabase
    case sendDatabase([UInt8])
    case closeDatabase(reason: String)
    /// Try to reach the datapath; the answer is `.datapathOpened` or `.datapathClosed`.
    /// If the kernel's module is preferred and is not there, our own process is as good.
    case connectDatapath(prefersKernelModule: Bool)
    /// Leave the datapath for another one.
    case closeDatapath
    case sendDatapath(sequence: UInt32, DatapathRequest)
    /// As many `.sendDatapath` of `.answerUpcall`, in order.
    case answerUpcalls([UpcallAnswer])
    case listen(ListenerPurpose)
    case stopListening(ListenerPurpose)
    case connect(SessionID, target: String)
    /// Files with the keys for `ssl:` and `pssl:` from now on; `nil` leaves it to the command line.
    case useTLS(WantedTLS?)
    case sendSession(SessionID, [UInt8])
    case closeSession(SessionID)
    /// Look at these interfaces now, and tell when one of them changes.
    case watchLinks([String])
    /// Make a link, or adopt the one that is there; the answer is `.linkMade`.
    case makeLink(LinkOrder)
    /// Remove a link if its alias is `mark`; the answer is `.linkRemoved`. Orders about links are
    /// carried out in their order.
    case removeLink(name: String, mark: String)
    /// Remove all links whose alias is `mark`, except those named.
    case removeStrayLinks(mark: String, except: [String])
    case answer(ControlID, Result<String, ControlError>)
    /// The answer of a command that has more than text, to one who reads JSON.
    case answerJSON(ControlID, JSON)
    case log(LogLevel, module: String, String)
}

/// Why a question on the control socket has no answer; the text is printed by `ovs-appctl`.
public struct ControlError: Error, Hashable, Sendable {
    public var text: String
    public init(_ text: String) { self.text = text }
}

public enum LogLevel: String, Hashable, Sendable { case debug, info, warning, error }
