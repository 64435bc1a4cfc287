// On which processors the kernel receives an interface's frames (receive packet steering).
//
//     /sys/class/net/NAME/queues/rx-N/rps_cpus <── a bit for each processor
//     /proc/stat ──> how idle each processor was
//
// The setting belongs to whoever set it first: where an operator has chosen processors, theirs
// stay. What was set here is taken back when the port is closed; after a crash it stays, which
// costs something and breaks nothing.

internal import CLinuxPacket
internal import Glibc

/// The processors of one interface's frames. Owned by one thread.
public struct ReceiveSpreading: ~Copyable {
    /// Descriptors of the queues' settings, closed in deinit.
    private let queues: [CInt]

    /// Nothing is changed yet.
    ///
    /// - Throws: `.unsupported` where somebody else has chosen, or what the kernel said.
    public init(interface: InterfaceFacts) throws(PortError) {
        // sysfs may show another network namespace, with a stranger of the same name.
        guard Self.text(of: "/sys/class/net/\(interface.name)/ifindex") == "\(interface.index)\n"
        else { throw PortError(.unsupported, interface: interface.name, call: "read(ifindex)") }
        queues = try Self.open(interface)
    }

    /// The beginning of a small file; empty if it cannot be read.
    private static func text(of path: String) -> String {
        // Safe: a C string for the length of the call.
        let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var octets = [UInt8](repeating: 0, count: 16)
        // Safe: writes at most `octets.count` bytes into the array.
        let count = unsafe read(file, &octets, octets.count)
        return String(decoding: octets.prefix(max(count, 0)), as: UTF8.self)
    }

    private static func open(_ interface: InterfaceFacts) throws(PortError) -> [CInt] {
        var queues: [CInt] = []
        for number in 0..<PortLimits.receiveQueueCount {
            let path = "/sys/class/net/\(interface.name)/queues/rx-\(number)/rps_cpus"
            // Safe: a C string for the length of the call.
            let file = unsafe Glibc.open(path, O_RDWR | O_CLOEXEC)
            if file < 0 && number > 0 { break }
            guard file >= 0 else { throw PortError(interface: interface.name, call: "open(rps)") }
            queues.append(file)
        }
        guard queues.allSatisfy(isFree) else {
            for queue in queues { close(queue) }
            throw PortError(.unsupported, interface: interface.name, call: "read(rps_cpus)")
        }
        return queues
    }

    deinit {
        for queue in queues {
            Self.write("0", to: queue)
            close(queue)
        }
    }

    /// Frames are received on `processors` from now on; on whichever the kernel likes if there are
    /// none. Frames that are waiting elsewhere at this moment may be overtaken.
    public func choose(_ processors: [Int]) {
        let text = Self.mask(of: processors)
        for queue in queues { Self.write(text, to: queue) }
    }

    /// A bit for each processor as the kernel reads it: groups of 32 bits, the highest first.
    static func mask(of processors: [Int]) -> String {
        var groups: [UInt32] = [0]
        for processor in processors where processor >= 0 {
            while groups.count <= processor / 32 { groups.append(0) }
            groups[processor / 32] |= 1 << UInt32(processor % 32)
        }
        return groups.reversed().map { String($0, radix: 16) }.joined(separator: ",")
    }

    private static func isFree(_ file: CInt) -> Bool {
        var text = [UInt8](repeating: 0, count: 1024)
        // Safe: writes at most `text.count` bytes into the array.
        let count = unsafe pread(file, &text, text.count, 0)
        return count > 0 && text[..<count].allSatisfy { "0,\n".utf8.contains($0) }
    }

    private static func write(_ text: String, to file: CInt) {
        let octets = Array(text.utf8)
        // Safe: the array's own bytes. Refused by an interface that is gone: then nothing is left.
        _ = unsafe pwrite(file, octets, octets.count, 0)
    }
}

/// How idle processors are. Owned by one thread.
public struct ProcessorLoad: Sendable {
    private struct Times: Sendable {
        var idle: UInt64 = 0
        var all: UInt64 = 0
    }

    private var before: [Times] = []

    public init() {}

    /// How much of the time since the last call each processor had nothing to do, or only nice
    /// work, in percent, by number; since the machine's start at the first call. Empty if the
    /// kernel does not say.
    public mutating func idlePercent() -> [Int] {
        let now = Self.parse(Self.read())
        defer { before = now }
        return now.indices.map { index in
            let last = index < before.count ? before[index] : Times()
            let all = now[index].all &- last.all
            guard all > 0, all < 1 << 32 else { return 0 }
            return Int(min((now[index].idle &- last.idle) &* 100 / all, 100))
        }
    }

    /// The lines `cpuN user nice system idle iowait irq softirq steal guest guest_nice`.
    private static func parse(_ text: String) -> [Times] {
        var times: [Times] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let name = words.first, name.hasPrefix("cpu"), words.count > 8,
                let number = Int(name.dropFirst(3)), number < PortLimits.processorCount
            else { continue }
            while times.count <= number { times.append(Times()) }
            let numbers = words[1...8].compactMap { UInt64($0) }
            guard numbers.count == 8 else { continue }
            // Whoever is nice gives way to the kernel's work.
            times[number] = Times(
                idle: numbers[1] &+ numbers[3] &+ numbers[4], all: numbers.reduce(0) { $0 &+ $1 })
        }
        return times
    }

    private static func read() -> String {
        // Safe: a C string for the length of the call.
        let file = unsafe Glibc.open("/proc/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var octets = [UInt8](repeating: 0, count: PortLimits.processorCount * 128)
        // Safe: writes at most `octets.count` bytes into the array.
        let count = unsafe Glibc.read(file, &octets, octets.count)
        return String(decoding: octets.prefix(max(count, 0)), as: UTF8.self)
    }
}
