// The place where SwiftNIO's channel becomes our stream.

import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Timekeeping

/// The last handler of each channel: tells the hub what happened. Lives on the event loop's thread.
///
/// A channel that speaks TLS is open only when both ends have shown who they are.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let id: StreamID
    private let hub: StreamHub
    private let usesTLS: Bool
    private var isOpen = false
    /// Where the stream comes from or goes to, known as long as its channel is there.
    private var peer = "ssl"
    private var alarm: Scheduled<Void>?

    init(_ id: StreamID, of hub: StreamHub, usesTLS: Bool) {
        self.id = id
        self.hub = hub
        self.usesTLS = usesTLS
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard usesTLS else { return }
        let limit = hub.limits.handshakeTimeout
        let (id, hub, channel) = (id, hub, context.channel)
        alarm = context.eventLoop.scheduleTask(in: .nanoseconds(limit.nanosecondsClamped)) {
            hub.failed(
                id, channel, peer: hub.peerName(channel, usesTLS: true),
                reason: "no TLS handshake within \(limit.inSeconds) s")
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        guard usesTLS else { return open(context) }
        peer = hub.peerName(context.channel, usesTLS: true)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event, !isOpen { open(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func open(_ context: ChannelHandlerContext) {
        isOpen = true
        alarm?.cancel()
        hub.opened(id, context.channel, usesTLS: usesTLS)
    }

    func channelInactive(context: ChannelHandlerContext) {
        alarm?.cancel()
        if !isOpen {
            hub.failed(
                id, context.channel, peer: peer,
                reason: "the peer closed the connection during the handshake")
        }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hub.received(id, Array(buffer: unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that just closes its socket is no rarer than one that says goodbye first.
        if case NIOSSLError.uncleanShutdown = error { return context.close(promise: nil) }
        hub.failed(id, context.channel, peer: peer, reason: phrase(for: error))
    }
}

/// What went wrong, without SwiftNIO's names for things.
func phrase(for error: any Error) -> String {
    switch error {
    case let error as IOError:
        return systemPhrase(error.errnoCode)
    case ChannelError.connectTimeout(let amount):
        return "no answer within \(Duration.nanoseconds(amount.nanoseconds).inSeconds) s"
    case let error as NIOConnectionError:
        if let first = error.connectionErrors.first { return phrase(for: first.error) }
        return "the name \(error.host) cannot be resolved"
    case NIOSSLError.handshakeFailed(let error):
        return "the TLS handshake failed: \(tlsPhrase(error))"
    case let error as BoringSSLError:
        return "TLS: \(tlsPhrase(error))"
    default:
        return "\(error)"
    }
}

/// The library's own words: `Error: 268435581 error:1000007d:…:CERTIFICATE_VERIFY_FAILED at …`
/// becomes `certificate verify failed`.
private func tlsPhrase(_ error: BoringSSLError) -> String {
    let words = "\(error)".split { !($0.isUppercase || $0 == "_") }
    guard let name = words.filter({ $0.contains("_") }).max(by: { $0.utf8.count < $1.utf8.count })
    else { return "\(error)" }
    return name.lowercased().split(separator: "_").joined(separator: " ")
}
