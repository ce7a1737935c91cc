internal import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// Something that decides about packets and is not followed: rules that could not be read, or what is beside all rules.
public struct UnfollowedDecider: Hashable, Sendable {
    /// As `--assume NAME=pass` takes it: `nft`, `cut-off`, `xdp`, …
    public var name: String
    /// A sentence without a final stop.
    public var text: String
    /// The version of the packets that it decides about, where it is one alone.
    public var version: IPVersion?
    /// Whether it is rules of a table that is known in part: what that table does is not sure either.
    public var isOfRules: Bool
    public var place: Place

    public init(
        name: String, text: String, version: IPVersion? = nil, isOfRules: Bool = false, place: Place = .none
    ) {
        self.name = name
        self.text = text
        self.version = version
        self.isOfRules = isOfRules
        self.place = place
    }
}

extension [UnfollowedDecider] {
    /// Those that decide about packets of one of `versions`.
    public func about(_ versions: some Collection<IPVersion>) -> [UnfollowedDecider] {
        filter { decider in decider.version.map { versions.contains($0) } ?? true }
    }
}

extension HostModel {
    /// All that decides about packets of this host and is not followed, whatever way they take. Chains at hooks of devices
    /// and bridges are not among them: packets that meet those are followed to there and no further.
    public var unfollowedDeciders: [UnfollowedDecider] {
        var found = unreadRules
        for table in linked.ruleset.tables where !table.isDormant {
            for flowtable in table.flowtables where table.handsOver(to: flowtable) {
                let owner = "\(table.family.name) \(names.text(table.name))"
                let text =
                    "flowtable \(names.text(flowtable.name)) of table \(owner) lets the packets of connections that it was "
                    + "handed bypass PREROUTING, FORWARD and POSTROUTING"
                found.append(UnfollowedDecider(name: "flowtable", text: text, place: flowtable.place))
            }
        }
        // Where its services are known IPVS is followed.
        let beside = host.otherDeciders.filter { $0.kind != .ipvs || host.virtualServices == nil }
        // A host may have one on each of very many interfaces.
        let shown = 3
        var counts: [OtherDecider.Kind: Int] = [:]
        for decider in beside {
            counts[decider.kind, default: 0] += 1
            if counts[decider.kind, default: 0] <= shown { found.append(told(decider)) }
        }
        for (kind, count) in counts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where count > shown {
            found.append(
                UnfollowedDecider(name: kind.word, text: "\(kind.sentence), as \(count - shown) more lines tell"))
        }
        return found
    }

    /// The decider in words.
    public func told(_ decider: OtherDecider) -> UnfollowedDecider {
        let onInterface = decider.interface.map { " on \(names.text($0))" } ?? ""
        return UnfollowedDecider(
            name: decider.kind.word, text: "\(decider.kind.sentence)\(onInterface) ('\(decider.evidence)')",
            place: decider.place)
    }
}

extension Table {
    /// Whether a rule hands connections to the flowtable.
    public func handsOver(to flowtable: Flowtable) -> Bool {
        chains.contains { chain in
            chain.rules.contains { rule in
                rule.statements.contains { statement in
                    guard case .target(.native(.flow(let name))) = statement else { return false }
                    return name == flowtable.name
                }
            }
        }
    }
}

extension OtherDecider.Kind {
    /// As `--assume NAME=pass` takes it.
    fileprivate var word: String {
        switch self {
        case .trafficControl: "traffic-control"
        case .xdp: "xdp"
        case .bpf: "bpf"
        case .ipvs: "ipvs"
        case .openVSwitch: "ovs"
        case .flowtable: "flowtable"
        case .xfrm: "xfrm"
        case .vrf: "vrf"
        case .otherNamespace: "namespace"
        }
    }

    fileprivate var sentence: String {
        switch self {
        case .trafficControl: "traffic control decides about packets too"
        case .xdp: "an XDP program decides about packets before any rule"
        case .bpf: "a BPF program decides about packets too"
        case .ipvs: "IPVS takes packets to its virtual addresses"
        case .openVSwitch: "Open vSwitch forwards packets by rules of its own"
        case .flowtable: "a flowtable carries known connections past the rules"
        case .xfrm: "IPsec policies take packets into tunnels or drop them"
        case .vrf: "a VRF routes packets by a table of its own"
        case .otherNamespace: "another network namespace has a part in it"
        }
    }
}
