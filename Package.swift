// swift-tools-version: 6.2
import PackageDescription

// The plan of the house. Read from top to bottom it is also the order in which to read the code.
//
// A target may use only what stands above it in this file, and only on a floor that its own floor
// may use. Rules of one wing do not know the rules of another: the wings meet in the programs, and
// speak to each other in the words of Wire. `House.add` refuses every other arrow, and `tools/build`
// passes `--explicit-target-dependency-import-check error`, which refuses imports not listed here.

var house = House()

// C: headers of Linux and of the netlink libraries that Swift cannot import by itself.
house.addHeaders("CLinuxPacket")
house.addHeaders("CProcess")
house.addLibrary("CMnl", pkgConfig: "libmnl", debian: "libmnl-dev")
house.addLibrary("CYAML", pkgConfig: "yaml-0.1", debian: "libyaml-dev")
house.addLibrary("CNetlink", pkgConfig: "libnl-route-3.0", debian: "libnl-route-3-dev")

// Ground: what every floor stands on.
house.add("Product", .ground, at: "Ground/Product")  // what all this is called
house.add("Timekeeping", .ground, at: "Ground/Timekeeping")  // moments that are handed in
house.add("Chance", .ground, at: "Ground/Chance")  // numbers that a seed repeats, for tests

// Wire: what bytes and text mean. Nothing here survives a call.
house.add("Packets", .wire, at: "Wire/Packets")
house.add("Flows", .wire, at: "Wire/Flows", ["Packets"])
house.add("KernelPrograms", .wire, at: "Wire/KernelPrograms", ["Flows", "Packets"])
house.add("OpenFlow", .wire, at: "Wire/OpenFlow", ["Flows", "Packets"])
house.add("DatabaseProtocol", .wire, at: "Wire/DatabaseProtocol")
house.add("LinkValues", .wire, at: "Wire/LinkValues", ["Packets"])
// libmnl is arithmetic over memory that the caller lends: no call of it that we use reaches the
// system, so the one place where netlink bytes are made and read may stay pure.
house.add(
    "DatapathMessages", .wire, at: "Wire/DatapathMessages", ["Flows", "Packets"],
    arithmetic: ["CMnl", "CLinuxPacket"])

// Host: what a program needs of the machine it runs on.
house.add(
    "Streams", .device, at: "Host/Streams", ["Timekeeping"], c: ["CProcess"],
    packages: [.nio("NIOCore"), .nio("NIOPosix"), .nio("NIOTLS"), .tls])
house.add(
    "Daemon", .device, at: "Host/Daemon",
    ["DatabaseProtocol", "Product", "Streams", "Timekeeping"],
    c: ["CProcess"], packages: [.log, .arguments])

// Datapath: the kernel half.
house.add("FlowCache", .rules, at: "Datapath/FlowCache", ["Flows", "Packets", "Timekeeping"])
// Shared: what a datapath cannot do to a packet, vswitchd does with the same rules.
house.add(
    "Execution", .shared, at: "Datapath/Execution",
    ["DatapathMessages", "Flows", "Packets", "Timekeeping"])
house.add(
    "Forwarding", .rules, at: "Datapath/Forwarding",
    [
        "DatapathMessages", "Execution", "FlowCache", "Flows", "KernelPrograms", "Packets",
        "Timekeeping",
    ])
house.add(
    "PacketPorts", .device, at: "Datapath/PacketPorts",
    ["Flows", "KernelPrograms", "Packets", "Timekeeping"],
    c: ["CLinuxPacket"])

// Channel: the netlink-like wire between the two halves.
house.add(
    "Channel", .device, at: "Channel", ["DatapathMessages", "Flows", "Timekeeping"],
    c: ["CNetlink"])

// Vswitchd: the userspace half.
house.add("Classifier", .rules, at: "Vswitchd/Classifier", ["Flows"])
house.add("Switching", .rules, at: "Vswitchd/Switching", ["Flows", "Packets", "Timekeeping"])
house.add(
    "Pipeline", .rules, at: "Vswitchd/Pipeline",
    ["Classifier", "Flows", "OpenFlow", "Packets", "Switching", "Timekeeping"],
    twin: "PipelineTwin")
// What the tests and the fuzzer hold the pipeline against; no part of the switch.
house.add(
    "PipelineTwin", .rules, at: "Vswitchd/PipelineTwin",
    ["Chance", "Flows", "OpenFlow", "Packets", "Pipeline", "Switching", "Timekeeping"])

// Database: the OVSDB server, and the picture that a client of it keeps.
house.add("DatabaseReplica", .shared, at: "Database/Replica", ["DatabaseProtocol", "Timekeeping"])
house.add("DatabaseHistory", .shared, at: "Database/History", ["DatabaseProtocol"])
house.add("DatabaseEngine", .rules, at: "Database/Engine", ["DatabaseProtocol", "Timekeeping"])
// Its own client: what the rows say of remotes it hears as everybody does.
house.add(
    "DatabaseRemotes", .rules, at: "Database/Remotes",
    ["DatabaseProtocol", "DatabaseReplica", "Timekeeping"])
house.add(
    "DurableLog", .device, at: "Database/DurableLog", ["DatabaseProtocol"], packages: [.crypto])

house.add(
    "Bridges", .rules, at: "Vswitchd/Bridges",
    [
        "Classifier", "DatabaseProtocol", "DatabaseReplica", "DatapathMessages", "Execution",
        "Flows", "LinkValues", "OpenFlow", "Packets", "Pipeline", "Switching", "Timekeeping",
    ])

// Links: Linux interfaces, by libnl.
house.add("Links", .device, at: "Links", ["Flows", "LinkValues", "Packets"], c: ["CNetlink"])

// Tools: arguments in, requests and text out.
house.add(
    "Tools", .rules, at: "Tools",
    [
        "DatabaseHistory", "DatabaseProtocol", "DatabaseReplica", "DatapathMessages", "Flows",
        "LinkValues", "OpenFlow", "Packets", "Product", "Timekeeping",
    ],
    // libyaml reads what lies in memory; no call of it that we use reaches the system.
    arithmetic: ["CYAML"])

// Programs: each introduces rules to devices and does nothing else.
house.addProgram(
    "apus-ovsdb",
    [
        "Daemon", "DatabaseEngine", "DatabaseProtocol", "DatabaseRemotes", "DurableLog", "Streams",
        "Timekeeping",
    ])
house.addProgram(
    "apus-vswitchd",
    [
        "Bridges", "Channel", "Daemon", "DatabaseProtocol", "DatabaseReplica", "DatapathMessages",
        "Flows", "LinkValues", "Links", "OpenFlow", "Packets", "Pipeline", "Product", "Streams", "Switching",
        "Timekeeping",
    ])
house.addProgram(
    "apus-datapath",
    [
        "Channel", "Daemon", "DatapathMessages", "Execution", "FlowCache", "Flows", "Forwarding",
        "KernelPrograms", "LinkValues", "Links", "PacketPorts", "Packets", "Timekeeping",
    ], exclude: ["README.md"])
house.addProgram(
    "apus",
    [
        "Channel", "DatabaseHistory", "DatabaseProtocol", "DatabaseReplica", "DatapathMessages",
        "Flows", "LinkValues", "Links", "OpenFlow", "Packets", "Product", "Streams",
        "Timekeeping", "Tools",
    ])

// The fuzzer: breaks what strangers send, and looks whether it breaks us.
house.addProgram(
    "apus-fuzz",
    [
        "Chance", "DatabaseEngine", "DatabaseProtocol", "Flows", "OpenFlow", "Packets",
        "PipelineTwin", "Timekeeping",
    ])

// The bench: floods for tools/bench to count, and the cost of single steps. Not installed.
house.addProgram(
    "apus-bench",
    [
        "Chance", "DatapathMessages", "Execution", "FlowCache", "Flows", "Forwarding",
        "KernelPrograms", "OpenFlow", "PacketPorts", "Packets", "Pipeline", "Timekeeping",
    ])

// Journeys: the whole switch in memory, and the walls of the house.
house.addJourneys([
    "Bridges", "DatabaseEngine", "DatabaseProtocol", "DatabaseReplica", "DatapathMessages",
    "Execution", "FlowCache", "Flows", "Forwarding", "KernelPrograms", "LinkValues", "OpenFlow",
    "Packets", "Pipeline", "Switching", "Timekeeping",
])

let package = Package(
    name: "apus",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: house.targets
)

enum Floor: String {
    case ground, wire, device, rules, shared, program

    /// Floors that this floor may stand on. `shared` are rules that every wing may use.
    var mayUse: Set<Floor> {
        switch self {
        case .ground: [.ground]
        case .wire: [.ground, .wire]
        case .device: [.ground, .wire, .device]
        case .rules, .shared: [.ground, .wire, .rules, .shared]
        case .program: [.ground, .wire, .device, .rules, .shared]
        }
    }
}

extension Target.Dependency {
    static func nio(_ product: String) -> Self { .product(name: product, package: "swift-nio") }
    static var tls: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var log: Self { .product(name: "Logging", package: "swift-log") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var arguments: Self {
        .product(name: "ArgumentParser", package: "swift-argument-parser")
    }
}

struct House {
    var targets: [Target] = []
    private var floors: [String: (floor: Floor, wing: Substring)] = [:]

    private static let settings: [SwiftSetting] = [
        .enableExperimentalFeature("Lifetimes"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .strictMemorySafety(),
        .treatAllWarnings(as: .error),
        // The house has many small rooms, and without this a step through a door is a call, unless it
        // is @inlinable: vswitchd takes a flow mod in an eighth fewer instructions. The libraries
        // are built without: there it adds run-time checks of exclusive access.
        .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    ]

    mutating func addHeaders(_ name: String) {
        targets.append(.target(name: name, path: "CModules/\(name)"))
    }

    mutating func addLibrary(_ name: String, pkgConfig: String, debian: String) {
        targets.append(
            .systemLibrary(
                name: name, path: "CModules/\(name)", pkgConfig: pkgConfig,
                providers: [.apt([debian])]))
    }

    /// Adds a library target and its tests.
    ///
    /// - Parameters:
    ///   - uses: Targets of this package, all declared above.
    ///   - c: C modules that reach the system; only a device may have them.
    ///   - arithmetic: C modules of which only calls without effects are used.
    ///   - packages: Libraries of others; only a device may have them.
    ///   - twin: The target, declared below, that its tests hold it against.
    mutating func add(
        _ name: String, _ floor: Floor, at path: String, _ uses: [String] = [],
        c: [String] = [], arithmetic: [String] = [], packages: [Target.Dependency] = [],
        twin: String? = nil
    ) {
        let wing = path.prefix { $0 != "/" }
        check(name, floor, wing, uses)
        guard floor == .device || (c.isEmpty && packages.isEmpty) else {
            fatalError("only a device may reach the system: \(name)")
        }
        floors[name] = (floor, wing)
        let own = (uses + c + arithmetic).map(Target.Dependency.init(stringLiteral:)) + packages
        targets.append(
            .target(
                name: name, dependencies: own, path: "Sources/\(path)", exclude: ["README.md"],
                swiftSettings: Self.settings))
        targets.append(
            .testTarget(
                name: "\(name)Tests", dependencies: own + ([name] + (twin.map { [$0] } ?? [])).map { .init(stringLiteral: $0) },
                path: "Tests/\(path)Tests", swiftSettings: [.enableExperimentalFeature("Lifetimes")]
            ))
    }

    mutating func addProgram(_ name: String, _ uses: [String], exclude: [String] = []) {
        check(name, .program, "Programs", uses)
        targets.append(
            .executableTarget(
                name: name,
                dependencies: uses.map(Target.Dependency.init(stringLiteral:))
                    + (name == "apus" ? [] : [.arguments, .log]),
                path: "Sources/Programs/\(name)", exclude: exclude, swiftSettings: Self.settings))
    }

    /// Tests that join rules of all wings; `uses` may name any target.
    mutating func addJourneys(_ uses: [String]) {
        check("Journeys", .program, "Journeys", uses)
        targets.append(
            .testTarget(
                name: "JourneyTests",
                dependencies: uses.map(Target.Dependency.init(stringLiteral:)),
                path: "Tests/Journeys"))
    }

    private func check(_ name: String, _ floor: Floor, _ wing: Substring, _ uses: [String]) {
        for used in uses {
            guard let below = floors[used], floor.mayUse.contains(below.floor) else {
                fatalError("\(floor.rawValue) \(name) must not use \(used)")
            }
            let stranger = below.floor == .rules && below.wing != wing && floor != .program
            guard !stranger else {
                fatalError("\(name) (wing \(wing)) must not use \(used) (wing \(below.wing))")
            }
        }
    }
}
