// A socket that somebody else made and writes to, heard like any other stream.
//
// Whoever must be heard without a thread being woken for it is heard by the hub's thread, which is
// awake for all the others anyway.

import Glibc
import NIOCore
import NIOPosix
import Synchronization

extension StreamHub {
    /// Tells of what is read from `descriptor`, piece by piece; of a socket that keeps the bounds
    /// of datagrams each datagram is one piece. `.connected` and `.closed` come as for any stream,
    /// and `send` must not be called.
    ///
    /// - Parameters:
    ///   - descriptor: Not blocking. It stays the caller's, who may go on to write to it.
    ///   - pieceByteCountMax: Bytes of the longest datagram; longer ones would be cut.
    public func hear(_ descriptor: Int32, pieceByteCountMax: Int) -> StreamID {
        let id = registry.withLock { $0.addConnecting() }
        let own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        let code = errno
        loop.execute { [self] in
            guard own >= 0 else { return ended(id, reason: systemPhrase(code)) }
            let bootstrap = NIOPipeBootstrap(group: loop)
                .channelOption(
                    .recvAllocator,
                    value: FixedSizeRecvByteBufferAllocator(capacity: pieceByteCountMax))
                .channelInitializer { [self] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try addHandlers(to: channel, id, speaking: nil)
                    }
                }
            let channel = bootstrap.takingOwnershipOfDescriptor(input: own)
            channel.whenFailure { _ in Glibc.close(own) }
            watchEnd(of: channel, id)
        }
        return id
    }
}
