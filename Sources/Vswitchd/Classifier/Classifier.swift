public import Flows

/// A set of rules `(key, mask, priority)`, each with a payload.
public struct Classifier<Payload: Sendable>: Sendable {
    public init() {}
    public var count: Int { 0 }
    public func lookup(_ packet: PipelineKey, looking mask: inout PipelineMask) -> Payload? { nil }
}
