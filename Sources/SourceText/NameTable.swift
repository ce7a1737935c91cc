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
    /// Open addressing; 0 is free, else index + 1. A power of two in size.
    private var slots: [UInt32]

    public init() {
        slots = [UInt32](repeating: 0, count: 64)
        _ = intern("")
    }

    public var count: Int { ends.count }

    /// The symbol of these bytes, made if it is new.
    public mutating func intern(_ name: Span<UInt8>) -> Symbol {
        if (ends.count + 1) * 4 > slots.count * 3 { grow() }
        var slot = Int(truncatingIfNeeded: NameTable.hash(name)) & (slots.count - 1)
        while slots[slot] != 0 {
            if equals(Int(slots[slot] - 1), name) { return Symbol(index: slots[slot] - 1) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let index = UInt32(ends.count)
        for position in name.indices { bytes.append(name[position]) }
        ends.append(UInt32(bytes.count))
        slots[slot] = index + 1
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
        var slot = Int(truncatingIfNeeded: NameTable.hash(name)) & (slots.count - 1)
        while slots[slot] != 0 {
            if equals(Int(slots[slot] - 1), name) { return Symbol(index: slots[slot] - 1) }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The name's bytes.
    public func bytes(_ symbol: Symbol) -> ArraySlice<UInt8> { bytes[range(Int(symbol.index))] }

    /// The name as text; bytes that are no UTF-8 become U+FFFD.
    public func text(_ symbol: Symbol) -> String { String(decoding: bytes(symbol), as: UTF8.self) }

    private func range(_ index: Int) -> Range<Int> {
        guard index < ends.count else { return 0..<0 }
        return (index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])
    }

    private func equals(_ index: Int, _ name: Span<UInt8>) -> Bool {
        let own = range(index)
        guard own.count == name.count else { return false }
        var position = own.lowerBound
        for other in name.indices {
            if bytes[position] != name[other] { return false }
            position += 1
        }
        return true
    }

    private mutating func grow() {
        var larger = [UInt32](repeating: 0, count: slots.count * 2)
        let mask = larger.count - 1
        for index in ends.indices {
            let own = range(index)
            var slot = Int(truncatingIfNeeded: NameTable.hash(bytes.span.extracting(own))) & mask
            while larger[slot] != 0 { slot = (slot + 1) & mask }
            larger[slot] = UInt32(index) + 1
        }
        slots = larger
    }

    /// FNV-1a with a final mix; names are short. Collisions cost time only, and the table is bounded by the input.
    private static func hash(_ name: Span<UInt8>) -> UInt64 {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in name.indices { value = (value ^ UInt64(name[index])) &* 0x100_0000_01b3 }
        value ^= value >> 32
        return value &* 0x9e37_79b9_7f4a_7c15 >> 17
    }
}
