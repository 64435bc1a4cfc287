// Keys and certificates that the database names, as the streams take them.

import Bridges
import Streams

extension TLSFiles {
    /// As a row of the database has them.
    init(_ wanted: WantedTLS) {
        self.init(
            privateKey: wanted.privateKey, certificate: wanted.certificate,
            authority: wanted.authority)
        bootstrapsAuthority = wanted.bootstrapsAuthority
    }
}
