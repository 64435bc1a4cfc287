// Which lengths of prefixes could match a value, and how little of it must be looked at to know.
//
// A subtable whose rules all match a /24 of the destination cannot match a packet if no rule at all
// has the packet's /24. One walk down a tree of all prefixes answers that for every length at once;
// and where the walk ends, it has seen only the bits that tell the packet from all prefixes that
// are there. So one rule about 10.0.0.1/32 does not make cached flows of 192.168.0.0/16 look at all
// 32 bits: their first bit differs.
//
//         [10.0.0.0/8 : 2 rules]
//          0 |           | 1             nodes hold all their bits from the first on; paths
//     [10.0.0.1/32]   [10.128/9]         without a branch are one node
//
// Open vSwitch's classifier has the same idea ("prefix tracking", NSDI 2015 §5.4). Here each node
// also knows the highest priority at it and below it: whoever has found a rule asks only for those
// that could beat it, and parts of the tree where there is none need not be told apart.

/// A set of prefixes of values up to 128 bits wide, which stand left-aligned in two words.
@usableFromInline
struct PrefixTrie: Sendable {
    @usableFromInline
    struct Node: Sendable {
        @usableFromInline var high: UInt64
        @usableFromInline var low: UInt64
        /// How many rules have exactly this prefix, in 24 bits, above how many bits it has, in 8:
        /// so that two nodes share a cache line. The bits behind are 0.
        @usableFromInline var sizes: UInt32
        /// No rule with exactly this prefix has a higher priority, and none below it either. Both
        /// may be too high after removals, never too low.
        @usableFromInline var priority: UInt16 = 0
        @usableFromInline var top: UInt16 = 0
        /// The children whose next bit is 0, and 1; 0 = none, since the root is nobody's child.
        @usableFromInline var zero: UInt32 = 0
        @usableFromInline var one: UInt32 = 0

        @usableFromInline
        init(high: UInt64, low: UInt64, length: UInt32) {
            (self.high, self.low, sizes) = (high, low, length)
        }

        @inlinable var length: UInt32 { sizes & 0xff }
        @inlinable var count: UInt32 {
            get { sizes >> 8 }
            set { sizes = newValue << 8 | length }
        }
    }

    /// The first is the root, with no bits.
    @usableFromInline var nodes = [Node(high: 0, low: 0, length: 0)]
    private var free: [UInt32] = []

    init() {}

    var isEmpty: Bool { nodes.count - free.count == 1 && nodes[0].count == 0 }

    var byteCount: Int { nodes.capacity * MemoryLayout<Node>.stride }

    /// What a value has in common with the prefixes.
    @usableFromInline
    struct Answer {
        /// Bit `n - 1` is set if a prefix of `n` bits matches: lengths 1 to 64, and 65 to 128.
        @usableFromInline var short: UInt64 = 0
        @usableFromInline var long: UInt64 = 0
        /// Every value that has as many first bits in common gets the same answer.
        @usableFromInline var lookedAt = 0

        @inlinable init() {}

        @inlinable func has(length: Int) -> Bool {
            length <= 64
                ? short &>> UInt64(truncatingIfNeeded: length - 1) & 1 != 0
                : long &>> UInt64(truncatingIfNeeded: length - 65) & 1 != 0
        }
    }

    /// What the prefixes of rules with a priority of at least `least` have in common with a value.
    /// O(bits), in practice the logarithm of the number of prefixes.
    func lookup(_ high: UInt64, _ low: UInt64, least: UInt16) -> Answer {
        // Safe: the root is there, and children are numbers of nodes.
        unsafe nodes.withUnsafeBufferPointer { nodes in
            unsafe Self.lookup(nodes.baseAddress.unsafelyUnwrapped, high, low, least: least)
        }
    }

    /// The same, of a trie whose nodes these are.
    static func lookup(
        _ nodes: UnsafePointer<Node>, _ high: UInt64, _ low: UInt64, least: UInt16
    ) -> Answer {
        var answer = Answer()
        var node = unsafe nodes
        while true {
            // Safe throughout: the root is there, and children are numbers of nodes.
            let length = unsafe Int(node.pointee.length)
            if length > 0, unsafe node.pointee.count > 0, unsafe node.pointee.priority >= least {
                if length <= 64 {
                    answer.short |= 1 &<< UInt64(truncatingIfNeeded: length - 1)
                } else {
                    answer.long |= 1 &<< UInt64(truncatingIfNeeded: length - 65)
                }
            }
            answer.lookedAt = length
            let (zero, one) = unsafe (node.pointee.zero, node.pointee.one)
            let (child, other) = bit(length, high, low) ? (one, zero) : (zero, one)
            let next = unsafe nodes + Int(child)
            guard child != 0, unsafe next.pointee.top >= least else {
                if other != 0, unsafe (nodes + Int(other)).pointee.top >= least {
                    answer.lookedAt = length + 1
                }
                return answer
            }
            let agreed = unsafe agreement(high, low, next.pointee.high, next.pointee.low)
            guard agreed >= (unsafe Int(next.pointee.length)) else {
                answer.lookedAt = agreed + 1
                return answer
            }
            unsafe node = next
        }
    }

    /// Writes at `maxima[n]` the highest priority of the rules with the value's first `n` bits, 1
    /// to 32; what is below `least` may be left out. There must be room for 33 numbers.
    static func findMaxima(
        _ nodes: UnsafePointer<Node>, _ high: UInt64, least: Int32,
        _ maxima: UnsafeMutablePointer<Int32>
    ) {
        var node = unsafe nodes
        while true {
            // Safe throughout: as in `lookup`; a node of more than 32 bits ends the walk.
            let side = unsafe bit(Int(node.pointee.length), high, 0)
            let child = unsafe side ? node.pointee.one : node.pointee.zero
            if child == 0 { return }
            unsafe node = nodes + Int(child)
            let length = unsafe Int(node.pointee.length)
            if length > 32 || (high ^ (unsafe node.pointee.high)).leadingZeroBitCount < length {
                return
            }
            if unsafe Int32(node.pointee.top) < least { return }
            if unsafe node.pointee.count > 0 {
                unsafe maxima[length] = Int32(node.pointee.priority)
            }
        }
    }

    /// How many first bits a value and a node have in common; not less than the truth, if that is
    /// at least the node's length.
    @inline(__always)
    private static func agreement(
        _ high: UInt64, _ low: UInt64, _ otherHigh: UInt64, _ otherLow: UInt64
    ) -> Int {
        let difference = high ^ otherHigh
        if difference != 0 { return difference.leadingZeroBitCount }
        return 64 + (low ^ otherLow).leadingZeroBitCount
    }

    private static func agreement(_ high: UInt64, _ low: UInt64, _ node: Node) -> Int {
        agreement(high, low, node.high, node.low)
    }

    /// Bit `index` of a value, counted from the first.
    @inlinable @inline(__always)
    static func bit(_ index: Int, _ high: UInt64, _ low: UInt64) -> Bool {
        index < 64
            ? (high &<< UInt64(truncatingIfNeeded: index)) >> 63 != 0
            : (low &<< UInt64(truncatingIfNeeded: index - 64)) >> 63 != 0
    }

    /// `length` ones, left-aligned.
    @inlinable @inline(__always)
    static func ones(_ length: Int) -> (high: UInt64, low: UInt64) {
        (~(~0 >> UInt64(min(length, 64))), ~(~0 >> UInt64(max(length - 64, 0))))
    }
}

// Changing. A node has a rule, or two children, or is the root.

extension PrefixTrie {
    /// Counts one more rule with the first `length` bits of a value, 1 to 128.
    mutating func insert(_ high: UInt64, _ low: UInt64, length: Int, priority: UInt16) {
        let ones = Self.ones(length)
        var new = Node(high: high & ones.high, low: low & ones.low, length: UInt32(length))
        (new.priority, new.top) = (priority, priority)
        guard let end = count(new) else { return }
        let node = end.child == 0 ? add(new, count: 1) : split(end.child, after: end.agreed, new)
        link(end.parent, end.side, to: node)
    }

    /// Counts one more rule at the node for `new`, if there is one; else says where it belongs:
    /// below `parent`, in the place of `child`, with which it agrees in so many bits.
    private mutating func count(
        _ new: Node
    ) -> (parent: Int, side: Bool, child: Int, agreed: Int)? {
        // Safe: children are numbers of nodes. Lent once: a walk is some twenty nodes.
        unsafe nodes.withUnsafeMutableBufferPointer { nodes in
            var at = 0
            var node = unsafe nodes[0]
            while true {
                // Written only if it changes: most of a big tree is in no cache, and a line that
                // was written to must go back to memory.
                if new.top > node.top { unsafe nodes[at].top = new.top }
                if node.length == new.length {
                    unsafe nodes[at].count += 1
                    unsafe nodes[at].priority = max(node.priority, new.priority)
                    return nil
                }
                let side = Self.bit(Int(node.length), new.high, new.low)
                let child = Int(side ? node.one : node.zero)
                guard child != 0 else { return (at, side, 0, 0) }
                let next = unsafe nodes[child]
                let agreed = min(
                    Self.agreement(new.high, new.low, next), Int(next.length), Int(new.length))
                guard agreed == Int(next.length) else { return (at, side, child, agreed) }
                (at, node) = (child, next)
            }
        }
    }

    /// Makes a node of the first `agreed` bits that `child` and `new` have in common, above both.
    private mutating func split(_ child: Int, after agreed: Int, _ new: Node) -> UInt32 {
        let ones = Self.ones(agreed)
        var inner = Node(
            high: new.high & ones.high, low: new.low & ones.low, length: UInt32(agreed))
        inner.top = max(nodes[child].top, new.top)
        if agreed == Int(new.length) { inner.priority = new.priority }
        let childSide = Self.bit(agreed, nodes[child].high, nodes[child].low)
        if childSide { inner.one = UInt32(child) } else { inner.zero = UInt32(child) }
        if agreed < Int(new.length) {
            let leaf = add(new, count: 1)
            if childSide { inner.zero = leaf } else { inner.one = leaf }
        }
        return add(inner, count: agreed == Int(new.length) ? 1 : 0)
    }

    private mutating func add(_ node: Node, count: UInt32) -> UInt32 {
        var node = node
        node.count = count
        if let slot = free.popLast() {
            nodes[Int(slot)] = node
            return slot
        }
        nodes.append(node)
        return UInt32(nodes.count - 1)
    }

    private mutating func link(_ parent: Int, _ side: Bool, to child: UInt32) {
        if side { nodes[parent].one = child } else { nodes[parent].zero = child }
    }

    /// Takes back one `insert` of the same. Nothing happens if there is none.
    mutating func remove(_ high: UInt64, _ low: UInt64, length: Int) {
        let ones = Self.ones(length)
        let (high, low) = (high & ones.high, low & ones.low)
        var path: [(node: Int, side: Bool)] = []
        var at = 0
        while Int(nodes[at].length) < length {
            let side = Self.bit(Int(nodes[at].length), high, low)
            path.append((at, side))
            at = Int(side ? nodes[at].one : nodes[at].zero)
            guard at != 0 else { return }
        }
        let node = nodes[at]
        guard Int(node.length) == length, node.high == high, node.low == low, node.count > 0 else {
            return
        }
        nodes[at].count -= 1
        guard nodes[at].count == 0 else { return }
        nodes[at].priority = 0
        lowerTop(at)
        guard let parent = path.last else { return }
        unlink(at, from: parent.node, parent.side)
        if nodes[parent.node].count == 0, let grandparent = path.dropLast().last {
            unlink(parent.node, from: grandparent.node, grandparent.side)
        }
        for node in path.reversed() { lowerTop(node.node) }
    }

    private mutating func lowerTop(_ at: Int) {
        let node = nodes[at]
        let zero = node.zero == 0 ? 0 : nodes[Int(node.zero)].top
        let one = node.one == 0 ? 0 : nodes[Int(node.one)].top
        nodes[at].top = max(node.priority, zero, one)
    }

    /// Takes a node without rules out if it has fewer than two children.
    private mutating func unlink(_ at: Int, from parent: Int, _ side: Bool) {
        let node = nodes[at]
        guard node.zero == 0 || node.one == 0 else { return }
        link(parent, side, to: node.zero | node.one)
        free.append(UInt32(at))
    }

    /// Every node earns its place. For tests.
    func checkInvariants() -> Bool {
        var reached = 0
        var waiting: [UInt32] = [0]
        while let number = waiting.popLast() {
            reached += 1
            let node = nodes[Int(number)]
            let children = [node.zero, node.one].filter { $0 != 0 }
            guard number == 0 || node.count > 0 || children.count == 2,
                node.priority <= node.top
            else { return false }
            for child in children {
                guard nodes[Int(child)].length > node.length,
                    nodes[Int(child)].top <= node.top,
                    Self.agreement(nodes[Int(child)].high, nodes[Int(child)].low, node)
                        >= Int(node.length)
                else { return false }
            }
            waiting += children
        }
        return reached == nodes.count - free.count
    }
}
