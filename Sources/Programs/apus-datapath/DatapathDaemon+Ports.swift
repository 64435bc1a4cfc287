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
        case .netdev: crew.open(port.name, number: number, express: worker.ports.expressHooks)
        case .internal:
            do throws(PortError) {
                opened(number, index: try worker.ports.openTap(port.name, number: number))
            } catch { refused(number, error) }
        }
    }

    func close(_ number: UInt32, for caller: DeskCaller?) {
        unwatch(number)
        logger.info("port \(number) closed")
        if let port = worker.ports.release(number) {
            crew.close(port, for: caller)
        } else {
            for effect in worker.desk.portClosed(caller) { carryOut(effect) }
        }
    }

    private func unwatch(_ number: UInt32) {
        for descriptor in worker.ports.descriptors(of: number) { readySet.remove(descriptor) }
    }

    private func opened(_ number: UInt32, index: Int32) {
        do throws(PortError) {
            for descriptor in worker.ports.descriptors(of: number) {
                try readySet.add(descriptor, port: number)
            }
        } catch {
            refused(number, error)
            return
        }
        let effects = worker.opened(number, interfaceIndex: UInt32(bitPattern: index))
        logger.info("port \(number): \(worker.name(ofPort: number))")
        for effect in effects { carryOut(effect) }
    }

    private func adopt(_ port: Moved<RingPort>, number: UInt32) {
        let name = unsafe port.pointer.pointee.ring.interface.name
        let index = worker.ports.adopt(port, number: number)
        opened(number, index: index)
        // What changed while it was being opened was not heard.
        do throws(PortError) {
            let facts = try InterfaceFacts(name: name)
            guard facts.index == index else { return }
            worker.linkChanged(
                index: Int(index), isRunning: facts.isRunning, mtu: facts.mtu,
                now: MonotonicClock.now())
        } catch {
            logger.info("port \(number) lost its interface while it was opened: \(error)")
        }
    }

    private func refused(_ number: UInt32, _ error: PortError) {
        unwatch(number)
        if let port = worker.ports.release(number) { crew.close(port, for: nil) }
        let code = error.errorNumber == 0 ? EINVAL : error.errorNumber
        for effect in worker.refused(number, errno: code, text: "\(error)") { carryOut(effect) }
    }

    /// Takes in what was done elsewhere.
    func takeReports() {
        for report in crew.takeReports() {
            switch report {
            case .opened(let number, let port): adopt(port, number: number)
            case .refused(let number, let error): refused(number, error)
            case .closed(let caller):
                for effect in worker.desk.portClosed(caller) { carryOut(effect) }
            case .madeBlocks(let number, let index, let blocks):
                add(blocks, to: number, index: index)
            case .noBlocks(let number, let error):
                logger.warning("port \(number) goes on with its short ring: \(error)")
                worker.ports.refuseBlocks(of: number)
            case .droppedBlocks: break
            }
        }
    }

    /// Ports that are left to the kernel to close, it closes one after the other.
    func closeAllPorts() {
        var openCount = 0
        for number in worker.forwarder.portNumbers {
            unwatch(number)
            guard let port = worker.ports.release(number) else { continue }
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

    // MARK: Rings of blocks

    func makeBlocksIfWanted(by number: UInt32) {
        guard let plan = worker.ports.takePlan(of: number),
            let index = worker.ports.interfaceIndex(of: number)
        else { return }
        crew.makeBlocks(plan, number: number, index: index)
    }

    private func add(_ blocks: Moved<BlockRing>, to number: UInt32, index: Int32) {
        if let unwanted = worker.ports.add(blocks, to: number, index: index) {
            crew.drop(unwanted)
            return
        }
        guard let descriptor = worker.ports.descriptors(of: number).last else { return }
        do throws(PortError) {
            try readySet.add(descriptor, port: number)
        } catch {
            // It is read whenever the other ring has something.
            logger.warning("port \(number): \(error)")
        }
    }

    func dropIdleBlocks(of number: UInt32) {
        let descriptors = worker.ports.descriptors(of: number)
        guard let blocks = worker.ports.releaseIdleBlocks(of: number) else { return }
        if let descriptor = descriptors.last { readySet.remove(descriptor) }
        crew.drop(blocks)
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
                    worker.linkChanged(index: index, isRunning: false, mtu: nil, now: turn.now)
                case .eventsLost:
                    for link in try LinkTable().links() { note(link, now: turn.now) }
                }
            }
        } catch {
            logger.warning("changes of interfaces cannot be read: \(error)")
        }
    }

    private func note(_ link: Link, now: Instant) {
        worker.linkChanged(
            index: link.index, isRunning: link.isUp && link.hasCarrier, mtu: link.mtu, now: now)
    }
}
