internal import HostText
internal import IptablesText
internal import KernelLab
internal import KernelLink
internal import Nftables
internal import RuleModel
internal import SourceText

/// What this machine's kernel says, written as its tools would print it.
///
/// These texts are the snapshot, be it that they are read at once (`--live`) or kept (`hookline capture`): there is one
/// way to read rules, and one set of places.
struct LiveTexts {
    /// In the order of their names, which is that of a directory with them.
    private(set) var texts: [ToolText]
    /// What is to be said of rules that have parts which are not known.
    private(set) var diagnostics: [Diagnostic]
    /// What could not be read.
    private(set) var unread: [HostDump.Unread]
    private(set) var hasRules: Bool

    /// Reads the network namespace of the calling thread.
    static func read() throws(Stop) -> LiveTexts {
        let parts = KernelParts()
        var rules: KernelDump?
        do throws(KernelFailure) {
            // Without nf_tables there are no rules of it, and to ask would load it.
            rules = parts.has(.tables) ? try KernelDump.read() : KernelDump()
        } catch {
            // EINVAL: a kernel without nf_tables may have rules of iptables-legacy.
            guard error.code == 22 else { throw .message("hookline: error: \(error.description)") }
        }
        let host = HostDump.read(parts)
        var live = LiveTexts(
            texts: writeToolTexts(host), diagnostics: [], unread: host.unread + unreadKinds(host), hasRules: false)
        if let rules {
            var names = NameTable()
            let lifted = liftNftables(rules, names: &names)
            live.texts += ruleTexts(lifted, names)
            live.diagnostics = lifted.diagnostics
            live.hasRules = !lifted.tables.isEmpty
        } else {
            live.unread.append(HostDump.Unread(what: "rules of nf_tables", why: "this kernel does not know nf_tables"))
        }
        for isV6 in [false, true] { live.readLegacy(isV6: isV6) }
        live.texts.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return live
    }

    /// The texts as files of a folder that is not there.
    var files: [SourceFile] { texts.map { SourceFile(path: "live/" + $0.name, bytes: $0.bytes) } }

    /// Rules of iptables-legacy. The kernel tells them in a form that only iptables' own program understands.
    private mutating func readLegacy(isV6: Bool) {
        let family = isV6 ? "ip6" : "ip"
        let tables: [String]
        do throws(FileFailure) {
            tables = try legacyTables(at: "/proc/thread-self/net/\(family)_tables_names")
        } catch {
            return leaveOut("the tables of \(family)tables-legacy", family, ["any"], error.reason)
        }
        if tables.isEmpty { return }
        // The second may be that of iptables-nft, which is told by what it writes.
        let names = ["\(family)tables-legacy-save", "\(family)tables-save"]
        switch saveLegacy(names.flatMap { [$0, "/usr/sbin/" + $0, "/sbin/" + $0] }) {
        case .success(let bytes):
            texts.append(ToolText(name: "\(family)tables-legacy-save.txt", bytes: bytes))
            hasRules = true
        case .failure(let why):
            let list = tables.joined(separator: ", ")
            leaveOut("the tables \(list) of \(family)tables-legacy", family, tables, why)
        }
    }

    private mutating func leaveOut(_ what: String, _ family: String, _ tables: [String], _ why: String) {
        unread.append(HostDump.Unread(what: what, why: why))
        texts.append(unreadTables(family, tables, why: why))
    }
}

/// The tables of iptables-legacy that the kernel lists in a file. Without the file the module is not loaded, and there
/// are none; one that can't be read says nothing of what there is.
func legacyTables(at path: String) throws(FileFailure) -> [String] {
    do throws(FileFailure) {
        return String(decoding: try readFile(path, limit: 1 << 16), as: UTF8.self).split(separator: "\n").map(
            String.init)
    } catch {
        // ENOENT
        if error.code == 2 { return [] }
        throw error
    }
}

/// A text that says which tables decide about packets and could not be read: no answer is sure then.
func unreadTables(_ family: String, _ tables: [String], why: String) -> ToolText {
    let lines = tables.map { "# \(family) \($0): \(why)\n" }
    return ToolText(
        name: "\(family)tables-legacy-save.txt", command: "\(family)tables-legacy-save",
        body: Array(lines.joined().utf8))
}

enum LegacySave: Equatable {
    case success([UInt8])
    /// Why not: a clause.
    case failure(String)
}

/// What the first of `programs` writes that is there and is not of iptables-nft.
func saveLegacy(_ programs: [String]) -> LegacySave {
    let name = programs.first?.split(separator: "/").last ?? ""
    var why = "\(name), which alone can read them, is missing"
    for program in programs {
        do throws(KernelFailure) {
            let result = try ChildProcess.run([program, "-c"])
            if result.outputText.contains("(nf_tables)") { continue }
            if result.status == 0 { return .success(result.output) }
            why = "\(program): \(result.errorText.split(separator: "\n").first ?? "it failed")"
        } catch {
            // ENOENT
            if error.code != 2 { why = error.description }
        }
    }
    return .failure(why)
}

/// What iptables-save and nft would show of these tables, and in which order the kernel has them.
private func ruleTexts(_ live: NftablesReading, _ names: NameTable) -> [ToolText] {
    var saved: [UInt8] = []
    var savedV6: [UInt8] = []
    var listed: [UInt8] = []
    var order: [UInt8] = []
    for (table, isManaged) in zip(live.tables, live.isManagedByIptables) {
        let name = "table \(table.family.name) \(names.text(table.name))"
        order += Array((name + "\n").utf8)
        guard table.isNative else {
            let text = writeIptablesSave([table], names: names, settings: IptablesSaveSettings(hasCounters: true))
            if table.family == .ip6 { savedV6 += text } else { saved += text }
            continue
        }
        if isManaged { listed += Array("# Warning: \(name) is managed by iptables-nft, do not touch!\n".utf8) }
        listed += writeNftables([table], names: names, settings: NftablesSettings(hasCounters: true, hasHandles: true))
    }
    var texts = [ToolText(name: "nft-tables.txt", command: "nft list tables", body: order)]
    for (name, bytes) in [("iptables-save.txt", saved), ("ip6tables-save.txt", savedV6), ("nft.txt", listed)]
    where !bytes.isEmpty {
        texts.append(ToolText(name: name, bytes: bytes))
    }
    return texts
}
