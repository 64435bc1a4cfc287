// Believing whom we meet first: the peer's own authority becomes ours.
//
// Somebody who sits between at that moment can play the authority for ever, so this is for labs and
// for the first minute of a switch on a network one trusts. The certificate is written to the file
// that `--bootstrap-ca-cert` names, and that connection ends: the next one is verified like all.

import Glibc
import NIOCore
import NIOSSL

enum AuthorityBootstrap {
    /// Writes the authority among `shown` to `path`, which must not be there.
    ///
    /// - Parameter shown: What the peer showed, its own certificate first.
    /// - Returns: What to tell the operator.
    static func learn(from shown: [NIOSSLCertificate], into path: String) -> String {
        guard let authority = shown.last else {
            return "the peer showed no certificate to learn its authority from"
        }
        let bytes: [UInt8]
        do {
            bytes = try authority.toDERBytes()
        } catch {
            return "the peer's certificate cannot be written: \(error)"
        }
        guard isSelfIssued(bytes) else {
            return "the peer did not show its authority's certificate, so \(path) cannot be made; "
                + "let the peer run with --peer-ca-cert, or copy the file"
        }
        // Safe: Swift lends the call a C string.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o444)
        guard descriptor >= 0 else { return "cannot make \(path): \(systemPhrase(errno))" }
        defer { close(descriptor) }
        let text = Array(pem(bytes).utf8)
        // Safe: the call reads the array's own bytes while they are lent.
        let count = unsafe text.withUnsafeBytes {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
        guard count == text.count, fsync(descriptor) == 0 else {
            let reason = systemPhrase(errno)
            // Safe: as above. Half a certificate would only be in the way.
            unsafe unlink(path)
            return "cannot write \(path): \(reason)"
        }
        return "learned the peer's authority, which is now in \(path); connecting again"
    }

    /// Whether a certificate names itself as its issuer. RFC 5280 §4.1: of the first part's
    /// elements (version, serial number, signature, issuer, validity, subject), the issuer's bytes
    /// equal the subject's.
    static func isSelfIssued(_ certificate: [UInt8]) -> Bool {
        var outer = certificate[...]
        guard var body = element(&outer, tag: 0x30),
            var fields = element(&body, tag: 0x30)
        else { return false }
        if fields.first == 0xA0 { _ = element(&fields, tag: 0xA0) }
        guard element(&fields, tag: 0x02) != nil, element(&fields, tag: 0x30) != nil,
            let issuer = element(&fields, tag: 0x30), element(&fields, tag: 0x30) != nil,
            let subject = element(&fields, tag: 0x30)
        else { return false }
        return issuer == subject
    }

    /// Takes one element off the front: X.690 §8.1, lengths of up to four bytes.
    private static func element(
        _ bytes: inout ArraySlice<UInt8>, tag: UInt8
    ) -> ArraySlice<UInt8>? {
        guard bytes.popFirst() == tag, let first = bytes.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            guard (0x81...0x84).contains(first) else { return nil }
            length = 0
            for _ in 0..<(first - 0x80) {
                guard let byte = bytes.popFirst() else { return nil }
                length = length << 8 | Int(byte)
            }
        }
        guard length <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(length) }
        return bytes.prefix(length)
    }

    /// RFC 7468: base 64 in lines of 64 between two headings.
    static func pem(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            if start % 48 == 0 { text.append(UInt8(ascii: "\n")) }
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(0) { $0 << 8 | Int($1) }
            bits <<= 8 * (3 - group.count)
            for place in 0..<4 {
                let digit = digits[bits >> (18 - 6 * place) & 63]
                text.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return "-----BEGIN CERTIFICATE-----" + String(decoding: text, as: UTF8.self)
            + "\n-----END CERTIFICATE-----\n"
    }
}
