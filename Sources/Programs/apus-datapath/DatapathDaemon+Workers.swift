// Workers that come into use and go out of it while packets flow, and ports that go from one to
// another.
//
//     order ──> more workers? make them ──> each its processor ──> who receives what (OrderDesk)
//                                                                     │ receivePort
//                 same number of rings: they go from hand to hand <───┤
//                 another number: closed, and opened anew (PortCrew) <┘
//
// All of it happens in the thread of orders, with the workers that it touches stopped.

import Daemon
import DatapathMessages
import Forwarding
import Glibc
import Logging
import PacketPorts
import Timekeeping

/// A port whose rings are being made anew.
struct Reopening {
    var number: UInt32
    var name: String
    /// The port is gone meanwhile: what was made is closed again.
    var isAbandoned = false
    /// A port with the same interface, which is opened when that is done.
    var next: Vport?
}

extension DatapathDaemon {
    // MARK: How many, and where

    func setWorkers(_ plan: WorkerPlan, for caller: DeskCaller) {
        let count = plan.processors.isEmpty ? standardCount : plan.processors.count
        if let refusal = self.refusal(of: plan) ?? growth(to: count) {
            confine(workers.used, to: presentPlan)
            let effects = desk.workersRefused(errno: EINVAL, text: refusal, for: caller)
            for effect in effects { carryOut(effect) }
            return
        }
        presentPlan = plan
        workers.inUse = count
        confine(workers.all, to: plan)
        logger.info("\(Self.describe(plan, count))")
        let effects = desk.workersSet(
            plan, count: count, for: caller, now: MonotonicClock.now(), team)
        for effect in effects { carryOut(effect) }
    }

    private static func describe(_ plan: WorkerPlan, _ count: Int) -> String {
        guard !plan.processors.isEmpty else { return "workers: \(count), on any processor" }
        let list = plan.processors.map { "\($0)" }.joined(separator: ", ")
        return "workers: \(count), on processors \(list)"
    }

    /// Tries each processor with this thread.
    private func refusal(of plan: WorkerPlan) -> String? {
        for processor in plan.processors where !workers.confine(0, to: Processors([processor])) {
            return "processor \(processor) is not there, or not allowed for \(Self.name)"
        }
        return nil
    }

    private func growth(to count: Int) -> String? {
        guard count > equippedCount else { return nil }
        do throws(GrowthError) {
            try workers.grow(to: count)
            team = workers.makeTeam()
            for number in team.with(0, { forwarder, _ in forwarder.portNumbers }) {
                try equip(equippedCount..<workers.count, with: number)
            }
            equippedCount = workers.count
            return nil
        } catch {
            team = workers.makeTeam()
            return "no more workers: \(error)"
        }
    }

    /// Gives workers what they need to send by a port.
    private func equip(_ new: Range<Int>, with number: UInt32) throws(GrowthError) {
        if let tap = workers.with(0, { $0.sharedTap(number) }) {
            for worker in new { workers.with(worker) { $0.add(number, tap: tap) } }
            return
        }
        // One that is being opened gets its senders when it is there.
        guard let interface = workers.with(0, { $0.interface(of: number) }),
            let state = workers.with(0, { $0.linkState(of: number) })
        else { return }
        for worker in new where workers.with(worker, { $0.interface(of: number) }) == nil {
            do throws(PortError) {
                let out = Moved(try OutPort(interface: interface))
                workers.with(worker) { $0.add(number, out: out, ring: nil) }
                workers.with(worker) {
                    $0.linkChanged(
                        index: interface.index, isRunning: state.isRunning, mtu: state.mtu,
                        now: MonotonicClock.now())
                }
                guard let shaping = desk.shaping(ofPort: number) else { continue }
                let shaped = Moved(try Reshaped(shaping, interface: interface))
                workers.with(worker) { $0.shape(number, shaped) }
            } catch { throw GrowthError("\(error)") }
        }
    }

    /// Puts each worker where the plan says; those that it says nothing of may run anywhere.
    private func confine(_ which: Range<Int>, to plan: WorkerPlan) {
        for worker in which {
            let isPlaced = worker < plan.processors.count
            let set = isPlaced ? Processors([plan.processors[worker]]) : anyProcessor
            if !workers.confine(worker, to: set) {
                logger.warning("worker \(worker) stays where it is: the kernel refuses")
            }
        }
    }

    // MARK: Who receives by a port

    /// These workers receive by a port from now on, the first of them by its first queue.
    func receive(_ number: UInt32, by receivers: [Int]) {
        guard workers.with(0, { $0.interface(of: number) }) != nil else {
            for worker in workers.all { workers.with(worker) { $0.unwatch(number) } }
            watch(number, by: receivers[0])
            return
        }
        let holders = workers.all.filter { worker in workers.with(worker) { $0.hasRing(number) } }
        guard holders.count == receivers.count else {
            reopen(number)
            return
        }
        let rings = holders.compactMap { worker in
            workers.with(worker) { held in
                held.unwatch(number)
                return held.takeRing(number)
            }
        }
        for (worker, ring) in zip(receivers, rings) {
            workers.with(worker) { $0.receive(number, by: ring) }
            watch(number, by: worker)
        }
    }

    private func watch(_ number: UInt32, by worker: Int) {
        guard let refusal = workers.with(worker, { $0.watch(number) }) else { return }
        logger.warning("port \(number) is not received any more; remove and add it: \(refusal)")
    }

    /// Makes a port's rings anew, as many as it has receivers.
    private func reopen(_ number: UInt32) {
        guard let name = desk.name(ofPort: number), let port = release(number) else { return }
        crew.close(port, for: nil)
        lastReopening += 1
        reopenings[lastReopening] = Reopening(number: number, name: name)
        crew.reopen(
            name, turn: lastReopening, express: workers.express?.hooks,
            workerCount: workers.count,
            receiverCount: desk.homes.receivers(ofPort: number).count)
    }

    /// - Returns: Whether a port's rings are being made anew. Then it is closed when they are.
    func abandonReopening(of number: UInt32) -> Bool {
        let turns = reopenings.filter { $0.value.number == number && !$0.value.isAbandoned }
        for turn in turns.keys { reopenings[turn]?.isAbandoned = true }
        return !turns.isEmpty
    }

    /// - Returns: Whether this port waits until the interface is let go by one that had it before.
    func waits(_ port: Vport) -> Bool {
        guard
            let turn = reopenings.first(where: {
                $0.value.name == port.name && $0.value.isAbandoned
            })?.key
        else { return false }
        reopenings[turn]?.next = port
        return true
    }

    func reopened(_ turn: UInt64, _ result: Result<OpenPort, PortError>) {
        guard let reopening = reopenings.removeValue(forKey: turn) else { return }
        switch result {
        case .success(let port) where reopening.isAbandoned: crew.close(port, for: nil)
        case .success(let port):
            adopt(port, number: reopening.number)
            reshape(reopening.number)
        case .failure(let error) where !reopening.isAbandoned:
            let name = reopening.name
            logger.warning("\(name) cannot be opened anew (remove and add it): \(error)")
        case .failure: break
        }
        if let next = reopening.next { open(next) }
    }

    /// A port that was opened anew sends as it was told to.
    private func reshape(_ number: UInt32) {
        guard let shaping = desk.shaping(ofPort: number), let refusal = shape(number, shaping)
        else { return }
        logger.warning("port \(number) is not shaped any more: \(refusal.text)")
    }
}
