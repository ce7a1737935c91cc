/// A one-to-one map of numbers of `width` bits onto themselves that keeps prefixes: numbers that share their leading n
/// bits are mapped to numbers that share theirs (Xu, Fan, Ammar and Moon's Crypto-PAn, 2002, with another hash).
///
/// Each node of the tree of all prefixes turns its next bit or does not, as the key has it. Where a relation beyond
/// prefixes must hold, such as that a range stays a range, the nodes it hangs on are told to turn nothing.
struct PrefixMap {
    struct Node: Hashable {
        /// The leading bits, in the low end.
        var bits: UInt128
        var length: Int
    }

    let width: Int
    private let key: RedactionKey
    /// Tells the maps of one key apart.
    private let domain: UInt64
    private var still: Set<Node> = []
    /// Nodes below which nothing is turned either.
    private var frozen: Set<Node> = []

    init(width: Int, domain: UInt64, key: RedactionKey) {
        self.width = width
        self.domain = domain
        self.key = key
    }

    /// Keeps the bits of `value` from `start` up to `end` as they are, for all numbers that share those before.
    mutating func keep(_ value: UInt128, from start: Int, to end: Int) {
        for length in start..<max(start, end) {
            still.insert(Node(bits: value >> UInt128(width - length), length: length))
        }
    }

    /// Keeps all bits behind the leading `length` of `value`.
    mutating func freeze(_ value: UInt128, length: Int) {
        frozen.insert(Node(bits: value >> UInt128(width - length), length: length))
    }

    /// Has the first and the last number of a prefix mapped to the first and the last of its image.
    mutating func keepEnds(_ value: UInt128, length: Int) {
        let rest = (UInt128(1) << UInt128(width - length)) - 1
        keep(value & ~rest, from: length, to: width)
        keep(value | rest, from: length, to: width)
    }

    /// Has the numbers from `first` to `last` mapped to all those between their images.
    mutating func keepRange(_ first: UInt128, _ last: UInt128) {
        var common = width
        while common > 0, first >> UInt128(width - common) != last >> UInt128(width - common) { common -= 1 }
        keep(first, from: common, to: width)
        keep(last, from: common, to: width)
    }

    func map(_ value: UInt128) -> UInt128 {
        var result: UInt128 = 0
        var bits: UInt128 = 0
        for length in 0..<width {
            let node = Node(bits: bits, length: length)
            if frozen.contains(node) {
                let rest = (UInt128(1) << UInt128(width - length)) - 1
                return result << UInt128(width - length) | value & rest
            }
            let bit = value >> UInt128(width - length - 1) & 1
            result = result << 1 | bit ^ (still.contains(node) ? 0 : turn(node))
            bits = bits << 1 | bit
        }
        return result
    }

    private func turn(_ node: Node) -> UInt128 {
        let head = UInt64(truncatingIfNeeded: node.bits >> 64)
        let tail = UInt64(truncatingIfNeeded: node.bits)
        return UInt128(key.hash(domain << 32 | UInt64(node.length), head, tail) & 1)
    }
}
