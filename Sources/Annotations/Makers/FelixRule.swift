internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Where a chain of Felix's stands, and its name without the layer that nftables mode puts before it.
struct FelixChain {
    var layer: CalicoPurpose.Layer
    /// `cali-tw-cali12345`, or `FORWARD` for a base chain.
    var name: String
    var isNative: Bool

    /// `nil` where the chain is in no table that Felix writes to.
    init?(_ facts: ChainFacts) {
        let table = facts.table
        let full = facts.name
        isNative = table.isNative
        let layerName: Substring
        if isNative {
            guard facts.tableName == "calico", let dash = full.firstIndex(of: "-") else { return nil }
            layerName = full[..<dash]
            name = String(full[full.index(after: dash)...])
        } else {
            layerName = facts.tableName[...]
            name = full
        }
        switch layerName {
        case "raw": layer = .raw
        case "mangle": layer = .mangle
        case "nat": layer = .nat
        case "filter": layer = .filter
        default: return nil
        }
    }

    /// Whether only Felix puts rules there.
    var isOwn: Bool { name.hasPrefix("cali-") || name.hasPrefix("felix-") }
}

/// What a rule of Felix's says, alike in both modes.
struct FelixRule {
    enum Act: Equatable {
        case none, accept, drop, reject, `return`, jump(String), goto(String)
        /// `mark = (mark & ~mask) ^ value`
        case mark(value: UInt32, mask: UInt32)
        case notrack, log, flowLog(String), translate, dscp, dispatch, flowOffload, connectionMark, other
    }

    struct MarkTest: Equatable {
        var value: UInt32
        var mask: UInt32
        var isNegated: Bool

        /// All of its bits are set.
        var isSet: Bool { value == mask && !isNegated }
        /// None of its bits is set.
        var isClear: Bool { value == 0 && !isNegated }
    }

    /// The 16 characters behind `cali:`.
    var hash: String?
    /// Those of the rule besides the hash.
    var comments: [String] = []
    var act = Act.none
    var mark: MarkTest?
    /// `eth0`, or `cali+` for all that begin so.
    var inInterface: String?
    var outInterface: String?
    var asksReversePath = false
    var asksConnection = false
    var asksLimit = false
    var asksConnectionCount = false
    var protocolNumber: UInt8?
    /// The first set that it looks into.
    var set = Symbol.empty
    var asksAddressType = false
    /// The chain of a jump or goto.
    var target: Symbol?

    init(_ facts: RuleFacts) {
        let linked = facts.linked
        let isNative = linked.table(of: facts.reference.chain).isNative
        for statement in facts.rule.statements {
            switch statement {
            case .match(let match): take(match, linked, isNative: isNative)
            case .target(let target): take(target, linked, isNative: isNative)
            }
        }
    }

    var namesSet: Bool { self.set != .empty }

    func has(_ comment: String) -> Bool { comments.contains(comment) }

    // MARK: Reading

    private mutating func take(_ match: Match, _ linked: LinkedRuleset, isNative: Bool) {
        switch match {
        case .comment(let symbol): take(comment: linked.name(symbol), isNative: isNative)
        case .mark(let test):
            mark = MarkTest(value: test.value.value, mask: test.value.mask, isNegated: test.isNegated)
        case .inInterface(.is(let pattern)): inInterface = text(pattern, linked)
        case .outInterface(.is(let pattern)): outInterface = text(pattern, linked)
        case .reversePath: asksReversePath = true
        case .conntrack, .state: asksConnection = true
        case .limit: asksLimit = true
        case .connectionLimit: asksConnectionCount = true
        case .protocol(.is(let test)): protocolNumber = test.number.rawValue
        case .set(let test): self.set = test.name.value
        case .addressType: asksAddressType = true
        case .native(let comparison): take(comparison)
        default: break
        }
    }

    /// In nftables mode hash and comments are one text: `cali:HASH; text`.
    private mutating func take(comment text: String, isNative: Bool) {
        guard text.hasPrefix("cali:") else {
            comments.append(text)
            return
        }
        let rest = text.dropFirst(5)
        let end = rest.firstIndex(of: ";") ?? rest.endIndex
        hash = String(rest[..<end])
        guard isNative, end < rest.endIndex else { return }
        let words = rest[rest.index(after: end)...].drop { $0 == " " }
        if !words.isEmpty { comments.append(String(words)) }
    }

    private func text(_ pattern: InterfacePattern, _ linked: LinkedRuleset) -> String {
        linked.name(pattern.name) + (pattern.isPrefix ? "+" : "")
    }

    private mutating func take(_ comparison: Comparison) {
        switch comparison.left {
        case .masked(.meta(.mark), let mask, _):
            guard case .literal(let value) = comparison.right, let value = value.number, let mask = mask.number else {
                return
            }
            mark = MarkTest(
                value: UInt32(truncatingIfNeeded: value), mask: UInt32(truncatingIfNeeded: mask),
                isNegated: comparison.relation == .notEqual)
        case .meta(.mark):
            guard case .literal(let value) = comparison.right, let value = value.number else { return }
            mark = MarkTest(
                value: UInt32(truncatingIfNeeded: value), mask: .max, isNegated: comparison.relation == .notEqual)
        case .meta(.inName): inInterface = interface(comparison.right)
        case .meta(.outName): outInterface = interface(comparison.right)
        case .meta(.layer4Protocol): protocolNumber = comparison.right.number.map { UInt8(truncatingIfNeeded: $0) }
        case .field(let field):
            if let transport = field.row.header.transport {
                protocolNumber = transport
            } else if field.row.type == .internetProtocol {
                protocolNumber = comparison.right.number.map { UInt8(truncatingIfNeeded: $0) }
            }
            if case .set(let name) = comparison.right { self.set = name }
        case .fib(let query):
            if query.result == .addressType { asksAddressType = true } else { asksReversePath = true }
        case .connection: asksConnection = true
        default: break
        }
    }

    /// With the `+` of iptables behind what names begin with.
    private func interface(_ operand: Comparison.Operand) -> String? {
        operand.name.map { $0.isPrefix ? $0.text + "+" : $0.text }
    }

    private mutating func take(_ target: Target, _ linked: LinkedRuleset, isNative: Bool) {
        switch target {
        case .accept: act = .accept
        case .drop: act = .drop
        case .reject: act = .reject
        case .return: act = .return
        case .jump(let name):
            act = .jump(bare(linked.name(name), isNative))
            self.target = name
        case .goto(let name):
            act = .goto(bare(linked.name(name), isNative))
            self.target = name
        case .mark(let operation): act = .mark(value: operation.word.value, mask: operation.word.mask)
        case .notrack: act = .notrack
        case .log: act = .log
        case .nfLog(let log): act = .flowLog(linked.name(log.prefix))
        case .dnat, .snat, .masquerade: act = .translate
        case .dscp: act = .dscp
        case .connectionMark: act = .connectionMark
        case .ct(let target) where target.notrack: act = .notrack
        case .native(let statement): take(statement, linked)
        default: act = .other
        }
    }

    private mutating func take(_ statement: NativeStatement, _ linked: LinkedRuleset) {
        switch statement {
        case .counter, .continue, .last: break
        case .assign(.meta(.mark), .masked(.meta(.mark), let and, let xor)):
            guard let and = and.number, let xor = xor.number else { return }
            act = .mark(value: UInt32(truncatingIfNeeded: xor), mask: ~UInt32(truncatingIfNeeded: and))
        case .assign(.meta(.mark), .literal(let literal)):
            act = .mark(value: UInt32(truncatingIfNeeded: literal.number ?? 0), mask: .max)
        case .assign(.field(let field), _) where field.row.type == .dscp: act = .dscp
        case .assign(.connection(.mark, _), _): act = .connectionMark
        case .notrack: act = .notrack
        case .reject: act = .reject
        case .log(let log): act = log.group == nil ? .log : .flowLog(linked.name(log.prefix))
        case .translate: act = .translate
        case .verdictMap: act = .dispatch
        case .flow: act = .flowOffload
        case .limit: asksLimit = true
        case .connectionCount: asksConnectionCount = true
        default: act = .other
        }
    }

    /// `cali-FORWARD` out of `filter-cali-FORWARD`.
    private func bare(_ name: String, _ isNative: Bool) -> String {
        guard isNative, let dash = name.firstIndex(of: "-") else { return name }
        return String(name[name.index(after: dash)...])
    }
}
