public import Annotations
internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

extension ChainPicture {
    /// The chain graph of a rule set, as much of it as `settings` asks for. Takes time in proportion to its rules.
    public init(_ owners: AnnotatedRuleset, _ settings: ChainPictureSettings = ChainPictureSettings()) {
        var maker = PictureMaker(owners, settings)
        maker.make()
        self = maker.picture
    }
}

private struct PictureMaker {
    let linked: LinkedRuleset
    let purposes: [Purpose?]
    let settings: ChainPictureSettings
    let isKept: [Bool]
    var picture = ChainPicture()
    /// By chain, its node.
    private var nodeOf: [Int?]
    private var isUnreferenced: [Bool]
    private var turns: [ChainPicture.Turn?]
    private var loops: Set<[ChainID]> = []
    private let soleCallers: [ChainID?]

    init(_ owners: AnnotatedRuleset, _ settings: ChainPictureSettings) {
        linked = owners.linked
        self.settings = settings
        purposes = linked.chainIDs.map { owners.purpose(of: ChainID($0)) }
        isKept = ChainCut(linked: linked, settings: settings, owners: purposes.map { $0?.maker }).kept()
        soleCallers = PictureMaker.soleCallers(linked)
        nodeOf = [Int?](repeating: nil, count: linked.chainCount)
        isUnreferenced = [Bool](repeating: false, count: linked.chainCount)
        turns = [ChainPicture.Turn?](repeating: nil, count: linked.chainCount)
    }

    mutating func make() {
        takeFindings()
        takeTurns()
        picture.ways = hookWays(linked, isKept: isKept)
        for table in tablesInOrder() { addBand(table) }
        addEdges()
        tellWhatIsCut()
    }

    private mutating func takeFindings() {
        for finding in linked.findings {
            switch finding.kind {
            case .unreferenced(let chain): isUnreferenced[chain.index] = true
            case .loop(let chains):
                for index in chains.indices { loops.insert([chains[index], chains[(index + 1) % chains.count]]) }
            case .danglingJump, .tooDeep, .duplicateChain, .jumpToBaseChain: break
            }
        }
        // Chains that nothing jumps to are drawn so.
        picture.notes = linkNotes(linked) { kind in
            if case .unreferenced = kind { false } else { true }
        }
    }

    private mutating func takeTurns() {
        for version in [IPVersion.v6, .v4] {
            for hook in Hook.allCases {
                let chains = linked.baseChains(version, hook)
                for (index, chain) in chains.enumerated() {
                    turns[chain.index] = ChainPicture.Turn(place: index + 1, count: chains.count)
                }
            }
        }
    }

    // MARK: Bands

    /// By whose packets they see, then by their first priority, then as in the dump.
    private func tablesInOrder() -> [Int] {
        let tables = linked.ruleset.tables
        let keys = tables.map { table in
            (rank(table.family), table.chains.compactMap { $0.base?.priority }.min() ?? Int32.max)
        }
        return tables.indices.sorted { (keys[$0].0, keys[$0].1, $0) < (keys[$1].0, keys[$1].1, $1) }
    }

    private func rank(_ family: TableFamily) -> Int {
        switch family {
        case .netdev: 0
        case .ip, .inet: 1
        case .ip6: 2
        case .bridge: 3
        case .arp: 4
        }
    }

    private mutating func addBand(_ table: Int) {
        let first = picture.nodes.count
        var families: [ChainFamily: [ChainID]] = [:]
        /// In the order of their first chains.
        var order: [ChainFamily] = []
        var alone: [ChainID] = []
        for chainIndex in linked.ruleset.tables[table].chains.indices {
            let id = linked.chainID(table: table, chain: chainIndex)
            guard isKept[id.index] else { continue }
            guard let family = family(of: id, table) else {
                alone.append(id)
                continue
            }
            if families[family] == nil { order.append(family) }
            families[family, default: []].append(id)
        }
        alone.sort { sortKey($0) < sortKey($1) }
        for id in alone { addNode([id], nil) }
        for family in order {
            let chains = families[family] ?? []
            if let least = settings.foldsFrom, chains.count >= max(least, 2) {
                addNode(chains, family)
            } else {
                for id in chains { addNode([id], nil) }
            }
        }
        if picture.nodes.count == first { return }
        picture.bands.append(
            ChainPicture.Band(table: table, title: title(table), nodes: Array(first..<picture.nodes.count)))
    }

    /// Base chains as a packet meets them, then all others as in the dump.
    private func sortKey(_ id: ChainID) -> (Int, Int, Int32, Int) {
        guard let base = linked.chain(id).base else { return (1, 0, 0, id.index) }
        return (0, Int(base.hook.rawValue), base.priority, turns[id.index]?.place ?? id.index)
    }

    private func family(of id: ChainID, _ table: Int) -> ChainFamily? {
        let chain = linked.chain(id)
        if chain.base != nil { return nil }
        let owner = purposes[id.index]?.maker
        if isUnreferenced[id.index] {
            return ChainFamily(table: table, owner: owner, isUnreferenced: true, kind: "")
        }
        let name = linked.name(chain.name)
        guard let kind = purposes[id.index]?.family ?? partOf(id, name) ?? nameStem(name) else { return nil }
        return ChainFamily(table: table, owner: owner, isUnreferenced: false, kind: kind)
    }

    /// The one chain that leads to this one, where its name is the beginning of this one's, which leads nowhere:
    /// firewalld's `IN_public_log`, `IN_public_deny`, … belong to `IN_public`.
    private func partOf(_ id: ChainID, _ name: String) -> String? {
        guard linked.jumps[id.index].isEmpty, let caller = soleCallers[id.index] else { return nil }
        let whole = linked.name(linked.chain(caller).name)
        return name.utf8.count > whole.utf8.count && name.utf8.starts(with: whole.utf8) ? whole : nil
    }

    /// By chain, the one that leads to it where that is one alone.
    private static func soleCallers(_ linked: LinkedRuleset) -> [ChainID?] {
        var callers = [ChainID?](repeating: nil, count: linked.chainCount)
        var areSeveral = [Bool](repeating: false, count: linked.chainCount)
        for index in linked.chainIDs {
            for jump in linked.jumps[index] {
                guard let target = jump.target?.index else { continue }
                if let known = callers[target], known.index != index { areSeveral[target] = true }
                callers[target] = ChainID(index)
            }
        }
        for index in callers.indices where areSeveral[index] { callers[index] = nil }
        return callers
    }

    private func title(_ index: Int) -> String {
        let table = linked.ruleset.tables[index]
        var text = "\(table.family.name) \(linked.name(table.name))"
        if table.backend == .legacy { text += " (legacy)" }
        if table.isDormant { text += ", dormant: no packet meets it" }
        if table.isCutOff { text += ", the dump is cut off" }
        return text
    }

    // MARK: Nodes

    private mutating func addNode(_ chains: [ChainID], _ family: ChainFamily?) {
        guard let first = chains.first else { return }
        for chain in chains { nodeOf[chain.index] = picture.nodes.count }
        let name: String
        var purpose = purposes[first.index]?.text ?? ""
        if let family {
            name = commonBeginning(chains.map { linked.name(linked.chain($0).name) })
            if let shared = purposes[first.index]?.family, shared == family.kind {
                purpose = shared
            } else if chains.contains(where: { purposes[$0.index]?.text != purposes[first.index]?.text }) {
                purpose = ""
            }
        } else {
            name = linked.name(linked.chain(first).name)
        }
        picture.nodes.append(
            ChainPicture.Node(
                chains: chains, name: name, standing: standing(first),
                ruleCount: chains.reduce(0) { $0 + linked.chain($1).rules.count },
                owner: purposes[first.index]?.maker, purpose: purpose, decided: decided(chains)))
    }

    private func standing(_ id: ChainID) -> ChainPicture.Standing {
        guard let base = linked.chain(id).base else { return isUnreferenced[id.index] ? .unreferenced : .user }
        return .base(
            ChainPicture.Base(
                hook: base.hook, priority: base.priority, policy: base.policy,
                policyPackets: linked.chain(id).policyCounters?.packets, turn: turns[id.index]))
    }

    /// What was decided, where all that decides is counted: a share of a part would mislead.
    private func decided(_ chains: [ChainID]) -> ChainPicture.Decided? {
        var decided = ChainPicture.Decided()
        for id in chains {
            let chain = linked.chain(id)
            if let base = chain.base {
                guard let policy = chain.policyCounters else { return nil }
                switch base.policy {
                case .accept: decided.accepted &+= policy.packets
                case .drop: decided.dropped &+= policy.packets
                }
            }
            for rule in chain.rules {
                guard let target = rule.target else { continue }
                let packets = chain.counters(of: rule)?.packets
                switch target {
                case .accept: if !add(packets, to: &decided.accepted) { return nil }
                case .drop, .reject, .native(.reject): if !add(packets, to: &decided.dropped) { return nil }
                case .dnat, .snat, .masquerade, .redirect, .netmap, .prefixTranslation, .native(.translate), .tproxy,
                    .native(.tproxy):
                    if !add(packets, to: &decided.translated) { return nil }
                case .queue, .nfQueue, .native(.queue): if !add(packets, to: &decided.queued) { return nil }
                // What these decide is not told by a counter.
                case .unknown, .native(.unknown), .native(.xtables), .native(.verdictMap): return nil
                default: break
                }
            }
        }
        return decided
    }

    private func add(_ packets: UInt64?, to sum: inout UInt64) -> Bool {
        guard let packets else { return false }
        sum &+= packets
        return true
    }

    // MARK: Edges

    private struct EdgeKey: Hashable {
        let from: Int
        let to: Int
        let isGoto: Bool
    }

    private mutating func addEdges() {
        var places: [EdgeKey: Int] = [:]
        var missing: [String: Int] = [:]
        for index in linked.chainIDs {
            guard let from = nodeOf[index] else { continue }
            let chain = linked.chain(ChainID(index))
            let jumps = linked.jumps[index]
            /// The rule that each edge was last counted for: an edge counts a rule once, wherever its map leads.
            var lastRule: [Int: Int] = [:]
            var hidden: Set<ChainID> = []
            for (place, jump) in jumps.enumerated() {
                let to: Int
                if let target = jump.target {
                    guard let node = nodeOf[target.index] else {
                        if hidden.insert(target).inserted { picture.nodes[from].hiddenCount += 1 }
                        continue
                    }
                    to = node
                } else {
                    to = missingNode(linked.name(jump.name), ChainID(index), &missing)
                }
                let key = EdgeKey(from: from, to: to, isGoto: jump.isGoto)
                let isNew = places[key] == nil
                let edge = places[key] ?? picture.edges.count
                if isNew {
                    places[key] = edge
                    picture.edges.append(
                        ChainPicture.Edge(from: from, to: to, isGoto: jump.isGoto, ruleCount: 0, packetCount: 0))
                }
                if let target = jump.target, loops.contains([ChainID(index), target]) {
                    picture.edges[edge].isLoop = true
                }
                if lastRule[edge] == jump.rule { continue }
                lastRule[edge] = jump.rule
                picture.edges[edge].ruleCount += 1
                let isShared =
                    place > 0 && jumps[place - 1].rule == jump.rule
                    || place + 1 < jumps.count && jumps[place + 1].rule == jump.rule
                let counted = isShared ? nil : chain.counters(of: chain.rules[jump.rule])?.packets
                picture.edges[edge].packetCount = counted.flatMap { more in
                    picture.edges[edge].packetCount.map { $0 &+ more }
                }
            }
        }
    }

    /// The node for a chain that the table of `caller` does not have.
    private mutating func missingNode(_ name: String, _ caller: ChainID, _ known: inout [String: Int]) -> Int {
        let table = linked.tableIndex(of: caller)
        let key = "\(table)/\(name)"
        if let node = known[key] { return node }
        let node = picture.nodes.count
        known[key] = node
        picture.nodes.append(
            ChainPicture.Node(
                chains: [], name: name, standing: .missing, ruleCount: 0, owner: nil, purpose: "", decided: nil))
        if let band = picture.bands.firstIndex(where: { $0.table == table }) { picture.bands[band].nodes.append(node) }
        return node
    }

    private mutating func tellWhatIsCut() {
        let shown = isKept.reduce(0) { $0 + ($1 ? 1 : 0) }
        if shown < linked.chainCount {
            picture.extent = "\(shown) of \(counted(linked.chainCount, "chain")) are shown, as was asked for"
        }
    }
}
