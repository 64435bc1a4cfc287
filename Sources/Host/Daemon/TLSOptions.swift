// Options of the command line about keys and certificates. ovs-vswitchd(8), "Public Key
// Infrastructure Options"; ovsdb-server(1), "SSL Options".

public import ArgumentParser
public import Streams

/// Put it into the command of a daemon that speaks TLS, as `@OptionGroup var tls: TLSOptions`.
public struct TLSOptions: ParsableArguments, Sendable {
    @Option(
        name: [.customShort("p"), .long],
        help: ArgumentHelp("Our private key for ssl: and pssl:.", valueName: "FILE"))
    public var privateKey: String?

    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp("The certificate of that key.", valueName: "FILE"))
    public var certificate: String?

    @Option(
        name: [.customShort("C"), .long],
        help: ArgumentHelp(
            "Certificates of those whose word is good; \"none\" believes everybody.",
            valueName: "FILE"))
    public var caCert: String?

    @Option(
        help: ArgumentHelp(
            "As --ca-cert; a missing file is made from what the first peer shows.",
            valueName: "FILE"))
    public var bootstrapCaCert: String?

    @Option(
        help: ArgumentHelp(
            "Certificates to show after our own, so that peers may bootstrap.", valueName: "FILE"))
    public var peerCaCert: String?

    @Option(help: ArgumentHelp("Versions of TLS: TLSv1.2 and TLSv1.3.", valueName: "LIST"))
    public var sslProtocols: String?

    @Option(help: ArgumentHelp("Cipher suites before TLS 1.3.", valueName: "LIST"))
    public var sslCiphers: String?

    public init() {}

    /// What they come to; `nil` without any of them.
    ///
    /// - Throws: If some are given, but not enough of them.
    public func files() throws(DaemonError) -> TLSFiles? {
        guard let privateKey, let certificate, let authority = bootstrapCaCert ?? caCert else {
            let isEmpty = [privateKey, certificate, bootstrapCaCert, caCert].allSatisfy {
                $0 == nil
            }
            guard isEmpty else {
                throw DaemonError(
                    "TLS needs all of --private-key, --certificate and --ca-cert (or "
                        + "--bootstrap-ca-cert)")
            }
            return nil
        }
        var files = TLSFiles(
            privateKey: privateKey, certificate: certificate, authority: authority)
        files.bootstrapsAuthority = bootstrapCaCert != nil
        files.shownAuthority = peerCaCert
        (files.versions, files.ciphers) = (sslProtocols, sslCiphers)
        return files
    }
}
