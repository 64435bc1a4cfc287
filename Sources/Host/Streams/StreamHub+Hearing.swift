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
    /// of datagrams each datagram is one piece, and those that wait are told together, at most
    /// `StreamLimits.piecesPerTurn`. `.connected` and `.closed` come as for any stream, and `send`
    /// must not be called.
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
                        let others = WaitingPieces(
                            own, byteCountMax: pieceByteCountMax, of: self, id)
                        try channel.pipeline.syncOperations.addHandler(others, position: .last)
                    }
                }
            let channel = bootstrap.takingOwnershipOfDescriptor(input: own)
            channel.whenFailure { _ in Glibc.close(own) }
            watchEnd(of: channel, id)
        }
        return id
    }
}

/// Reads the pieces that wait behind the one that SwiftNIO has read. It would wait to be told of
/// each by the kernel, and the consumer would have a turn for each.
final class WaitingPieces: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let descriptor: Int32
    private let hub: StreamHub
    private let id: StreamID
    private var piece: [UInt8]

    /// - Parameter descriptor: The channel's own, open for as long as it tells of reading.
    init(_ descriptor: Int32, byteCountMax: Int, of hub: StreamHub, _ id: StreamID) {
        self.descriptor = descriptor
        self.hub = hub
        self.id = id
        piece = [UInt8](repeating: 0, count: byteCountMax)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        for _ in 1..<hub.limits.piecesPerTurn {
            guard context.channel.isActive, hub.delivery.value.isTaking else { break }
            // In bounds: the kernel writes at most the array's size.
            let count = unsafe recv(descriptor, &piece, piece.count, Int32(MSG_DONTWAIT))
            // An end or an error is there for SwiftNIO too, which tells of it.
            guard count > 0 else { break }
            hub.received(id, Array(piece[..<count]))
        }
        context.fireChannelReadComplete()
    }
}
