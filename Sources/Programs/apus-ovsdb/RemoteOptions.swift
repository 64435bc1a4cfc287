// Options of the command line about keys and certificates. ovsdb-server(1), "SSL Options".

import ArgumentParser
import Daemon
import DatabaseProtocol
import DatabaseRemotes

struct RemoteOptions: ParsableArguments {
    @Option(
        name: [.customShort("p"), .long],
        help: ArgumentHelp(
            "Our private key for ssl: and pssl:, or db:DATABASE,TABLE,COLUMN that names it.",
            valueName: "FILE"))
    var privateKey: String?

    @Option(
        name: [.customShort("c"), .long],
        help: ArgumentHelp("The certificate of that key, likewise.", valueName: "FILE"))
    var certificate: String?

    @Option(
        name: [.customShort("C"), .long],
        help: ArgumentHelp(
            "Certificates of those whose word is good, likewise; \"none\" believes everybody.",
            valueName: "FILE"))
    var caCert: String?

    @Option(
        help: ArgumentHelp(
            "As --ca-cert; a missing file is made from what the first peer shows.",
            valueName: "FILE"))
    var bootstrapCaCert: String?

    @Option(
        help: ArgumentHelp(
            "Certificates to show after our own, so that peers may bootstrap.", valueName: "FILE"))
    var peerCaCert: String?

    @Option(help: ArgumentHelp("Versions of TLS: TLSv1.2 and TLSv1.3.", valueName: "LIST"))
    var sslProtocols: String?

    @Option(help: ArgumentHelp("Cipher suites before TLS 1.3.", valueName: "LIST"))
    var sslCiphers: String?

    var extras: Reachability.TLSExtras {
        .init(shownAuthority: peerCaCert, versions: sslProtocols, ciphers: sslCiphers)
    }

    func tls(_ schema: DatabaseSchema) throws(DaemonError) -> TLSSources {
        var sources = TLSSources()
        do throws(RemoteSourceError) {
            func source(_ text: String?) throws(RemoteSourceError) -> RemoteSource? {
                guard let text else { return nil }
                return try RemoteSource(parsing: text, schema)
            }
            sources.privateKey = try source(privateKey)
            sources.certificate = try source(certificate)
            sources.authority = try source(bootstrapCaCert ?? caCert)
            sources.bootstrapsAuthority = bootstrapCaCert != nil
        } catch {
            throw DaemonError("\(error)")
        }
        return sources
    }
}
