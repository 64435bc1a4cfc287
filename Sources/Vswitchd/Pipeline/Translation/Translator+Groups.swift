import Flows
import OpenFlow

// Groups: through all buckets, or through one of them.

extension Translator {
    mutating func send(toGroup number: UInt32) {
        guard let here = model.bridge(bridge), let group = here.tables.groups[number] else {
            drop(.invalidAction, "there is no group \(number)")
            return
        }
        guard depth < Limits.nesting, backwardDepth < Limits.resubmitDepth else {
            fail(.resubmitTooDeep, "groups nest too deep")
            return
        }
        switch group.type {
        case .all:
            note(.useGroup(bridge: bridge, group: number, bucket: nil))
            for bucket in group.buckets { run(bucket, of: group) }
        case .indirect, .fastFailover:
            note(.useGroup(bridge: bridge, group: number, bucket: nil))
            guard let bucket = group.buckets.first(where: { here.isAlive($0) }) else {
                drop(.portDisabled, "no bucket of group \(number) lives")
                return
            }
            run(bucket, of: group)
        case .select: select(from: group, here)
        }
    }

    private mutating func select(from group: Group, _ here: ForwardingBridge) {
        let hash: UInt32
        switch SelectionMethod(group.selection) {
        case .datapathHash:
            let request = Continuation.HashRequest(
                algorithm: .layer4, basis: UInt32(truncatingIfNeeded: group.selection.parameter))
            guard availableHash == request else {
                interrupt(
                    .recirculation, hash: request,
                    first: isInActionSet
                        ? .actionSet([.group(group.number)])
                        : .actions([.group(group.number)], place))
                return
            }
            mask.packet.dpHash |= UInt32(clamping: max(group.map.count, 1) - 1)
            hash = key.packet.dpHash
        case .fields(let fields):
            let basis = UInt32(truncatingIfNeeded: group.selection.parameter)
            hash =
                fields.isEmpty
                ? self.hash(.symmetricL4, basis: basis) : self.hash(selected: fields, basis)
        }
        note(.useGroup(bridge: bridge, group: group.number, bucket: nil))
        // From the hash's own place on, the first that lives: the others keep their packets.
        for step in 0..<UInt32(group.map.count) {
            let place = Int((hash &+ step) & UInt32(group.map.count - 1))
            let bucket = group.buckets[Int(group.map[place])]
            guard here.isAlive(bucket) else { continue }
            run(bucket, of: group)
            return
        }
        drop(.portDisabled, "no bucket of group \(group.number) lives")
    }

    private mutating func hash(selected fields: [SelectedField], _ basis: UInt32) -> UInt32 {
        var mix = FieldHash(basis)
        for selected in fields where has(selected.field) {
            selected.field.write(.ones(128), mask: selected.mask, into: &mask)
            mix.add(selected.field.read(key).bits & selected.mask.bits)
        }
        return mix.finished
    }

    /// Carries a bucket's actions out as an action set, on a copy of the packet.
    private mutating func run(_ bucket: Bucket, of group: Group) {
        guard failure == nil else { return }
        note(.useGroup(bridge: bridge, group: group.number, bucket: bucket.id))
        if witness.isListening {
            witness.noted("bucket \(bucket.id ?? 0) of group \(group.number)", depth: depth)
        }
        let actions = bucket.actions.inActionSetOrder
        guard !actions.isEmpty else {
            drop(.actionsWithoutOutput, "the bucket sends nowhere")
            return
        }
        let cannotBeUndone = actions.contains {
            switch $0 {
            case .meter, .pushMPLS, .popMPLS, .outputTruncated: true
            default: false
            }
        }
        onCopy(inDatapath: cannotBeUndone) {
            $0.actionSet = []
            ($0.isInGroup, $0.isInActionSet) = (true, false)
            $0.descend(isBackward: true) { $0.run(actions) }
            if $0.interrupted != nil { $0.conclude() }
        }
        hasExited = false
    }
}

extension ForwardingBridge {
    /// Whether what a bucket watches lives; one that watches nothing always does.
    func isAlive(_ bucket: Bucket, depth: Int = 0) -> Bool {
        if bucket.watchPort == nil, bucket.watchGroup == nil { return true }
        if let port = bucket.watchPort, isAlive(port) { return true }
        // A chain of groups that watch each other has an end: `GroupTable` sees to it.
        guard let number = bucket.watchGroup, depth < Limits.resubmitDepth,
            let group = tables.groups[number]
        else { return false }
        return group.buckets.contains { isAlive($0, depth: depth + 1) }
    }
}
