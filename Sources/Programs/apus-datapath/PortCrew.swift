// Where devices are opened and closed: on threads beside the one that forwards.
//
//     order ──> errand ──> a thread: rings, sockets, programs ──> report ──> the forwarding thread
//
// To open a port the kernel waits for some quiet moments of all processors, 10 to 20 ms each, and
// to close it for some more. In the thread that forwards, every other port would stand still as
// long; one after the other, a thousand ports would take a minute. Errands for one interface are
// done in their order.

import Daemon
import Forwarding
import PacketPorts

/// A value on its way between threads, which one of them has at a time.
@safe
struct Moved<Value: ~Copyable>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Value>

    init(_ value: consuming Value) {
        // Freed in `take` or by who destroys it.
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: value)
    }

    init(pointer: UnsafeMutablePointer<Value>) { unsafe self.pointer = pointer }

    /// Ends the journey; once.
    func take() -> Value {
        let value = unsafe pointer.move()
        unsafe pointer.deallocate()
        return value
    }
}

/// What became of an errand.
enum CrewReport: Sendable {
    case opened(number: UInt32, OpenPort)
    case refused(number: UInt32, PortError)
    case reopened(turn: UInt64, Result<OpenPort, PortError>)
    case closed(DeskCaller?)
    /// `index`: of the interface that the ring was made for.
    case madeBlocks(number: UInt32, index: Int32, Moved<BlockRing>)
    case noBlocks(number: UInt32, PortError)
    case droppedBlocks
}

/// Opens and closes ports elsewhere. Errands may be given by any thread; one takes the reports.
struct PortCrew {
    /// Errands that are under way at once. They wait for the kernel and compute nothing.
    private static let threadCount = 16
    /// Each port number has at most one of each kind of errand under way.
    private static let reportCountMax = 4 * 65_536

    private let crew = Crew<CrewReport>(
        threadCount: threadCount, capacity: reportCountMax)
    private let budget = RingBudget.ofThisMachine()

    /// Readable while reports wait.
    var descriptor: Int32 { crew.descriptor }

    func takeReports() -> [CrewReport] { crew.take() }

    /// - Parameters:
    ///   - workerCount: How many are to send by the port.
    ///   - receiverCount: How many are to receive by it.
    func open(
        _ name: String, number: UInt32, express: ExpressHooks?, workerCount: Int,
        receiverCount: Int
    ) {
        open(name, express, workerCount, receiverCount) { result in
            switch result {
            case .success(let port): .opened(number: number, port)
            case .failure(let error): .refused(number: number, error)
            }
        }
    }

    /// As `open`, after what has the interface now is closed.
    func reopen(
        _ name: String, turn: UInt64, express: ExpressHooks?, workerCount: Int, receiverCount: Int
    ) {
        open(name, express, workerCount, receiverCount) { .reopened(turn: turn, $0) }
    }

    private func open(
        _ name: String, _ express: ExpressHooks?, _ workerCount: Int, _ receiverCount: Int,
        reporting report: @escaping @Sendable (Result<OpenPort, PortError>) -> CrewReport
    ) {
        let budget = budget
        crew.post(key: name) {
            do throws(PortError) {
                let port = try OpenPort(
                    name: name, express: express, budget: budget, workerCount: workerCount,
                    receiverCount: receiverCount)
                return report(.success(port))
            } catch {
                return report(.failure(error))
            }
        }
    }

    func close(_ port: OpenPort, for caller: DeskCaller?) {
        crew.post(key: port.interface.name) {
            port.close()
            return .closed(caller)
        }
    }

    func makeBlocks(_ plan: BlockRingPlan, number: UInt32, index: Int32) {
        crew.post(key: plan.interfaceName) {
            do throws(PortError) {
                return .madeBlocks(number: number, index: index, Moved(try plan.make()))
            } catch {
                return .noBlocks(number: number, error)
            }
        }
    }

    func drop(_ blocks: Moved<BlockRing>) {
        crew.post(key: "") {
            _ = blocks.take()
            return .droppedBlocks
        }
    }
}
