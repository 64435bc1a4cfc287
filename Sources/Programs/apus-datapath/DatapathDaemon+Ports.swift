// Ports that come and go, and what becomes of their interfaces meanwhile.

import Daemon
import DatapathMessages
import Forwarding
import Glibc
import LinkValues
import Links
import Logging
import PacketPorts
import Timekeeping

extension DatapathDaemon {
    /// How long the end waits for the kernel to close ports.
    private static let closingPatience = Duration.seconds(20)

    // MARK: Opening and closing

    func open(_ port: Vport) {
        let number = port.number ?? 0
        switch port.kind {
        case .netdev:
            guard !waits(port) else { return }
            crew.open(
                port.name, number: number, express: workers.express?.hooks,
                workerCount: workers.count,
                receiverCount: desk.homes.receivers(ofPort: number).count)
        case .internal:
            do throws(PortError) {
                let tap = try TapPort(name: port.name)
                let index = tap.interface.index
                let shared = Moved(tap)
                for worker in workers.all { workers.with(worker) { $0.add(number, tap: shared) } }
                opened(number, index: index)
            } catch { refused(number, error) }
        }
    }

    /// The worker that receives what comes by a port.
    private func home(of number: UInt32) -> Int { desk.homes.home(ofPort: number) }

    /// A tap is known to all, and read by one.
    private func isReceived(_ number: UInt32, by worker: Int) -> Bool {
        worker == home(of: number) || workers.with(0) { $0.interface(of: number) } != nil
    }

    func close(_ number: UInt32, for caller: DeskCaller?) {
        logger.info("port \(number) closed")
        if abandonReopening(of: number) {
            for effect in desk.portClosed(caller) { carryOut(effect) }
            return
        }
        if let port = release(number) {
            crew.close(port, for: caller)
        } else {
            for effect in desk.portClosed(caller) { carryOut(effect) }
        }
    }

    /// Takes a port away from all workers. A tap is closed; the others are to be closed elsewhere.
    func release(_ number: UInt32) -> OpenPort? {
        for worker in workers.all { workers.with(worker) { $0.unwatch(number) } }
        let interface = workers.with(0) { $0.interface(of: number) }
        var outs: [Moved<OutPort>] = []
        var rings: [Moved<RingPort>] = []
        var tap: Moved<TapPort>?
        for worker in workers.all {
            let (out, ring, itsTap) = workers.with(worker) { $0.remove(number) }
            if let out { outs.append(out) }
            if let ring { rings.append(ring) }
            tap = itsTap ?? tap
        }
        // Nobody has it any more.
        if let tap { _ = tap.take() }
        guard let interface else { return nil }
        return OpenPort(interface: interface, rings: rings, outs: outs)
    }

    private func opened(_ number: UInt32, index: Int32) {
        for worker in workers.all where isReceived(number, by: worker) {
            if let refusal = workers.with(worker, { $0.watch(number) }) {
                refused(number, refusal)
                return
            }
        }
        let effects = desk.portOpened(
            number: number, interfaceIndex: UInt32(bitPattern: index), team)
        logger.info("port \(number): \(desk.name(ofPort: number) ?? "")")
        for effect in effects { carryOut(effect) }
    }

    func adopt(_ opened: OpenPort, number: UInt32) {
        var port = opened
        let index = port.interface.index
        let receivers = desk.homes.receivers(ofPort: number)
        do throws(PortError) {
            // There may be more workers than when it was begun.
            while port.outs.count < workers.count {
                port.outs.append(Moved(try OutPort(interface: port.interface)))
            }
        } catch {
            crew.close(port, for: nil)
            refused(number, error)
            return
        }
        // Rings without a receiver go to the first worker that has none.
        let others = workers.all.filter { !receivers.contains($0) }
        var rings = [Moved<RingPort>?](repeating: nil, count: workers.count)
        for (worker, ring) in zip(receivers + others, port.rings) { rings[worker] = ring }
        for (worker, out) in port.outs.enumerated() {
            workers.with(worker) { $0.add(number, out: out, ring: rings[worker]) }
        }
        self.opened(number, index: index)
        // There may be other receivers than when it was begun.
        if port.isSteered, port.rings.count != receivers.count {
            receive(number, by: receivers)
        }
        // What changed while it was being opened was not heard.
        do throws(PortError) {
            let facts = try InterfaceFacts(name: port.interface.name)
            guard facts.index == index else { return }
            linkChanged(index, isRunning: facts.isRunning, mtu: facts.mtu, MonotonicClock.now())
        } catch {
            logger.info("port \(number) lost its interface while it was opened: \(error)")
        }
    }

    private func refused(_ number: UInt32, _ error: PortError) {
        if let port = release(number) { crew.close(port, for: nil) }
        let code = error.errorNumber == 0 ? EINVAL : error.errorNumber
        let effects = desk.portRefused(number: number, errno: code, text: "\(error)", team)
        for effect in effects { carryOut(effect) }
    }

    /// Takes in what was done elsewhere.
    func takeReports() {
        for report in crew.takeReports() {
            switch report {
            case .opened(let number, let port): adopt(port, number: number)
            case .reopened(let turn, let result): reopened(turn, result)
            case .refused(let number, let error): refused(number, error)
            case .closed(let caller):
                for effect in desk.portClosed(caller) { carryOut(effect) }
            case .madeBlocks(let number, let index, let blocks):
                workers.with(home(of: number)) { $0.add(blocks, to: number, index: index) }
            case .noBlocks(let number, let error):
                logger.warning("port \(number) goes on with its short ring: \(error)")
                workers.with(home(of: number)) { $0.refuseBlocks(of: number) }
            case .droppedBlocks: break
            }
        }
    }

    /// Ports that are left to the kernel to close, it closes one after the other.
    func closeAllPorts() {
        var openCount = 0
        for number in team.with(0, { forwarder, _ in forwarder.portNumbers }) {
            guard let port = release(number) else { continue }
            crew.close(port, for: nil)
            openCount += 1
        }
        let end = MonotonicClock.now() + Self.closingPatience
        while openCount > 0 {
            let left = end.since(MonotonicClock.now()).nanosecondsClamped / 1_000_000
            guard left > 0 else { return }
            var waited = pollfd(fd: crew.descriptor, events: Int16(POLLIN), revents: 0)
            // Safe: `waited` lives through the call.
            _ = unsafe poll(&waited, 1, Int32(clamping: left))
            for case .closed in crew.takeReports() { openCount -= 1 }
        }
    }

    // MARK: Links

    /// A port whose interface goes down, or takes smaller frames, loses its express flows: the
    /// kernel would go on sending to it and count what is lost as sent.
    func readLinks(_ turn: Turn<Message>) {
        guard turn.readable.contains(links.descriptor) else { return }
        do throws(LinkError) {
            for event in try links.events() {
                switch event {
                case .present(let link): note(link, now: turn.now)
                case .removed(let index, _):
                    linkChanged(Int32(clamping: index), isRunning: false, mtu: nil, turn.now)
                case .eventsLost:
                    for link in try LinkTable().links() { note(link, now: turn.now) }
                }
            }
        } catch {
            logger.warning("changes of interfaces cannot be read: \(error)")
        }
    }

    private func note(_ link: Link, now: Instant) {
        linkChanged(
            Int32(clamping: link.index), isRunning: link.isUp && link.hasCarrier, mtu: link.mtu,
            now)
    }

    private func linkChanged(_ index: Int32, isRunning: Bool, mtu: Int?, _ now: Instant) {
        // Most are no port's: no worker is stopped for those.
        guard workers.first.hasInterface(index: index) else { return }
        for worker in workers.all {
            workers.with(worker) {
                $0.linkChanged(index: index, isRunning: isRunning, mtu: mtu, now: now)
            }
        }
    }
}
