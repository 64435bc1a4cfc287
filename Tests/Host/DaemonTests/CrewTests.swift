import Daemon
import Glibc
import Testing

@Suite struct CrewTests {
    /// Outcomes of a crew until `count` have come.
    private func outcomes(of crew: Crew<Int>, _ count: Int) -> [Int] {
        var all: [Int] = []
        while all.count < count {
            var waited = pollfd(fd: crew.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waited, 1, 20_000) == 1 else { break }
            all += crew.take()
        }
        return all
    }

    @Test(.timeLimit(.minutes(1))) func jobsOfOneKeyKeepTheirOrder() {
        let crew = Crew<Int>(threadCount: 4, capacity: 4_000)
        for number in 0..<1_000 {
            for key in 0..<4 { crew.post(key: "\(key)") { key * 1_000 + number } }
        }
        let all = outcomes(of: crew, 4_000)
        for key in 0..<4 {
            #expect(all.filter { $0 / 1_000 == key } == (0..<1_000).map { key * 1_000 + $0 })
        }
    }

    @Test(.timeLimit(.minutes(1))) func jobsOfDifferentKeysOverlap() {
        let crew = Crew<Int>(threadCount: 2, capacity: 2)
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        // The first waits for the second.
        crew.post(key: "a") {
            var octet: UInt8 = 0
            return read(reader, &octet, 1)
        }
        crew.post(key: "b") { write(writer, [UInt8(7)], 1) + 1 }
        #expect(outcomes(of: crew, 2).sorted() == [1, 2])
        close(reader)
        close(writer)
    }
}
