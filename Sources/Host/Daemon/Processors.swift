// On which processors a thread may run.

import CProcess
import Glibc

/// A set of processors, as sched_setaffinity(2) has it.
public struct Processors: Hashable, Sendable {
    /// Processors that a set can name.
    public static let countMax = 1024
    private static let wordBitCount = UInt.bitWidth
    private var words = [UInt](repeating: 0, count: Self.countMax / Self.wordBitCount)

    /// - Parameter numbers: Those from `countMax` on are left out.
    public init(_ numbers: [UInt32]) {
        for number in numbers where number < Self.countMax {
            words[Int(number) / Self.wordBitCount] |= 1 << UInt(Int(number) % Self.wordBitCount)
        }
    }

    /// Those that the calling thread may run on; none if the kernel does not say.
    public static func ofThisThread() -> Processors {
        var set = Processors([])
        let byteCount = set.words.count * MemoryLayout<UInt>.size
        // Safe: the words live through the call, which writes no more than their bytes.
        _ = unsafe set.words.withUnsafeMutableBufferPointer { words in
            unsafe process_processors(words.baseAddress, byteCount)
        }
        return set
    }

    /// How many they are.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Lets a thread of this process run on these only.
    ///
    /// - Parameter task: As `gettid` says; 0: the calling thread.
    /// - Returns: Whether the kernel agreed. If not, nothing has changed: none of them is there, or
    ///   this process may not use them.
    public func confine(task: Int32) -> Bool {
        let byteCount = words.count * MemoryLayout<UInt>.size
        // Safe: the words live through the call.
        return unsafe words.withUnsafeBufferPointer { words in
            unsafe process_set_processors(task, words.baseAddress, byteCount) == 0
        }
    }
}
