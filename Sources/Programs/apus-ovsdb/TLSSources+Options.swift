// The options about keys and certificates, each of which may also be "db:DATABASE,TABLE,COLUMN":
// then the file is the one that the column names. ovsdb-server(1), "SSL Options".

import Daemon
import DatabaseProtocol
import DatabaseRemotes

extension TLSOptions {
    /// What the database does not say.
    var extras: Reachability.TLSExtras {
        .init(shownAuthority: peerCaCert, versions: sslProtocols, ciphers: sslCiphers)
    }

    /// - Throws: If a column is none that could name a file.
    func sources(_ schema: DatabaseSchema) throws(DaemonError) -> TLSSources {
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
