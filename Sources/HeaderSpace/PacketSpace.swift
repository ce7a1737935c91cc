public import NetTypes
package import SourceText

/// The space of packets of one IP version that an analysis speaks of: its fields as variables, the names of what nobody
/// knows, and the sets of packets made of them. Sets of one space mean nothing in another.
///
/// Not `Sendable`: one analysis at a time.
public final class PacketSpace {
    public let version: IPVersion
    /// Interfaces that packets may arrive by; `nil`: made on this host. The number of one is its place. Symbols are those
    /// of the first host; of one that only another has it is `.empty`.
    package let interfaces: [Symbol?]
    /// The same by name, for hosts whose names are others; empty where the space is of one host's symbols alone.
    package let interfaceNames: [String?]
    /// Those of them that no input names, where only rules are known of a host.
    package let strangers: Set<Symbol>
    /// The same by name, for hosts whose names are others.
    package internal(set) var strangerNames: [String] = []
    /// Fields that may differ; all others have one value.
    package let free: Set<PacketField>
    /// The levels of each field, by its number; `nil` for those that are not free.
    private let ranges: [Range<UInt32>?]
    /// The field and bit (0 is the highest) of each level, those of unknowns left out.
    private let places: [(field: PacketField, bit: Int)]
    /// The value of each bit where a set leaves the choice, as `places` has them.
    let usual: [Bool]
    /// The first level of what no packet decides. It lies in the midst: below the destination, of which thousands of
    /// translations hang on unknowns, and above the source, of which they all make the same.
    package let unknownLevel: UInt32
    /// The first level below all unknowns.
    package static let lowerLevel: UInt32 = 1 << 24
    var store: DiagramStore
    private var unknownLevels: [String: UInt32] = [:]
    /// What each unknown's yes means, from `unknownLevel` on.
    private(set) var unknowns: [(name: String, whenYes: String, whenNo: String)] = []
    /// Packets whose headers go together; every chain asks for them.
    package private(set) lazy var wellFormed = findWellFormed()

    /// - Parameters:
    ///   - interfaces: those that packets may arrive by, `nil` among them for packets made here.
    ///   - free: fields that may differ beside interface, addresses, protocol and ports.
    ///   - limit: of diagram nodes.
    package init(
        _ version: IPVersion, interfaces: [Symbol?], names: [String?] = [], strangers: Set<Symbol> = [],
        free: Set<PacketField>, limit: Int = 16_000_000
    ) {
        interfaceNames = names
        self.version = version
        self.strangers = strangers
        self.interfaces = interfaces
        self.free = free.union([.inInterface, .protocol, .destination, .destinationPort, .source, .sourcePort])
        store = DiagramStore(limit: limit)
        var ranges = [Range<UInt32>?](repeating: nil, count: PacketField.allCases.count)
        var places: [(field: PacketField, bit: Int)] = []
        let asked = self.free
        func add(_ fields: [PacketField], from start: UInt32) -> UInt32 {
            var level = start
            for field in fields where asked.contains(field) {
                let bits = PacketSpace.bits(field, version, interfaces.count)
                ranges[Int(field.rawValue)] = level..<level + UInt32(bits)
                places += (0..<bits).map { (field, $0) }
                level += UInt32(bits)
            }
            return level
        }
        // A router's few links are as many rule sets; the many of pods are told apart last, below what all have in common.
        let isRouter = interfaces.count <= 32
        let upper: [PacketField] = [.state, .protocol, .destination, .destinationPort]
        let lower: [PacketField] = [
            .source, .sourcePort, .tcpFlags, .ttl, .tos, .length, .mark, .connectionMark, .mac, .user, .group,
        ]
        unknownLevel = add(isRouter ? [.inInterface] + upper : upper, from: 0)
        _ = add(isRouter ? lower : lower + [.inInterface], from: PacketSpace.lowerLevel)
        self.ranges = ranges
        self.places = places
        usual = places.map { field, bit in
            let bits = PacketSpace.bits(field, version, interfaces.count)
            return PacketSpace.usualValue(field, version) >> UInt128(bits - 1 - bit) & 1 == 1
        }
    }

    /// Whether more nodes were needed than there may be: no answer counts then.
    public var isExhausted: Bool { store.isExhausted }

    /// How many nodes its diagrams have.
    public var size: Int { store.nodes.count }

    private static func bits(_ field: PacketField, _ version: IPVersion, _ interfaces: Int) -> Int {
        switch field {
        case .inInterface: interfaces <= 1 ? 0 : Int.bitWidth - (interfaces - 1).leadingZeroBitCount
        case .state: 3
        case .protocol, .tcpFlags, .ttl, .tos: 8
        case .destination, .source: version.addressBits
        case .destinationPort, .sourcePort, .length: 16
        case .mark, .connectionMark, .user, .group: 32
        case .mac: 48
        }
    }

    package func bits(_ field: PacketField) -> Int { PacketSpace.bits(field, version, interfaces.count) }

    /// The value of a field that is not free.
    func fixedValue(_ field: PacketField) -> UInt128 {
        switch field {
        case .inInterface, .state, .destination, .destinationPort, .source, .sourcePort, .tos, .mark, .connectionMark,
            .mac, .user, .group:
            0
        case .protocol: 6
        // What a trace takes where it is not told: a SYN, 64 hops, the headers alone.
        case .tcpFlags: 2
        case .ttl: 64
        case .length: 40
        }
    }

    /// The levels of a free field, the highest bit first.
    package func levels(_ field: PacketField) -> Range<UInt32>? { ranges[Int(field.rawValue)] }

    /// The field and bit (0 is the highest) of a level; `nil` for an unknown's.
    func field(at level: UInt32) -> (field: PacketField, bit: Int)? {
        let place = place(of: level)
        return place < places.count ? places[place] : nil
    }

    /// Where the bit of a level lies among those of an assignment: fields first, then unknowns.
    func place(of level: UInt32) -> Int {
        if level < unknownLevel { return Int(level) }
        if level >= PacketSpace.lowerLevel { return Int(unknownLevel) + Int(level - PacketSpace.lowerLevel) }
        return places.count + Int(level - unknownLevel)
    }

    private var unknownLevelRange: Range<UInt32> { unknownLevel..<PacketSpace.lowerLevel }

    func source(_ field: PacketField) -> FieldSource {
        free.contains(field) ? .arriving : .constant(fixedValue(field))
    }

    // MARK: Sets

    public func and(_ a: PacketSet, _ b: PacketSet) -> PacketSet { PacketSet(node: store.and(a.node, b.node)) }
    public func or(_ a: PacketSet, _ b: PacketSet) -> PacketSet { PacketSet(node: store.or(a.node, b.node)) }
    public func subtract(_ a: PacketSet, _ b: PacketSet) -> PacketSet {
        PacketSet(node: store.difference(a.node, b.node))
    }
    public func complement(_ a: PacketSet) -> PacketSet { PacketSet(node: store.not(a.node)) }
    /// Packets that are in one and not the other.
    public func differing(_ a: PacketSet, _ b: PacketSet) -> PacketSet {
        PacketSet(node: store.exclusiveOr(a.node, b.node))
    }
    public func isSubset(_ a: PacketSet, of b: PacketSet) -> Bool { subtract(a, b).isEmpty }

    /// All of `sets`, joined in pairs so that none is gone through often.
    public func union(_ sets: [PacketSet]) -> PacketSet {
        var open = sets
        while open.count > 1 {
            var next: [PacketSet] = []
            for index in stride(from: 0, to: open.count, by: 2) {
                next.append(index + 1 < open.count ? or(open[index], open[index + 1]) : open[index])
            }
            open = next
        }
        return open.first ?? .none
    }

    /// Packets that are in it whatever the unknowns are.
    public func always(_ a: PacketSet) -> PacketSet {
        PacketSet(node: store.quantify(a.node, unknownLevelRange, isAll: true))
    }

    /// Packets that are in it if the unknowns are one way or another.
    public func possibly(_ a: PacketSet) -> PacketSet {
        PacketSet(node: store.quantify(a.node, unknownLevelRange, isAll: false))
    }

    /// The share of all bit patterns that is in it.
    public func share(_ a: PacketSet) -> Double { store.share(a.node) }

    /// How many nodes its diagram has.
    package func nodes(of a: PacketSet) -> Int { store.size(a.node) }

    // MARK: Unknowns

    /// Where the unknown `name` is yes.
    package func unknown(_ name: String, whenYes: String, whenNo: String) -> PacketSet {
        let level: UInt32
        if let known = unknownLevels[name] {
            level = known
        } else {
            level = unknownLevel + UInt32(unknowns.count)
            unknownLevels[name] = level
            unknowns.append((name, whenYes, whenNo))
        }
        return PacketSet(node: store.node(level, 0, 1))
    }

    /// The names of the unknowns that decide whether a packet is in it, in the order they were met.
    public func unknownNames(_ a: PacketSet) -> [String] {
        store.support(a.node).filter { unknownLevelRange.contains($0) }.map { unknowns[Int($0 - unknownLevel)].name }
    }

    /// What the unknown `name` says where it is yes and where it is no.
    public func meaning(ofUnknown name: String) -> (whenYes: String, whenNo: String)? {
        guard let level = unknownLevels[name] else { return nil }
        let own = unknowns[Int(level - unknownLevel)]
        return (own.whenYes, own.whenNo)
    }

    /// Packets that are in it while the unknown is as given.
    package func assuming(_ name: String, _ isYes: Bool, _ a: PacketSet) -> PacketSet {
        guard let level = unknownLevels[name] else { return a }
        return PacketSet(node: store.cofactor(a.node, level, isYes))
    }
}
