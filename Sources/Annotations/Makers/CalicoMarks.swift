internal import ChainGraph
internal import RuleModel
internal import SourceText

/// Which bits of the packet's mark Felix uses for what.
///
/// Source: projectcalico/calico felix/dataplane/driver.go, felix/markbits: bits of the configured mask, lowest first,
/// for accept, pass, drop (v3.30 and later), two scratch bits and WireGuard; the others number endpoints.
struct CalicoMarks: Hashable, Sendable {
    var accept: UInt32
    var pass: UInt32
    /// 0 up to v3.29.
    var drop: UInt32
    var scratch0: UInt32
    var scratch1: UInt32
    /// 0 where no rule names it.
    var wireguard: UInt32 = 0
    /// 0 where kube-proxy is not in ipvs mode.
    var endpoint: UInt32 = 0

    /// Whether it is a Felix of v3.30 or later.
    var hasDrop: Bool { drop != 0 }

    /// From the mask that cali-FORWARD clears: all bits but accept (and drop), in which a gap is the drop bit.
    init?(cleared mask: UInt32) {
        var bits: [UInt32] = []
        for shift in 0..<32 where mask >> UInt32(shift) & 1 == 1 { bits.append(1 << UInt32(shift)) }
        guard bits.count == 3, bits[0] > 1 else { return nil }
        accept = bits[0] >> 1
        pass = bits[0]
        drop = bits[1] == bits[0] << 1 ? 0 : bits[0] << 1
        scratch0 = bits[1]
        scratch1 = bits[2]
    }

    /// The marks of the first cali-FORWARD of the rule set; `nil` where there is none that clears marks, as in eBPF
    /// mode.
    init?(_ linked: LinkedRuleset) {
        var found: CalicoMarks?
        for table in linked.ruleset.tables.indices {
            guard let forward = Self.chain("cali-FORWARD", layer: "filter", table: table, linked) else { continue }
            for rule in linked.chain(forward).rules.indices.prefix(3) where found == nil {
                let rule = FelixRule(RuleFacts(linked: linked, reference: RuleReference(chain: forward, index: rule)))
                if case .mark(0, let mask) = rule.act { found = CalicoMarks(cleared: mask) }
            }
            if found == nil { continue }
            if let input = Self.chain("cali-INPUT", layer: "filter", table: table, linked) {
                found?.takeEndpointMark(linked, input)
            }
            break
        }
        guard var marks = found else { return nil }
        for table in linked.ruleset.tables.indices {
            let name = "cali-wireguard-incoming-mark"
            guard let chain = Self.chain(name, layer: "raw", table: table, linked) else { continue }
            for rule in linked.chain(chain).rules.indices {
                let rule = FelixRule(RuleFacts(linked: linked, reference: RuleReference(chain: chain, index: rule)))
                if case .mark(let value, _) = rule.act { marks.wireguard = value }
            }
        }
        self = marks
    }

    private mutating func takeEndpointMark(_ linked: LinkedRuleset, _ input: ChainID) {
        for rule in linked.chain(input).rules.indices {
            let rule = FelixRule(RuleFacts(linked: linked, reference: RuleReference(chain: input, index: rule)))
            if rule.act == .return, let mark = rule.mark, mark.isNegated, mark.value == 0 { endpoint = mark.mask }
        }
    }

    private static func chain(_ name: String, layer: String, table: Int, _ linked: LinkedRuleset) -> ChainID? {
        let native = linked.ruleset.tables[table].isNative
        guard linked.name(linked.ruleset.tables[table].name) == (native ? "calico" : layer),
            let symbol = linked.names.find(native ? "\(layer)-\(name)" : name)
        else { return nil }
        return linked.chainID(table: table, named: symbol)
    }

    /// What each of these bits says.
    func meanings(of bits: UInt32) -> [MarkMeaning] {
        let all: [(mask: UInt32, text: String)] = [
            (accept, "policy accepted the packet, or it passed FORWARD"),
            (pass, "a policy passed the packet on to the next tier or the profiles"),
            (drop, "a policy denied the packet"),
            (scratch0, "in raw: the packet comes from a workload; in policies: the conditions so far hold"),
            (scratch1, "in policies: a part of a rule's conditions holds"),
            (wireguard, "the packet did not come by WireGuard, or WireGuard itself sent it"),
            (endpoint, "the number of the endpoint that the packet comes from (kube-proxy in ipvs mode)"),
        ]
        var found: [MarkMeaning] = []
        for (mask, text) in all where mask & bits != 0 {
            found.append(MarkMeaning(mask: mask, maker: .calico, text: text))
        }
        return found
    }
}
