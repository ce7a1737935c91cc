internal import KernelLink
internal import Nftables
internal import RuleModel
internal import Snapshot
internal import SourceText

/// Reads the rules of nf_tables in this network namespace.
///
/// What the kernel says is written as nft would, and that text is the snapshot: places and what is shown of a rule are
/// of it.
func loadLive(_ common: CommonSettings, _ console: borrowing Console) throws(Stop) -> LoadedNode {
    let dump: KernelDump
    do {
        dump = try KernelDump.read()
    } catch {
        throw .message("hookline: error: \(error.description)")
    }
    var names = NameTable()
    let live = liftNftables(dump, names: &names)
    var text: [UInt8] = []
    for (index, table) in live.tables.enumerated() {
        if live.isManagedByIptables[index] {
            let name = "table \(table.family.name) \(names.text(table.name))"
            text += Array("# Warning: \(name) is managed by iptables-nft, do not touch!\n".utf8)
        }
        text += writeNftables([table], names: names, settings: NftablesSettings(hasCounters: true))
    }
    let file = SourceFile(path: "netlink", bytes: text)
    let node: NodeState
    do {
        node = try readSnapshot(files: [file], settings: common.snapshotSettings)
    } catch {
        throw .message(
            live.tables.isEmpty
                ? "hookline: error: there are no rules of nf_tables in this network namespace" : error.description)
    }
    tell(live.diagnostics + node.diagnostics, node, console)
    console.error(
        "hookline: note: of this machine only nf_tables was read: no addresses, routes, settings or connections, and no "
            + "rules of iptables-legacy [live]")
    let isBad = (live.diagnostics + node.diagnostics).contains { $0.severity > .note }
    return LoadedNode(node: node, hasProblems: isBad)
}
