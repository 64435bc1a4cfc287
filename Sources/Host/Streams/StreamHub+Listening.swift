// The passive half of a hub.

import Glibc
import NIOCore
import NIOPosix
import Synchronization

extension StreamHub {
    /// Starts listening. Waits for the hub's thread, so it must not be called from `deliver`.
    ///
    /// - Parameter remote: A passive one. A unix socket's file that nobody answers on is replaced;
    ///   the new one can be read and written by its owner and group.
    /// - Throws: A `StreamError` whose text names the place and what to do.
    public func listen(_ remote: Remote) throws(StreamError) -> ListenerID {
        guard let id = registry.withLock({ $0.addListener() }) else {
            throw .cannotListen(remote, reason: "the hub is shut down")
        }
        do throws(StreamError) {
            let listener = try bind(remote, as: id)
            guard registry.withLock({ $0.setListener(id, listener) }) else {
                stop(listener)
                throw .cannotListen(remote, reason: "the hub is shut down")
            }
            return id
        } catch {
            _ = registry.withLock { $0.removeListener(id) }
            throw error
        }
    }

    /// The port of a TCP listener, as the kernel chose it if it was asked to; `nil` for others.
    public func port(of id: ListenerID) -> UInt16? {
        let listener = registry.withLock { $0.listener(id) }
        return listener?.channel.localAddress?.port.map { UInt16(truncatingIfNeeded: $0) }
    }

    /// Stops listening. Streams that were accepted stay.
    public func closeListener(_ id: ListenerID) {
        if let listener = registry.withLock({ $0.removeListener(id) }) { stop(listener) }
    }

    func stop(_ listener: StreamRegistry.Listener) {
        listener.file?.remove()
        listener.channel.close(promise: nil)
    }

    private func bind(
        _ remote: Remote, as id: ListenerID
    ) throws(StreamError) -> StreamRegistry.Listener {
        switch remote {
        case .unix, .tcp, .tls:
            throw .notPassive(remote)
        case .passiveUnix(let path):
            let (descriptor, file) = try UnixSocketFile.bind(path)
            // The channel owns the descriptor from here on, and closes it if it fails.
            let binding = bootstrap(id, speaking: nil).withBoundSocket(descriptor)
            return .init(channel: try channel(from: binding, remote), file: file)
        case .passiveTCP(let port, let host), .passiveTLS(let port, let host):
            let end: TLSEnd? = remote.usesTLS ? .server : nil
            let binding = bootstrap(id, speaking: end)
                .bind(host: host ?? "0.0.0.0", port: Int(port))
            return .init(channel: try channel(from: binding, remote), file: nil)
        }
    }

    private func channel(
        from binding: EventLoopFuture<any Channel>, _ remote: Remote
    ) throws(StreamError) -> any Channel {
        do {
            return try binding.wait()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .addressInUse(remote)
        } catch {
            throw .cannotListen(remote, reason: phrase(for: error))
        }
    }

    private func bootstrap(_ listener: ListenerID, speaking end: TLSEnd?) -> ServerBootstrap {
        ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: limits.acceptBacklog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ReadGate(delivery.value))
                }
            }
            .childChannelOption(.recvAllocator, value: receiveAllocator)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let id = registry.withLock { $0.addAccepted(by: listener, limits) }
                    guard let id else { throw ChannelError.eof }
                    // Whatever happens to it before it is open, it leaves the listener's count.
                    channel.closeFuture.whenComplete { [self] _ in ended(id) }
                    do {
                        try addHandlers(to: channel, id, speaking: end)
                    } catch {
                        let peer = peerName(channel, usesTLS: end != nil)
                        failed(id, channel, peer: peer, reason: "\(error)")
                        throw error
                    }
                }
            }
    }
}
