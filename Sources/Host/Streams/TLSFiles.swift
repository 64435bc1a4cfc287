// Whom we are and whom we trust, as files that an operator names.
//
// Files, not their content: they may change while a daemon runs, and the next connection uses what
// is in them then.

import Glibc

/// Keys and certificates in PEM form. ovs-vsctl(8), "Public Key Infrastructure Options".
public struct TLSFiles: Hashable, Sendable {
    /// Our private key, and the certificate that belongs to it (with its chain, if it has one).
    public var privateKey: String
    public var certificate: String
    /// Certificates of the authorities whose word is good; `nil` believes everybody.
    public var authority: String?
    /// If the file of `authority` is missing: whether it is made from what the first peer shows.
    /// That connection ends at once; from the next one on the file decides.
    public var bootstrapsAuthority = false
    /// Certificates that are sent after our own, so that a peer may bootstrap.
    public var shownAuthority: String?
    /// Versions such as `TLSv1.2,TLSv1.3` or `TLSv1.2+`; `nil` is 1.2 and later. Nothing older than
    /// 1.2 is ever spoken.
    public var versions: String?
    /// Cipher suites before TLS 1.3 in the words of OpenSSL; `nil` is BoringSSL's choice.
    public var ciphers: String?

    /// - Parameter authority: A path; `none` believes everybody.
    public init(privateKey: String, certificate: String, authority: String) {
        (self.privateKey, self.certificate) = (privateKey, certificate)
        self.authority = authority == "none" ? nil : authority
    }

    /// Whether the next connection is made only to learn of the authority.
    public var awaitsAuthority: Bool {
        guard bootstrapsAuthority, let authority else { return false }
        // Safe: Swift lends the call a C string.
        return unsafe access(authority, F_OK) != 0
    }
}

/// Why TLS cannot be spoken, as a sentence with the fix.
public struct TLSFilesError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    static let missing = TLSFilesError(
        description: "TLS needs a private key, a certificate and a CA certificate: "
            + "--private-key, --certificate and --ca-cert, or ovs-vsctl set-ssl")
}
