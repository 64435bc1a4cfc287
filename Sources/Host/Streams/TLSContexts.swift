// SwiftNIO's form of `TLSFiles`, made anew when a file has changed.

import Glibc
import NIOCore
import NIOSSL
import Synchronization

/// What a connection needs in order to speak TLS.
struct TLSContext: Sendable {
    let context: NIOSSLContext
    /// Where to write what the first peer shows as its authority; `nil` if the authority is known.
    let bootstrapPath: String?
}

/// Lives in the hub. Reading files happens on the hub's thread: they are small and local.
final class TLSContexts: Sendable {
    private struct State {
        var files: TLSFiles?
        var stamps: [FileStamp] = []
        var context: NIOSSLContext?
    }

    private let state = Mutex(State())

    func use(_ files: TLSFiles?) {
        state.withLock { state in
            guard state.files != files else { return }
            state = State(files: files)
        }
    }

    /// The context for a connection that begins now.
    func current() throws(TLSFilesError) -> TLSContext {
        try state.withLock { state throws(TLSFilesError) in
            guard let files = state.files else { throw .missing }
            if files.awaitsAuthority {
                return TLSContext(
                    context: try Self.context(files, isBootstrapping: true),
                    bootstrapPath: files.authority)
            }
            let stamps = [
                files.privateKey, files.certificate, files.authority, files.shownAuthority,
            ].compactMap { $0 }.map(FileStamp.init)
            if let context = state.context, state.stamps == stamps {
                return TLSContext(context: context, bootstrapPath: nil)
            }
            let context = try Self.context(files, isBootstrapping: false)
            (state.stamps, state.context) = (stamps, context)
            return TLSContext(context: context, bootstrapPath: nil)
        }
    }

    /// The same for both ends: each shows its certificate, and each asks for the other's.
    private static func context(
        _ files: TLSFiles, isBootstrapping: Bool
    ) throws(TLSFilesError) -> NIOSSLContext {
        var chain = try certificates(files.certificate)
        if let shown = files.shownAuthority { chain += try certificates(shown) }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(try key(files.privateKey))
        // Names of hosts prove nothing here: switches have none. Their authority is their own.
        configuration.certificateVerification =
            files.authority == nil ? .none : .noHostnameVerification
        if let authority = files.authority, !isBootstrapping {
            configuration.trustRoots = .certificates(try certificates(authority))
        }
        let versions = try TLSVersions(parsing: files.versions)
        configuration.minimumTLSVersion = versions.minimum
        configuration.maximumTLSVersion = versions.maximum
        if let ciphers = files.ciphers { configuration.cipherSuites = ciphers }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFilesError(
                description: "TLS cannot be spoken with \(files.privateKey) and "
                    + "\(files.certificate): \(phrase(for: error))")
        }
    }

    private static func certificates(
        _ path: String
    ) throws(TLSFilesError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            guard !certificates.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
            return certificates
        } catch {
            throw unreadable(path, "certificate")
        }
    }

    private static func key(_ path: String) throws(TLSFilesError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw unreadable(path, "private key")
        }
    }

    private static func unreadable(_ path: String, _ what: String) -> TLSFilesError {
        // Safe: Swift lends the call a C string.
        let isReadable = unsafe access(path, R_OK) == 0
        return TLSFilesError(
            description: isReadable
                ? "\(path) holds no \(what) in PEM form" : "\(path): \(systemPhrase(errno))")
    }
}

/// What changes when a file is written or replaced.
private struct FileStamp: Equatable {
    var inode: UInt = 0
    var byteCount = 0
    var seconds = 0
    var nanoseconds = 0

    init(_ path: String) {
        var status = stat()
        // Safe: `status` is a whole `struct stat`, which the kernel fills during the call.
        guard unsafe stat(path, &status) == 0 else { return }
        inode = status.st_ino
        byteCount = status.st_size
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}

/// Which versions of TLS are spoken.
struct TLSVersions: Equatable {
    var minimum = TLSVersion.tlsv12
    var maximum: TLSVersion?

    /// - Parameter text: Names with commas or spaces between, or one name and `+` for that and
    ///   later.
    init(parsing text: String?) throws(TLSFilesError) {
        guard let text else { return }
        var versions: Set<Int> = []
        for word in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            switch word {
            case "TLSv1.2": versions.insert(2)
            case "TLSv1.3": versions.insert(3)
            case "TLSv1.2+", "TLSv1+", "TLSv1.1+": versions.formUnion([2, 3])
            case "TLSv1.3+": versions.insert(3)
            // Too old to be spoken, but scripts still list them.
            case "TLSv1", "TLSv1.1": break
            default:
                throw TLSFilesError(
                    description: "\"\(word)\" is no version of TLS: use TLSv1.2 or TLSv1.3")
            }
        }
        guard !versions.isEmpty else {
            throw TLSFilesError(
                description: "\"\(text)\" leaves no version of TLS: 1.2 and 1.3 are spoken")
        }
        minimum = versions.contains(2) ? .tlsv12 : .tlsv13
        maximum = versions.contains(3) ? nil : .tlsv12
    }
}
