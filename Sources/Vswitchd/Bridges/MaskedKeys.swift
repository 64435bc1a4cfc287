internal import Flows

// Keys and masks of cached flows, in the words that count.
//
// A key has 26 words, and a mask most often looks at six of them. Masks are few, so each is kept
// once, with a list of its words; a key is kept as those words and no others, in a row as long as
// its mask wants:
//
//     mask 3: words 0 4 5 8    keys of 4 words: [w w w w][w w w w][w w w w] …

/// The masks of cached flows by number, as long as a flow has them.
struct MaskBook {
    struct Entry {
        let mask: FlowMask
        /// Which words of the mask are not 0, ascending.
        let words: [UInt8]
        let hash: UInt32
        fileprivate(set) var useCount: UInt32 = 0
    }

    private var entries: [Entry] = []
    private var free: [Int] = []
    private var index = SlotIndex()
    /// The one that was taken last: most flows come one after another with one mask.
    private var latest = 0

    /// The mask with this number, which must be in use.
    subscript(number: Int) -> Entry {
        _read { yield entries[number] }
    }

    /// Which words of that mask are not 0.
    func words(of number: Int) -> [UInt8] { entries[number].words }

    /// The number of `mask`; nil if no flow has it.
    func find(_ mask: FlowMask) -> Int? {
        if latest < entries.count, entries[latest].useCount > 0, entries[latest].mask == mask {
            return latest
        }
        return index.find(Self.hash(mask)) { entries[$0].mask == mask }
    }

    /// The number of `mask`, which one more flow has.
    mutating func take(_ mask: FlowMask) -> Int {
        if let number = find(mask) {
            entries[number].useCount += 1
            latest = number
            return number
        }
        let hash = Self.hash(mask)
        let words = (0..<FlowKey.wordCount).filter { mask[word: $0] != 0 }.map { UInt8($0) }
        let entry = Entry(mask: mask, words: words, hash: hash, useCount: 1)
        let number = free.popLast() ?? entries.count
        if number == entries.count { entries.append(entry) } else { entries[number] = entry }
        index.insert(hash, number)
        return number
    }

    /// One flow less has it.
    mutating func release(_ number: Int) {
        entries[number].useCount -= 1
        guard entries[number].useCount == 0 else { return }
        index.remove(entries[number].hash, number)
        free.append(number)
    }

    /// How many flows have one. O(masks); for tests.
    var useCount: Int { entries.reduce(0) { $0 + Int($1.useCount) } }

    private static func hash(_ mask: FlowMask) -> UInt32 {
        var mixer = WordMixer()
        unsafe mask.withWords { words in
            // Safe: a row has wordCount words.
            for index in 0..<FlowKey.wordCount { mixer.add(unsafe words[index]) }
        }
        return mixer.hash
    }
}

/// Rows of so many words each, by number. They lie in pages, so that to grow moves none of them.
struct KeyRows {
    private static let rowsOfPage = 512
    let width: Int
    private var pages: [[UInt64]] = []
    private var free: [UInt32] = []
    private var count = 0

    init(width: Int) { self.width = width }

    /// Keeps the first `width` of `words`, and says where.
    mutating func add(_ words: FlowKey) -> UInt32 {
        unsafe words.withWords { words in
            // Safe here and below: no width is above wordCount.
            let words = unsafe UnsafeBufferPointer(start: words, count: width)
            if let row = free.popLast() {
                let (page, first) = place(row)
                for index in 0..<width { unsafe pages[page][first + index] = words[index] }
                return row
            }
            let row = UInt32(count)
            if count % Self.rowsOfPage == 0 {
                pages.append([])
                pages[pages.count - 1].reserveCapacity(Self.rowsOfPage * width)
            }
            unsafe pages[pages.count - 1].append(contentsOf: words)
            count += 1
            return row
        }
    }

    mutating func remove(_ row: UInt32) { free.append(row) }

    private func place(_ row: UInt32) -> (page: Int, first: Int) {
        (Int(row) / Self.rowsOfPage, Int(row) % Self.rowsOfPage * width)
    }

    /// Whether the row is the first `width` of `words`.
    func agrees(_ row: UInt32, _ words: FlowKey) -> Bool {
        let (page, first) = place(row)
        return unsafe words.withWords { words in
            var difference: UInt64 = 0
            for index in 0..<width {
                unsafe difference |= pages[page][first + index] ^ words[index]
            }
            return difference == 0
        }
    }

    /// The word at `index` of the row.
    func word(_ index: Int, of row: UInt32) -> UInt64 {
        let (page, first) = place(row)
        return pages[page][first + index]
    }
}

/// A key's words under a mask, one behind the other, and the hash of mask and words.
struct PackedKey {
    /// A row like a key's, filled from its start.
    let words: FlowKey
    let hash: UInt32

    /// - Parameters:
    ///   - places: `MaskBook.Entry.words` of the mask.
    ///   - number: The mask's.
    init(_ key: FlowKey, _ mask: FlowMask, words places: [UInt8], number: Int) {
        var mixer = WordMixer()
        var packed = FlowKey()
        mixer.add(UInt64(truncatingIfNeeded: number))
        unsafe key.withWords { key in
            unsafe mask.withWords { mask in
                unsafe packed.withMutableWords { packed in
                    for index in 0..<places.count {
                        // Safe: there are at most wordCount places, and they name words of a row.
                        let place = Int(places[index])
                        let word = unsafe key[place] & mask[place]
                        unsafe packed[index] = word
                        mixer.add(word)
                    }
                }
            }
        }
        (words, hash) = (packed, mixer.hash)
    }
}
