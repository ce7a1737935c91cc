public import ChainGraph
public import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

/// A rule or a chain as a question names it.
public struct NamedRules: Hashable, Sendable {
    /// As it was written.
    public var text: String
    /// Rules of this name: those of one family each.
    public var rules: [RuleReference] = []
    /// Chains of this name; empty where a rule is meant.
    public var chains: [ChainID] = []
}

/// Looks up `filter/INPUT:3`, `filter/INPUT` or `FILE:LINE`, a family before it where that tells two tables apart.
public func findRules(
    named text: String, on model: HostModel, files: [SourceFile]
) throws(PacketFailure) -> NamedRules {
    var result = NamedRules(text: text)
    var name = text
    var number: Int?
    if let colon = text.lastIndex(of: ":"), let value = Int(text[text.index(after: colon)...]) {
        name = String(text[..<colon])
        number = value
    }
    let linked = model.linked
    for index in linked.chainIDs {
        let chain = ChainID(index)
        let table = linked.table(of: chain)
        let path = linked.path(of: chain)
        guard name == path || name == "\(table.family.name)/\(path)" || name == linked.name(linked.chain(chain).name)
        else { continue }
        result.chains.append(chain)
    }
    if !result.chains.isEmpty {
        guard let number else { return result }
        let chains = result.chains
        result.chains = []
        result.rules = chains.filter { number >= 1 && number <= linked.chain($0).rules.count }
            .map { RuleReference(chain: $0, index: number - 1) }
        if result.rules.isEmpty {
            let count = chains.map { linked.chain($0).rules.count }.max() ?? 0
            throw PacketFailure("\(name) has no rule \(number): it has \(count)")
        }
        return result
    }
    if let number {
        for index in linked.chainIDs {
            let chain = ChainID(index)
            for (place, rule) in linked.chain(chain).rules.enumerated() {
                let file = Int(rule.place.file.index)
                guard !rule.place.isNone, Int(rule.place.line) == number, file < files.count else { continue }
                let path = files[file].path
                guard path == name || path.hasSuffix("/" + name) else { continue }
                result.rules.append(RuleReference(chain: chain, index: place))
            }
        }
        if !result.rules.isEmpty { return result }
    }
    let known = linked.chainIDs.map { linked.path(of: ChainID($0)) }
    throw PacketFailure(
        "no rule and no chain is named '\(text)': TABLE/CHAIN, TABLE/CHAIN:NUMBER or FILE:LINE; "
            + nearNames(name, among: known, of: "chains"))
}

extension LinkedRuleset {
    /// Rules that jump or go to `chain`.
    func callers(of chain: ChainID) -> [RuleReference] {
        chainIDs.flatMap { index in
            jumps[index].filter { $0.target == chain }.map { RuleReference(chain: ChainID(index), index: $0.rule) }
        }
    }
}

extension LinkedRuleset {
    /// Base chains that lead to `chain`, itself among them.
    public func bases(of chain: ChainID) -> [ChainID] {
        var open = [chain]
        var seen: Set<ChainID> = []
        var result: [ChainID] = []
        while let next = open.popLast() {
            if !seen.insert(next).inserted { continue }
            if self.chain(next).base != nil { result.append(next) }
            open += callers(of: next).map { $0.chain }
        }
        return result.sorted()
    }
}

/// Reads `22,80` or `53/udp`: ports of a service, TCP's where no protocol is told.
public func readServicePorts(_ text: String) throws(PacketFailure) -> [(port: UInt16, protocol: IPProtocol)] {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let proto = parts.count == 2 ? try readProtocol(parts[1]) : .tcp
    guard proto.hasPorts else { throw PacketFailure("a packet of protocol \(proto.shortName) has no ports") }
    let ranges = try readPorts(parts[0])
    let count = ranges.reduce(0) { $0 + Int($1.last - $1.first) + 1 }
    guard count <= 64 else {
        throw PacketFailure("'\(text)' are \(count) ports, each with a matrix of its own: 64 at most")
    }
    return ranges.flatMap { range in (range.first...range.last).map { ($0, proto) } }
}
