// The last transactions, so that a client that was away hears only what it missed.
//
//     state a --changes--> state b --changes--> state c (present)
//     since a: for each row its value in a and its value in c, if they differ

import DatabaseProtocol

/// A bounded memory of changes.
struct History {
    private struct Entry {
        /// The name of the state that the changes were made to.
        let before: UUIDValue
        let changes: [RowChange]
    }
    private var entries: [Entry] = []
    /// Those before this place are forgotten; they are removed when they are many.
    private var firstPlace = 0
    private var changeCount = 0

    /// Remembers `changes`, and forgets the oldest beyond the bounds.
    mutating func note(_ changes: [RowChange], before: UUIDValue) {
        entries.append(Entry(before: before, changes: changes))
        changeCount += changes.count
        while firstPlace < entries.count,
            entries.count - firstPlace > EngineLimits.historyTransactionCountMax
                || changeCount > EngineLimits.historyChangeCountMax
        {
            changeCount -= entries[firstPlace].changes.count
            entries[firstPlace] = Entry(before: .zero, changes: [])
            firstPlace += 1
        }
        if firstPlace > EngineLimits.historyTransactionCountMax {
            entries.removeFirst(firstPlace)
            firstPlace = 0
        }
    }

    /// What became of each row since the state called `state`, in order of tables and rows; `nil`
    /// if that state is not remembered.
    func changes(since state: UUIDValue) -> [RowChange]? {
        let first = entries[firstPlace...].firstIndex { $0.before == state }
        guard let first else { return nil }
        var ends: [RowName: RowChange] = [:]
        for change in entries[first...].lazy.flatMap(\.changes) {
            let name = RowName(table: change.table, uuid: change.uuid)
            ends[name] = RowChange(
                table: change.table, uuid: change.uuid, old: (ends[name] ?? change).old,
                new: change.new)
        }
        return ends.sorted { $0.key < $1.key }.map(\.value).filter {
            $0.old?.values != $0.new?.values
        }
    }
}
