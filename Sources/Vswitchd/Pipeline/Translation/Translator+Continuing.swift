import Flows
import OpenFlow
import Packets

// Cutting a translation in two, and going on with the second half.
//
// When an action needs what is not known yet, it calls `interrupt`. From then on nothing is carried
// out: every list and table on the way out adds what it had left to do to `interrupted`, innermost
// first. Where the packet's journey through this bridge (or a bucket, or a clone) ends, `conclude`
// turns that into a recirculation, or into the two branches of a comparison.

/// A translation on its way out.
struct Interruption {
    var continuation: Continuation
    var cause: Cause

    enum Cause {
        /// The datapath looks the packet up again, with its hash if one is asked for.
        case recirculation
        /// The datapath compares the packet's length; both outcomes are translated.
        case length(byteCount: UInt16, FieldRange)
        /// A controller is told of the packet, and says when it goes on.
        case pause(ControllerAction)
    }
}

extension Translator {
    var place: Continuation.Place {
        Continuation.Place(
            table: table, ruleCookie: ruleCookie, isTableMiss: isTableMiss, rule: ruleID)
    }

    mutating func interrupt(
        _ cause: Interruption.Cause, hash: Continuation.HashRequest? = nil,
        first: Continuation.Step? = nil
    ) {
        let notes = (FlowKey.wordCount..<PipelineKey.wordCount).map { key[word: $0] }
        interrupted = Interruption(
            continuation: Continuation(
                bridge: bridge, inPort: inPort, notes: notes, actionSet: actionSet, stack: stack,
                steps: first.map { [$0] } ?? [], hash: hash, servedMirrors: servedMirrors),
            cause: cause)
    }

    /// Adds what a list has left to do.
    mutating func leave(_ rest: ArraySlice<Action>) {
        guard !rest.isEmpty else { return }
        let step =
            isInActionSet
            ? Continuation.Step.actionSet(Array(rest)) : .actions(Array(rest), place)
        interrupted?.continuation.steps.append(step)
    }

    /// Ends a journey: carries out the action set, or puts aside what was interrupted.
    mutating func conclude() {
        if interrupted == nil { runActionSet() }
        while let interruption = interrupted {
            interrupted = nil
            finish(interruption)
        }
        hasExited = false
    }

    private mutating func finish(_ interruption: Interruption) {
        guard failure == nil else { return }
        commitEdits()
        switch interruption.cause {
        case .recirculation:
            let continuation = interruption.continuation
            guard let id = id(for: continuation) else {
                fail(.recirculationLimit, "\(Limits.continuations) packets are to come back")
                return
            }
            if let hash = continuation.hash { append(.hash(hash.algorithm, basis: hash.basis)) }
            if witness.isListening {
                witness.noted("the datapath looks it up again, recirc_id(\(id))", depth: depth)
            }
            append(.recirculate(id: id))
            outputCount += 1
            effects.append(.continueLater(id: id, continuation))
        case .pause(let controller):
            var continuation = interruption.continuation
            continuation.awaitsController = true
            guard let id = id(for: continuation) else {
                fail(.recirculationLimit, "\(Limits.continuations) packets are to come back")
                return
            }
            sendToController(controller, continuation: id)
            effects.append(.continueLater(id: id, continuation))
        case .length(let byteCount, let bit):
            let longer = branch(interruption.continuation, bit, 1)
            let shorter = branch(interruption.continuation, bit, 0)
            append(.checkLength(byteCount: byteCount, ifGreater: longer, otherwise: shorter))
        }
    }

    /// One id for equal continuations, also for two of this translation: a second one would make
    /// the next translation of the same packet differ from this.
    private mutating func id(for continuation: Continuation) -> UInt32? {
        if let known = newContinuations.first(where: { $0.continuation == continuation }) {
            return known.id
        }
        let taken = newContinuations.map(\.id)
        guard let id = model.continuations.id(for: continuation, besides: taken) else { return nil }
        newContinuations.append((id, continuation))
        return id
    }

    /// The actions of one outcome.
    private mutating func branch(
        _ continuation: Continuation, _ bit: FieldRange, _ value: UInt64
    ) -> [DatapathAction] {
        guard nestedLists < Limits.nestedLists else {
            fail(.actionLimit, "lists of actions nest too deep")
            return []
        }
        let before = (key, sent, hasPoppedLabels, actions)
        nestedLists += 1
        actions = []
        if let write = Action.load(bit, FieldValue(low: value)).fieldWrite {
            self.write(write.field, write.value, mask: write.mask)
        }
        let notes = (FlowKey.wordCount..<PipelineKey.wordCount).map { key[word: $0] }
        var continuation = continuation
        continuation.notes = notes
        carryOn(continuation)
        nestedLists -= 1
        let branch = actions
        (key, sent, hasPoppedLabels, actions) = before
        return branch
    }

    /// Does what was left, to its end.
    mutating func carryOn(_ continuation: Continuation) {
        bridge = continuation.bridge
        for (index, word) in continuation.notes.enumerated() {
            key[word: FlowKey.wordCount + index] = word
        }
        key.packet.inPort = UInt32(continuation.inPort.rawValue)
        actionSet = continuation.actionSet
        stack = continuation.stack
        servedMirrors = continuation.servedMirrors
        var ended: Continuation.Place?
        for (index, step) in continuation.steps.enumerated() {
            guard !hasStopped else { break }
            // A rule that ended early (the packet's time is over) leaves out what else it has.
            if case .instructions(_, let place) = step, place == ended { continue }
            if case .actions(_, let place) = step { ended = place }
            if run(step) { ended = nil }
            guard interrupted != nil else { continue }
            interrupted?.continuation.steps += continuation.steps[(index + 1)...]
            break
        }
        conclude()
    }

    /// Returns false if the rest of the rule is not to be carried out.
    private mutating func run(_ step: Continuation.Step) -> Bool {
        switch step {
        case .actions(let list, let place):
            stand(at: place)
            return run(list)
        case .instructions(let instructions, let place):
            stand(at: place)
            guard let next = run(instructions), !hasStopped else { break }
            runTable(next, lookupPort: inPort, sendsMissToController: true)
        case .search(let table, let port, let sendsMiss):
            runTable(table, lookupPort: port, sendsMissToController: sendsMiss)
        case .actionSet(let list):
            ruleCookie = .max
            isInActionSet = true
            run(list)
            isInActionSet = false
        }
        return true
    }

    mutating func stand(at place: Continuation.Place) {
        (table, ruleCookie) = (place.table, place.ruleCookie)
        (isTableMiss, ruleID) = (place.isTableMiss, place.rule)
    }

    /// A controller lets the packet of `continuation` go on, with `told` in place of what the
    /// tables had noted.
    mutating func resume(_ continuation: Continuation, told: Match) {
        guard let here = model.bridge(continuation.bridge), here.isReady else {
            drop(.bridgeNotReady, "the bridge takes no packets")
            return
        }
        var continuation = continuation
        if witness.isListening {
            witness.entered(bridge: here, port: continuation.inPort, depth: depth)
        }
        for word in PipelineKey.metadataWord..<PipelineKey.decisionsWord {
            continuation.notes[word - FlowKey.wordCount] = told.key[word: word]
        }
        carryOn(continuation)
    }

    /// The packet is back under `id`.
    mutating func comeBack(_ id: UInt32) {
        guard let continuation = model.continuations[id], !continuation.awaitsController else {
            drop(.noMatchingRule, "nothing is known of recirc_id(\(id))")
            return
        }
        guard let here = model.bridge(continuation.bridge), here.isReady else {
            drop(.bridgeNotReady, "the bridge takes no packets")
            return
        }
        bridge = continuation.bridge
        key.packet.inPort = UInt32(continuation.inPort.rawValue)
        if witness.isListening {
            witness.entered(bridge: here, port: continuation.inPort, depth: depth)
        }
        availableHash = continuation.hash
        carryOn(continuation)
    }
}
