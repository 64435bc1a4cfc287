// What all this is called.

/// The name and version that every program answers to `--version`.
public enum Product {
    public static let name = "Apus"
    /// Semantic versioning 2.0.0; the same for all programs of one build.
    public static let version = "0.1.0"

    /// The line of `--version`: `ovs-vswitchd (Apus) 0.1.0`.
    public static func versionLine(of program: String) -> String {
        "\(program) (\(name)) \(version)"
    }
}
