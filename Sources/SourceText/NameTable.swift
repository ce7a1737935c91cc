/// An interned name: equal names of one `NameTable` have equal symbols.
public struct Symbol: Hashable, Sendable, Comparable {
    public let index: UInt32
    public init(index: UInt32) { self.index = index }

    /// The empty name, in every table.
    public static let empty = Symbol(index: 0)

    /// By order of first appearance.
    public static func < (a: Symbol, b: Symbol) -> Bool { a.index < b.index }
}

/// Interns byte strings: chain, set and interface names, comments, prefixes.
///
/// All bytes lie in one array; a name costs its bytes and 8 more. Not limited to UTF-8.
public struct NameTable: Sendable {
    private var bytes: [UInt8] = []
    /// `ends[i]` is where name `i` ends; it starts where name `i - 1` ends.
    private var ends: [UInt32] = []
    /// Open addressing; 0 is free, else index + 1 below and the hash's upper half above. A power of two in size.
    private var slots: [UInt64]

    public init() {
        slots = [UInt64](repeating: 0, count: 64)
        _ = intern("")
    }

    public var count: Int { ends.count }

    /// The symbol of these bytes, made if it is new.
    public mutating func intern(_ name: Span<UInt8>) -> Symbol {
        if (ends.count + 1) * 4 > slots.count * 3 { grow() }
        let hash = name.hashOfBytes
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if let index = match(slots[slot], hash, name) { return Symbol(index: index) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let index = UInt32(ends.count)
        bytes.append(name)
        ends.append(UInt32(bytes.count))
        slots[slot] = hash & NameTable.upperHalf | UInt64(index + 1)
        return Symbol(index: index)
    }

    /// The symbol of the bytes of `buffer` in `range`.
    public mutating func intern(_ buffer: [UInt8], _ range: Range<Int>) -> Symbol {
        intern(buffer.span.extracting(range))
    }

    public mutating func intern(_ name: String) -> Symbol {
        let bytes = Array(name.utf8)
        return intern(bytes.span)
    }

    /// The symbol of a name that is already here.
    public func find(_ name: String) -> Symbol? {
        let wanted = Array(name.utf8)
        return find(wanted.span)
    }

    /// The symbol of a name that is already here.
    public func find(_ name: Span<UInt8>) -> Symbol? {
        let hash = name.hashOfBytes
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            if let index = match(slots[slot], hash, name) { return Symbol(index: index) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Whether `name` is the name of `symbol`: cheaper than finding it.
    public func isName(_ name: Span<UInt8>, of symbol: Symbol) -> Bool {
        name.isSame(as: bytes, range(Int(symbol.index)))
    }

    /// The name's bytes.
    public func bytes(_ symbol: Symbol) -> ArraySlice<UInt8> { bytes[range(Int(symbol.index))] }

    /// The name as text; bytes that are no UTF-8 become U+FFFD.
    @inline(never)
    public func text(_ symbol: Symbol) -> String { String(decoding: bytes(symbol), as: UTF8.self) }

    private func range(_ index: Int) -> Range<Int> {
        guard index < ends.count else { return 0..<0 }
        return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    private static let upperHalf: UInt64 = 0xffff_ffff_0000_0000

    /// The index in `slot` where it is that of `name`.
    private func match(_ slot: UInt64, _ hash: UInt64, _ name: Span<UInt8>) -> UInt32? {
        guard slot & NameTable.upperHalf == hash & NameTable.upperHalf else { return nil }
        let index = UInt32(truncatingIfNeeded: slot) - 1
        return name.isSame(as: bytes, range(Int(index))) ? index : nil
    }

    private mutating func grow() {
        var larger = [UInt64](repeating: 0, count: slots.count * 2)
        let mask = larger.count - 1
        for index in ends.indices {
            let own = range(index)
            let hash = bytes.span.extracting(own).hashOfBytes
            var slot = Int(truncatingIfNeeded: hash) & mask
            while larger[slot] != 0 { slot = (slot + 1) & mask }
            larger[slot] = hash & NameTable.upperHalf | UInt64(index + 1)
        }
        slots = larger
    }
}
