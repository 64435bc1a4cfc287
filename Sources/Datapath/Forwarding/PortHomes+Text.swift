import DatapathMessages

// Who receives what, as `dpif-netdev/pmd-rxq-show` tells it.

extension OrderDesk {
    /// A section for each worker, with the ports that it receives by.
    ///
    /// - Parameter processors: What each worker in use runs on.
    public func receiversText(processors: [Int]) -> String {
        var text = ""
        for (worker, processor) in processors.enumerated() {
            text += "pmd thread numa_id 0 core_id \(processor):\n"
            text += "  isolated : \(homes.isolated.contains(worker))\n"
            for port in portsInOrder {
                let receivers = homes.receivers(ofPort: port.number ?? 0)
                guard let queue = receivers.firstIndex(of: worker) else { continue }
                let name = port.name + String(repeating: " ", count: max(0, 16 - port.name.count))
                text += "  port: \(name)  queue-id: \(queue < 10 ? " " : "")\(queue) (enabled)\n"
            }
        }
        return text
    }
}
