// How large the caches may grow, and why.

public enum FlowCacheLimits {
    /// Flows that a megaflow table may be made for. Beyond it the records alone pass 250 MB.
    public static let flows = 1_000_000
    /// Open vSwitch's default (`other_config:flow-limit`).
    public static let flowsByDefault = 200_000
    /// Distinct masks. Each costs a probe for every packet that no microflow knows, so that
    /// whoever can make us install a mask slows down all others (tuple space explosion, CoNEXT
    /// 2019). Real flow tables make tens of masks; the attack made nine thousand.
    public static let masks = 1024
    /// Entries of the microflow cache: Open vSwitch's 2¹³ (1.3 MB here) and how far one may go.
    public static let microflowsByDefault = 8192
    public static let microflows = 1 << 20
    /// Packets of known microflows between two that are looked at more closely.
    public static let hitsBetweenSamples = 64
    /// Megaflow lookups between two passes that move masks with many hits to the front.
    public static let lookupsBetweenSorts = 1024
}
