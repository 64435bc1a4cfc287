// The place where SwiftNIO's channel becomes our stream.

import NIOCore
import NIOPosix
import Timekeeping

/// The last handler of each channel: tells the hub what happened. Lives on the event loop's thread.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let id: StreamID
    private let hub: StreamHub

    init(_ id: StreamID, of hub: StreamHub) {
        self.id = id
        self.hub = hub
    }

    func channelActive(context: ChannelHandlerContext) {
        hub.opened(id, context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hub.received(id, Array(buffer: unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hub.failed(id, context.channel, reason: phrase(for: error))
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
    default:
        return "\(error)"
    }
}
