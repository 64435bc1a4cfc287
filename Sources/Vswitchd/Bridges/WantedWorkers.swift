internal import DatabaseProtocol
internal import DatabaseReplica
internal import DatapathMessages
internal import Flows

// Workers of the datapath as rows ask for them, by the keys that Open vSwitch has for its threads
// (ovs-vswitchd.conf.db(5)):
//
//     Open_vSwitch  other_config:pmd-cpu-mask       a worker on each of these processors
//     Open_vSwitch  other_config:pmd-rxq-isolate    whether who is chosen by name has others too
//     Open_vSwitch  other_config:pmd-rxq-assign     how the others are shared out
//     Interface     options:n_rxq                   so many workers receive by it
//     Interface     other_config:pmd-rxq-affinity   and by which processors
//
// What cannot be read is told in the log, and what was in force stays so.

/// What the root row asks for.
struct WantedWorkers: Hashable, Sendable {
    /// nil: it cannot be read.
    var plan: WorkerPlan? = WorkerPlan()
    /// As the row has it.
    var mask: String?
    /// What is wrong, each with a remedy.
    var complaints: [String] = []
}

/// What a row of Interface asks for.
struct WantedReceiving: Hashable, Sendable {
    /// nil: it cannot be read.
    var receiving: PortReceiving? = PortReceiving()
    var complaints: [String] = []
}

extension WantedWorkers {
    init(_ config: ColumnMap<String, String>) {
        var isolates = true
        switch config["pmd-rxq-isolate"] {
        case nil, "true": break
        case "false": isolates = false
        case .some(let text):
            complaints.append("other_config:pmd-rxq-isolate=\(text): it is true or false")
        }
        switch config["pmd-rxq-assign"] {
        case nil, "roundrobin": break
        case "cycles", "group":
            complaints.append(
                "other_config:pmd-rxq-assign=\(config["pmd-rxq-assign"] ?? ""): what a port costs "
                    + "is not measured; ports are shared out by their number, as roundrobin says")
        case .some(let text):
            complaints.append(
                "other_config:pmd-rxq-assign=\(text) is not known; ports are shared out by their "
                    + "number (set it to roundrobin)")
        }
        plan = WorkerPlan(isolates: isolates)
        mask = config["pmd-cpu-mask"]
        guard let mask else { return }
        do throws(UnreadableSetting) {
            plan?.processors = try Self.processors(mask)
        } catch {
            plan = nil
            complaints.append(
                "other_config:pmd-cpu-mask=\(mask) is not used, workers stay as they are: "
                    + "\(error.text)")
        }
    }

    /// Bits of a hexadecimal number, with or without "0x".
    static func processors(_ mask: String) throws(UnreadableSetting) -> [UInt32] {
        let digits = mask.hasPrefix("0x") || mask.hasPrefix("0X") ? mask.dropFirst(2) : mask[...]
        var processors: [UInt32] = []
        for (place, digit) in digits.reversed().enumerated() {
            guard let value = digit.isASCII ? digit.hexDigitValue : nil else {
                throw UnreadableSetting("it is a hexadecimal number, for example 0x6")
            }
            for bit in 0..<4 where value >> bit & 1 == 1 {
                let processor = place * 4 + bit
                guard processor <= WorkerPlan.processorMax else {
                    throw UnreadableSetting(
                        "processors go up to \(WorkerPlan.processorMax)")
                }
                processors.append(UInt32(processor))
            }
        }
        guard !processors.isEmpty else {
            throw UnreadableSetting("it names no processor; remove it to have the standard number")
        }
        guard processors.count <= WorkerPlan.processorCountMax else {
            throw UnreadableSetting(
                "at most \(WorkerPlan.processorCountMax) processors can have a worker")
        }
        return processors
    }
}

extension WantedReceiving {
    init(
        queueCount: String?, affinity: String?
    ) {
        if let queueCount {
            let most = WorkerPlan.processorCountMax
            if let count = UInt32(queueCount), (1...UInt32(most)).contains(count) {
                receiving?.queueCount = count
            } else {
                receiving = nil
                complaints.append(
                    "options:n_rxq=\(queueCount) is not used, its queues stay as they are: it is "
                        + "1 to \(most)")
            }
        }
        guard let affinity else { return }
        guard let affinities = Self.affinities(affinity) else {
            receiving = nil
            complaints.append(
                "other_config:pmd-rxq-affinity=\(affinity) is not used, its workers stay as they "
                    + "are: it is queue:processor,queue:processor, for example 0:1,1:2")
            return
        }
        let most = receiving?.queueCount ?? 1
        for queue in affinities.map(\.queue) where queue >= most {
            complaints.append(
                "other_config:pmd-rxq-affinity=\(affinity): there is no queue \(queue) (set "
                    + "options:n_rxq to more)")
        }
        receiving?.affinities = affinities.filter { $0.queue < most }
    }

    /// nil if it is no list of pairs of numbers.
    private static func affinities(_ text: String) -> [PortReceiving.Affinity]? {
        var pairs: [UInt32: UInt32] = [:]
        for pair in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let numbers = pair.split(separator: ":", omittingEmptySubsequences: false)
                .map { UInt32($0) }
            guard numbers.count == 2, let queue = numbers[0], let processor = numbers[1],
                processor <= WorkerPlan.processorMax, pairs[queue] == nil
            else { return nil }
            pairs[queue] = processor
        }
        return pairs.sorted { $0.key < $1.key }
            .map { PortReceiving.Affinity(queue: $0.key, processor: $0.value) }
    }
}

/// Why a value is not used.
struct UnreadableSetting: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

extension Vswitch {
    /// Tells the datapath of workers and receivers that it does not have yet.
    ///
    /// - Parameter only: An interface that is looked at alone.
    mutating func orderWorkers(only: String? = nil) {
        guard datapath.isOpen, datapath.knowsPorts else { return }
        let mustForget = orderPlan()
        let mustForgetMore = orderReceivers(only: only)
        if only == nil { complainAboutWorkers() }
        guard mustForget || mustForgetMore else { return }
        // Flows stand where packets come: the datapath has let all of them go.
        ledger.removeAll()
        order(.flushFlows, .execute)
    }

    /// - Returns: Whether flows are gone that we know of.
    private mutating func orderPlan() -> Bool {
        guard let plan = wanted.workers.plan, plan != datapath.plan else { return false }
        let isFirst = datapath.plan == nil
        datapath.plan = plan
        guard !datapath.nature.isKernelModule else { return false }
        order(.setWorkers(plan), .setWorkers)
        return !isFirst
    }

    private mutating func orderReceivers(only: String?) -> Bool {
        guard !datapath.nature.isKernelModule else { return false }
        var mustForget = false
        for interface in wanted.bridges.flatMap(\.ports).flatMap(\.interfaces)
        where only == nil || only == interface.name {
            let name = interface.name
            guard let number = vports.byName[name]?.number,
                let receiving = interface.receiving.receiving, receiving != vports.receiving[name]
            else { continue }
            mustForget = mustForget || vports.receiving[name] != nil
            vports.receiving[name] = receiving
            order(.setReceiving(port: number, receiving), .setReceiving(name: name))
        }
        return mustForget
    }

    /// Once for each thing that is wrong, until it is right or the datapath is another one.
    private mutating func complainAboutWorkers() {
        var complaints = wanted.workers.complaints
        if datapath.nature.isKernelModule, wanted.workers.plan != WorkerPlan() {
            complaints.append(
                "other_config:pmd-cpu-mask: openvswitch.ko has no workers; bridges with "
                    + "datapath_type=netdev do")
        }
        let processors = datapath.plan?.processors ?? []
        for interface in wanted.bridges.flatMap(\.ports).flatMap(\.interfaces) {
            let receiving = interface.receiving
            complaints += receiving.complaints.map { "interface \(interface.name): \($0)" }
            for affinity in receiving.receiving?.affinities ?? []
            where !processors.contains(affinity.processor) {
                complaints.append(
                    "interface \(interface.name): other_config:pmd-rxq-affinity names processor "
                        + "\(affinity.processor), which has no worker; another one receives (add "
                        + "it to other_config:pmd-cpu-mask)")
            }
        }
        for complaint in complaints where !datapath.workerComplaints.contains(complaint) {
            log(.warning, "dpif", complaint)
        }
        datapath.workerComplaints = Set(complaints)
    }
}
