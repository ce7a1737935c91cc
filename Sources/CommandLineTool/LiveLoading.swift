internal import IptablesText
internal import KernelLink
internal import Nftables
internal import RuleModel
internal import Snapshot
internal import SourceText

/// Reads the rules of nf_tables in this network namespace.
///
/// What the kernel says is written as nft would, and the tables of iptables-nft as iptables-save would; those texts are
/// the snapshot: places and what is shown of a rule are of them.
func loadLive(_ common: CommonSettings, _ console: borrowing Console) throws(Stop) -> LoadedNode {
    let dump: KernelDump
    do {
        dump = try KernelDump.read()
    } catch {
        throw .message("hookline: error: \(error.description)")
    }
    var names = NameTable()
    let live = liftNftables(dump, names: &names)
    var node: NodeState
    do {
        node = try readSnapshot(files: files(live, names), settings: common.snapshotSettings)
    } catch {
        throw .message(
            live.tables.isEmpty
                ? "hookline: error: there are no rules of nf_tables in this network namespace" : error.description)
    }
    restoreOrder(of: live.tables, names, &node)
    tell(live.diagnostics + node.diagnostics, node, console)
    console.error(
        "hookline: note: of this machine only nf_tables was read: no addresses, routes, settings or connections, and no "
            + "rules of iptables-legacy [live]")
    let isBad = (live.diagnostics + node.diagnostics).contains { $0.severity > .note }
    return LoadedNode(node: node, hasProblems: isBad)
}

/// What iptables-save and nft would show of these tables.
private func files(_ live: NftablesReading, _ names: NameTable) -> [SourceFile] {
    var saved: [UInt8] = []
    var listed: [UInt8] = []
    for (table, isManaged) in zip(live.tables, live.isManagedByIptables) {
        guard table.isNative else {
            saved += writeIptablesSave([table], names: names, settings: IptablesSaveSettings(hasCounters: true))
            continue
        }
        if isManaged {
            let name = "table \(table.family.name) \(names.text(table.name))"
            listed += Array("# Warning: \(name) is managed by iptables-nft, do not touch!\n".utf8)
        }
        listed += writeNftables([table], names: names, settings: NftablesSettings(hasCounters: true))
    }
    var files: [SourceFile] = []
    if !saved.isEmpty { files.append(SourceFile(path: "netlink-iptables", bytes: saved)) }
    if !listed.isEmpty || saved.isEmpty { files.append(SourceFile(path: "netlink", bytes: listed)) }
    return files
}

/// Puts the tables into the order in which the kernel has them: of two chains of one priority it decides which runs
/// first.
private func restoreOrder(of tables: [Table], _ names: NameTable, _ node: inout NodeState) {
    func place(_ table: Table) -> Int {
        let name = node.names.text(table.name)
        return tables.firstIndex { $0.family == table.family && names.text($0.name) == name } ?? tables.count
    }
    node.ruleset.tables = node.ruleset.tables.map { (place($0), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
}
