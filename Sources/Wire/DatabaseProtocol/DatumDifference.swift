// How one value of a column becomes another, as "update2" notifications and newer files say it.
//
//     one value at most   the new value
//     set                 the elements that come or go: {1,2} → {2,3} is {1,3}
//     map                 pairs that come, pairs that go, and changed keys with their new value

extension Datum {
    /// The first place from `start` on at which two rows of one table differ; `nil` if they do not.
    public static func difference(_ a: [Datum], _ b: [Datum], from start: Int) -> Int? {
        var place = start
        while place < a.count, place < b.count {
            if a[place].keys != b[place].keys || a[place].values != b[place].values { return place }
            place += 1
        }
        return nil
    }

    /// What must be applied to this value of a column of `type` to make it `new`.
    public func difference(to new: Datum, type: ColumnType) -> Datum {
        guard type.max != 1 else { return new }
        guard isMap else {
            return Datum(
                set: keys.filter { !new.contains($0) } + new.keys.filter { !contains($0) })
        }
        let gone = pairs.filter { new[$0.0] == nil }
        return Datum(map: gone + new.pairs.filter { self[$0.0] != $0.1 })
    }

    /// The value that `difference` makes of this value of a column of `type`.
    public func applying(_ difference: Datum, type: ColumnType) -> Datum {
        guard type.max != 1 else { return difference }
        var result = self
        for (place, key) in difference.keys.enumerated() {  // sorted
            if !isMap {
                contains(key) ? result.remove(key) : result.insert(key)
            } else if difference.isMap {
                let value = difference.values[place]
                result[key] = self[key] == value ? nil : value
            }
        }
        return result
    }

    /// Whether some element is a row that only has a name so far.
    public var hasNamedRows: Bool {
        func isNamed(_ atom: Atom) -> Bool { if case .namedUUID = atom { true } else { false } }
        return keys.contains(where: isNamed) || values.contains(where: isNamed)
    }

    /// The value with each named row replaced by what `uuid` says it is called.
    public func resolvingNames(_ uuid: (String) -> UUIDValue) -> Datum {
        guard hasNamedRows else { return self }
        func resolve(_ atom: Atom) -> Atom {
            if case .namedUUID(let name) = atom { .uuid(uuid(name)) } else { atom }
        }
        return isMap
            ? Datum(map: pairs.map { (resolve($0), resolve($1)) }) : Datum(set: keys.map(resolve))
    }
}
