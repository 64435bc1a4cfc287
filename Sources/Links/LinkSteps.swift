// A step of a plan as the calls it takes.

public import LinkValues

extension LinkStep {
    /// Carries the step out, in its namespace.
    ///
    /// - Throws: What the kernel said; then nothing of this step is done.
    public func perform() throws(LinkError) {
        try NetworkNamespace.enter(namespace) { () throws(LinkError) in
            let table = try LinkTable()
            try table.perform(action)
        }
    }
}

extension LinkTable {
    fileprivate func perform(_ action: LinkStep.Action) throws(LinkError) {
        switch action {
        case .add(let order): try add(order)
        case .delete(let name): try delete(name)
        case .up(let name, let isUp): try set(name, up: isUp)
        case .mtu(let name, let mtu): try set(name, mtu: mtu)
        case .address(let name, let address): try set(name, address: address)
        case .rename(let name, let other): try rename(name, to: other)
        case .alias(let name, let alias): try set(name, alias: alias)
        case .master(let name, let master): try set(name, master: master)
        case .bond(let name, let settings): try set(name, bond: settings)
        case .namespace(let name, let namespace): try set(name, namespace: namespace)
        case .addAddress(let name, let address): try add(address, to: name)
        case .removeAddress(let name, let address): try remove(address, from: name)
        case .offload(let name, let offload, let isOn): try set(name, offload, on: isOn)
        }
    }
}
