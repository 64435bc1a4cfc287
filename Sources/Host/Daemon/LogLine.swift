// How a log line looks: as those of Open vSwitch, so that the eyes and scripts of its users work.

enum LogLine {
    /// Longest text of a line in bytes; what exceeds it is cut, and the cut is shown.
    static let textByteCountMax = 4096

    /// `2026-11-22T10:30:00.123Z|00001|bridge|INFO|text` and a line feed.
    ///
    /// - Parameters:
    ///   - moment: Nanoseconds since 1970-01-01 in UTC.
    ///   - number: Counts the lines of the process, from 1.
    ///   - text: Line feeds and other control characters in it are shown as spaces, so that nobody
    ///     whose words we log can forge a line.
    static func format(
        moment: UInt64, number: UInt64, module: String, level: LogLevel, text: String
    ) -> String {
        let milliseconds = moment / 1_000_000 % 1000
        return "\(date(moment / 1_000_000_000)).\(padded(milliseconds, 3))Z|\(padded(number, 5))"
            + "|\(module)|\(level.rawValue.uppercased())|\(clean(text))\n"
    }

    private static func clean(_ text: String) -> String {
        var bytes = Array(text.utf8.prefix(textByteCountMax + 1))
        let isCut = bytes.count > textByteCountMax
        if isCut { bytes.removeLast() }
        for index in bytes.indices where bytes[index] < 32 || bytes[index] == 127 {
            bytes[index] = 32
        }
        return String(decoding: bytes, as: UTF8.self) + (isCut ? "… (cut)" : "")
    }

    /// The date and time of day, by the Gregorian calendar: years that begin in March end with the
    /// leap day, so that months can be counted without a table.
    private static func date(_ seconds: UInt64) -> String {
        let (days, second) = (seconds / 86_400 + daysFromYear0To1970, seconds % 86_400)
        let (era, dayOfEra) = (days / daysPer400Years, days % daysPer400Years)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = era * 400 + yearOfEra + (month < 10 ? 0 : 1)
        let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, 2) }
        return "\(padded(year, 4))-\(padded(month < 10 ? month + 3 : month - 9, 2))"
            + "-\(padded(day, 2))T\(clock.joined(separator: ":"))"
    }

    /// From 1 March of the year 0.
    private static let daysFromYear0To1970: UInt64 = 719_468
    private static let daysPer400Years: UInt64 = 146_097

    private static func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
