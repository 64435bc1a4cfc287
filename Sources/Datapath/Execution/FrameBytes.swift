public import Packets

// Loads and stores in a frame that may be edited. Each checks its bounds, in release builds too.

/// The bytes of a frame, borrowed for the length of an edit.
@unsafe
@usableFromInline
struct FrameBytes {
    @usableFromInline let start: UnsafeMutableRawPointer
    @usableFromInline let byteCount: Int

    @inlinable init(_ frame: Frame) {
        unsafe start = frame.start
        unsafe byteCount = frame.byteCount
    }

    @inlinable
    func load<Word: FixedWidthInteger & BitwiseCopyable>(_: Word.Type, at offset: Int) -> Word {
        unsafe precondition(offset >= 0 && offset + MemoryLayout<Word>.size <= byteCount)
        // Safe: checked above, and whoever lent the frame vouches for byteCount bytes.
        return unsafe Word(bigEndian: start.loadUnaligned(fromByteOffset: offset, as: Word.self))
    }

    @inlinable
    func store<Word: FixedWidthInteger & BitwiseCopyable>(_ word: Word, at offset: Int) {
        unsafe precondition(offset >= 0 && offset + MemoryLayout<Word>.size <= byteCount)
        // Safe: checked above, and whoever lent the frame vouches for byteCount bytes.
        unsafe start.storeBytes(of: word.bigEndian, toByteOffset: offset, as: Word.self)
    }

    @inlinable func loadMAC(at offset: Int) -> UInt64 {
        unsafe UInt64(load(UInt16.self, at: offset)) << 32
            | UInt64(load(UInt32.self, at: offset + 2))
    }

    @inlinable func storeMAC(_ bits: UInt64, at offset: Int) {
        unsafe store(UInt16(truncatingIfNeeded: bits >> 32), at: offset)
        unsafe store(UInt32(truncatingIfNeeded: bits), at: offset + 2)
    }
}
