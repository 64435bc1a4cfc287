// Dates of the log, in UTC: a log is compared with those of other machines.

enum HistoryDate {
    /// `2026-11-22 13:57:27 UTC`. The calendar's arithmetic counts from 1 March of the year 0, so
    /// that the leap day is the last of a year; 400 years have 146,097 days.
    static func text(_ milliseconds: Int64) -> String {
        let seconds = milliseconds.flooredQuotient(1000)
        let (days, second) = (seconds.flooredQuotient(86_400), seconds.flooredRemainder(86_400))
        let sinceMarch = days + 719_468
        let era = sinceMarch.flooredQuotient(146_097)
        let dayOfEra = sinceMarch.flooredRemainder(146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let number = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (number <= 2 ? 1 : 0)
        let time = [second / 3600, second / 60 % 60, second % 60].map(twoDigits)
        return "\(year)-\(twoDigits(number))-\(twoDigits(day)) "
            + "\(time.joined(separator: ":")) UTC"
    }

    private static func twoDigits(_ number: Int64) -> String {
        (number < 10 ? "0" : "") + String(number)
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }

    fileprivate func flooredRemainder(_ divisor: Int64) -> Int64 {
        self % divisor + (self % divisor < 0 ? divisor : 0)
    }
}
