public import Flows

// Where compiled actions live: one slab of words, cut into blocks of 2ⁿ.
//
// A flow names its program by the offset of a block, so that finding a flow's actions is an
// addition, and nothing is retained or released for a packet. Blocks that are given back are kept
// in a list per size. The slab doubles when a program is stored and there is no room; never while a
// packet is executed.
//
// Flows that come one after another mostly do the same. So a list of actions that equals the one
// stored last becomes no second program, but one more use of the first:
//
//     block:   [uses | n] [step] [step] ... [end]     2ⁿ words

/// Names a compiled list of actions in its store.
public typealias ProgramHandle = UInt32

/// Compiled action lists. Owned by one thread.
@safe
public struct ProgramStore: ~Copyable {
    @usableFromInline var words: UnsafeMutablePointer<UInt64>
    private var capacity: Int
    /// Words that have ever been in a block.
    private var used = 0
    /// First free block of 2ⁿ words, by n; its first word names the next one.
    private var freeBlocks = InlineArray<14, UInt32>(repeating: .max)
    /// Programs in the store; one that is used twice counts twice.
    public private(set) var count = 0
    /// The program that was stored last, while it is there.
    private var last: (actions: [DatapathAction], handle: ProgramHandle)?

    public init() {
        capacity = 1024
        // Safe: owned by this value alone, freed in its deinit.
        unsafe words = .allocate(capacity: capacity)
    }

    deinit {
        // Safe: allocated by this value; words are trivial.
        unsafe words.deallocate()
    }

    /// Compiles and keeps `actions`.
    ///
    /// - Throws: `.tooManyActions`, `.tooLarge`, `.tooDeep` or `.noRoom`; then nothing has changed.
    public mutating func store(
        _ actions: [DatapathAction]
    ) throws(ProgramRefusal) -> ProgramHandle {
        if let last, last.actions == actions {
            use(last.handle)
            return last.handle
        }
        let program = try ActionCompiler.compile(actions)
        // One word in front says how large the block is, and how often it is used.
        var sizeClass = 1
        while 1 << sizeClass < program.count + 1 { sizeClass += 1 }
        let handle = try takeBlock(sizeClass)
        // Safe: the block has room for program.count + 1 words.
        unsafe (words + Int(handle)).initialize(to: UInt64(sizeClass))
        for index in program.indices {
            unsafe (words + Int(handle) + 1 + index).initialize(to: program[index])
        }
        use(handle)
        last = (actions, handle)
        return handle
    }

    private mutating func use(_ handle: ProgramHandle) {
        // Safe: the program's block is initialised. Flows are fewer than 2³², and each has one.
        unsafe words[Int(handle)] += 1 << 32
        count += 1
    }

    /// n, for a block of 2ⁿ words.
    private func sizeClass(_ handle: ProgramHandle) -> Int {
        // Safe: the program's block is initialised.
        unsafe Int(words[Int(handle)] & 0xff)
    }

    private mutating func takeBlock(_ sizeClass: Int) throws(ProgramRefusal) -> ProgramHandle {
        let free = freeBlocks[sizeClass]
        if free != .max {
            // Safe: a block in the list is initialised.
            freeBlocks[sizeClass] = UInt32(truncatingIfNeeded: unsafe words[Int(free)])
            return free
        }
        let end = used + 1 << sizeClass
        guard end <= ExecutionLimits.words else { throw .noRoom }
        if end > capacity {
            let larger = max(capacity * 2, end)
            // Safe: the first `used` words move to memory of at least that size.
            let moved = UnsafeMutablePointer<UInt64>.allocate(capacity: larger)
            unsafe moved.moveInitialize(from: words, count: used)
            unsafe words.deallocate()
            unsafe words = moved
            capacity = larger
        }
        defer { used = end }
        // The whole block is initialised, so that moving it later is defined.
        unsafe (words + used).initialize(repeating: 0, count: end - used)
        return ProgramHandle(used)
    }

    /// Gives a program back, as often as `store` handed it out.
    public mutating func release(_ handle: ProgramHandle) {
        precondition(Int(handle) < used, "a program of this store")
        // Safe here and below: words below `used` are initialised.
        unsafe precondition(words[Int(handle)] >> 32 != 0, "a program that is in use")
        unsafe words[Int(handle)] -= 1 << 32
        count -= 1
        guard unsafe words[Int(handle)] >> 32 == 0 else { return }
        if last?.handle == handle { last = nil }
        let sizeClass = sizeClass(handle)
        unsafe words[Int(handle)] = UInt64(freeBlocks[sizeClass])
        freeBlocks[sizeClass] = handle
    }

    /// Forgets all programs and keeps the memory.
    public mutating func removeAll() {
        used = 0
        count = 0
        last = nil
        freeBlocks = InlineArray(repeating: .max)
    }

    /// The actions that `handle` was compiled from.
    public func actions(of handle: ProgramHandle) -> [DatapathAction] {
        precondition(Int(handle) < used, "a program of this store")
        let count = 1 << sizeClass(handle)
        // Safe: a block is initialised, and its first word says how large it is.
        let block = unsafe [UInt64](
            UnsafeBufferPointer(start: words + Int(handle), count: count))
        return ActionCompiler.actions(block, at: 1)
    }
}
