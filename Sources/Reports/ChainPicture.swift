internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// The chain graph as nodes and edges, before it takes the form of one language.
struct ChainPicture {
    enum NodeKind: Hashable {
        case base, user
        /// No rule leads there.
        case unreferenced
        /// A jump leads there and it is not in the table.
        case missing
    }

    struct Node {
        var id: String
        /// Lines of its label; the first is the name.
        var lines: [String]
        var kind: NodeKind
        /// Whether its policy drops.
        var drops = false
    }

    enum EdgeKind: Hashable {
        /// The next chain at the same hook.
        case order
        /// From one hook to the next.
        case flow
        case jump, goto
    }

    struct Edge {
        var from: String
        var to: String
        var kind: EdgeKind
        /// How many rules make it.
        var count = 1
        var isLoop = false
    }

    /// Base chains of one hook, in the order they run.
    struct Group {
        var id: String
        var title: String
        var nodes: [Node]
    }

    var groups: [Group] = []
    /// Chains that other chains jump to, by table.
    var tables: [Group] = []
    var unreferenced: [Node] = []
    var missing: [Node] = []
    var edges: [Edge] = []
    /// What is wrong, in words.
    var notes: [String] = []

    init(_ linked: LinkedRuleset) {
        var builder = PictureBuilder(linked: linked)
        builder.build()
        self = builder.picture
    }

    fileprivate init() {}
}

private struct PictureBuilder {
    let linked: LinkedRuleset
    var picture = ChainPicture()
    var isPlaced: [Bool]
    var unreferenced: Set<ChainID> = []
    var loopEdges: Set<[ChainID]> = []

    init(linked: LinkedRuleset) {
        self.linked = linked
        isPlaced = [Bool](repeating: false, count: linked.chainCount)
    }

    mutating func build() {
        takeFindings()
        for version in [IPVersion.v4, .v6] { addHooks(version) }
        addOtherBaseChains()
        addUserChains()
        addJumps()
    }

    private mutating func takeFindings() {
        for finding in linked.findings {
            switch finding.kind {
            case .unreferenced(let chain): unreferenced.insert(chain)
            case .loop(let chains):
                for index in chains.indices {
                    loopEdges.insert([chains[index], chains[(index + 1) % chains.count]])
                }
            case .danglingJump, .tooDeep, .duplicateChain, .jumpToBaseChain: break
            }
        }
        picture.notes = linkNotes(linked)
    }

    private func id(_ chain: ChainID) -> String { "c\(chain.index)" }

    private func node(_ id: ChainID, _ kind: ChainPicture.NodeKind) -> ChainPicture.Node {
        let chain = linked.chain(id)
        var lines = [linked.path(of: id), counted(chain.rules.count, "rule")]
        var drops = false
        if let base = chain.base {
            lines.append("priority \(base.priority), policy \(base.policy == .drop ? "DROP" : "ACCEPT")")
            drops = base.policy == .drop
        }
        return ChainPicture.Node(id: self.id(id), lines: lines, kind: kind, drops: drops)
    }

    /// Hooks in the order in which a packet meets them, with their chains in the order they run.
    private mutating func addHooks(_ version: IPVersion) {
        var groupOfHook: [Hook: (first: String, last: String)] = [:]
        for hook in [Hook.prerouting, .input, .forward, .output, .postrouting] {
            let chains = linked.baseChains(version, hook)
            guard let first = chains.first, let last = chains.last else { continue }
            let own = chains.filter { !isPlaced[$0.index] }
            for chain in own { isPlaced[chain.index] = true }
            picture.groups.append(
                ChainPicture.Group(
                    id: "v\(version.rawValue)_\(hook.name)", title: "\(hookTitle(hook)) (IPv\(version.rawValue))",
                    nodes: own.map { node($0, .base) }))
            for index in chains.indices.dropFirst() {
                picture.edges.append(
                    ChainPicture.Edge(from: id(chains[index - 1]), to: id(chains[index]), kind: .order))
            }
            groupOfHook[hook] = (id(first), id(last))
        }
        let flows: [(Hook, Hook)] = [
            (.prerouting, .input), (.prerouting, .forward), (.forward, .postrouting), (.output, .postrouting),
        ]
        for (from, to) in flows {
            guard let start = groupOfHook[from], let end = groupOfHook[to] else { continue }
            picture.edges.append(ChainPicture.Edge(from: start.last, to: end.first, kind: .flow))
        }
    }

    /// Base chains of families that IP packets do not pass: arp, bridge, netdev; and of dormant tables.
    private mutating func addOtherBaseChains() {
        var nodes: [ChainPicture.Node] = []
        for index in linked.chainIDs where !isPlaced[index] && linked.chain(ChainID(index)).base != nil {
            isPlaced[index] = true
            nodes.append(node(ChainID(index), .base))
        }
        if nodes.isEmpty { return }
        picture.groups.append(ChainPicture.Group(id: "other", title: "other hooks", nodes: nodes))
    }

    private mutating func addUserChains() {
        for (tableIndex, table) in linked.ruleset.tables.enumerated() {
            var nodes: [ChainPicture.Node] = []
            for chainIndex in table.chains.indices {
                let id = linked.chainID(table: tableIndex, chain: chainIndex)
                if isPlaced[id.index] { continue }
                if unreferenced.contains(id) {
                    picture.unreferenced.append(node(id, .unreferenced))
                } else {
                    nodes.append(node(id, .user))
                }
            }
            if nodes.isEmpty { continue }
            let title = "\(table.family.name) \(linked.name(table.name)) (\(table.backend.name))"
            picture.tables.append(ChainPicture.Group(id: "t\(tableIndex)", title: title, nodes: nodes))
        }
    }

    private mutating func addJumps() {
        var missingID: [String: String] = [:]
        for index in linked.chainIDs {
            var merged: [String: Int] = [:]
            for jump in linked.jumps[index] {
                let target: String
                var isLoop = false
                if let chain = jump.target {
                    target = id(chain)
                    isLoop = loopEdges.contains([ChainID(index), chain])
                } else {
                    let name = "\(linked.tableIndex(of: ChainID(index)))/\(linked.name(jump.name))"
                    if missingID[name] == nil {
                        let id = "m\(missingID.count)"
                        missingID[name] = id
                        picture.missing.append(
                            ChainPicture.Node(
                                id: id, lines: [linked.name(jump.name), "not in the table"], kind: .missing))
                    }
                    target = missingID[name] ?? ""
                }
                let key = target + (jump.isGoto ? "g" : "j")
                if let known = merged[key] {
                    picture.edges[known].count += 1
                } else {
                    merged[key] = picture.edges.count
                    picture.edges.append(
                        ChainPicture.Edge(
                            from: id(ChainID(index)), to: target, kind: jump.isGoto ? .goto : .jump, isLoop: isLoop))
                }
            }
        }
    }
}

/// What is wrong with how chains hang together, a sentence each, without a final stop.
func linkNotes(_ linked: LinkedRuleset) -> [String] {
    var notes: [String] = []
    func cite(_ rule: RuleReference) -> String { "\(linked.path(of: rule.chain)):\(rule.index + 1)" }
    for finding in linked.findings {
        switch finding.kind {
        case .danglingJump(let rule, let name):
            notes.append("\(cite(rule)) jumps to '\(linked.name(name))', which is not in the table")
        case .loop(let chains):
            var text = ""
            for chain in chains { text += linked.name(linked.chain(chain).name) + " -> " }
            if let first = chains.first { text += linked.name(linked.chain(first).name) }
            notes.append("a loop, which the kernel refuses: \(text)")
        case .tooDeep(let chain, let depth):
            notes.append(
                "\(linked.path(of: chain)): jumps nest \(depth) deep below it, and nf_tables allows \(nfTablesJumpLimit)"
            )
        case .unreferenced(let chain): notes.append("nothing jumps to \(linked.path(of: chain))")
        case .duplicateChain(let chain): notes.append("\(linked.path(of: chain)) is declared twice")
        case .jumpToBaseChain(let rule): notes.append("\(cite(rule)) jumps to a base chain, which the kernel refuses")
        }
    }
    return notes
}
