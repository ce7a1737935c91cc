public import Annotations
public import ChainGraph
internal import RuleModel
internal import SourceText

/// What is wrong with how chains hang together, a sentence each, without a final stop. Canaries and hints of kube-proxy
/// and kubelet hold no rules, and nothing is to lead to them.
public func linkNotes(_ linked: LinkedRuleset, _ owners: AnnotatedRuleset) -> [String] {
    linkNotes(linked) { kind in
        guard case .unreferenced(let chain) = kind, linked.chain(chain).rules.isEmpty else { return true }
        let maker = owners.purpose(of: chain)?.maker
        return maker != .kubeProxy && maker != .kubelet
    }
}

/// Those notes that are asked for.
///
/// - Parameter isTold: which findings are told of.
public func linkNotes(
    _ linked: LinkedRuleset, where isTold: (LinkFinding.Kind) -> Bool
) -> [String] {
    var notes: [String] = []
    func cite(_ rule: RuleReference) -> String { "\(linked.path(of: rule.chain)):\(rule.index + 1)" }
    for finding in linked.findings where isTold(finding.kind) {
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
