import Daemon
import Glibc
import Testing

@Suite struct MailboxTests {
    private func isReadable(_ descriptor: Int32) -> Bool {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waited, 1, 0) == 1
    }

    @Test func takesAsManyAsItMayAndNoMore() {
        let mailbox = Mailbox<Int>(capacity: 3)
        #expect([1, 2, 3, 4].map { mailbox.post($0) } == [true, true, true, false])
        #expect(mailbox.refusedCount == 1)
        #expect(mailbox.drain() == [1, 2, 3])
        #expect(mailbox.drain() == [])
        #expect(mailbox.post(5))
        #expect(mailbox.drain() == [5])
    }

    @Test func itsDescriptorIsReadableWhileMessagesWait() {
        let mailbox = Mailbox<String>()
        #expect(!isReadable(mailbox.descriptor))
        mailbox.post("a")
        mailbox.post("b")
        #expect(isReadable(mailbox.descriptor))
        #expect(mailbox.drain() == ["a", "b"])
        #expect(!isReadable(mailbox.descriptor))
    }

    @Test(.timeLimit(.minutes(1))) func losesNothingOfManyProducers() async {
        let mailbox = Mailbox<Int>(capacity: 64)
        let (producerCount, messageCount) = (4, 5000)
        for producer in 0..<producerCount {
            let thread = ProducerThread {
                var number = 0
                while number < messageCount {
                    if mailbox.post(producer * messageCount + number) { number += 1 }
                }
            }
            thread.start()
        }
        var lasts = [Int](repeating: -1, count: producerCount)
        var received = 0
        while received < producerCount * messageCount {
            for message in mailbox.drain() {
                let (producer, number) = message.quotientAndRemainder(dividingBy: messageCount)
                #expect(number == lasts[producer] + 1)
                lasts[producer] = number
                received += 1
            }
            await Task.yield()
        }
        #expect(mailbox.drain() == [])
    }
}

/// A real thread: the pool of Swift's tasks has too few to show a race.
private final class ProducerThread: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func start() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let code = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ProducerThread>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, context)
        #expect(code == 0)
        pthread_detach(thread)
    }
}
