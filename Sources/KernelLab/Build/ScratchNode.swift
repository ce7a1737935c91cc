internal import Glibc
internal import HostText
internal import IptablesText
internal import KernelLink
internal import NetTypes
internal import RuleModel
internal import Snapshot
internal import SourceText

/// A snapshot's node built again in the calling thread's scratch namespace: its links, addresses, routes and settings
/// first, then its rules, which may be loaded anew.
struct ScratchNode: ~Copyable {
    var laboratory: Laboratory
    /// What of the snapshot could not be made, in words.
    private(set) var leftOut: [String]
    /// TAPs that stand for tunnels which this kernel has no device for.
    private(set) var standIns: Set<String>
    /// Tables that are loaded.
    private var loaded: Set<Loaded>
    private let connections: [ConnectionEntry]

    /// A table that is there, by what must be said to empty it.
    private struct Loaded: Hashable {
        var backend: Backend
        var family: TableFamily
        var name: String
    }

    /// Builds everything but the rules and sets.
    ///
    /// - Parameters:
    ///   - neighbours: addresses that are reachable on every link without being asked for.
    init(_ node: NodeState, neighbours: [IPAddress] = []) throws(LabFailure) {
        let host = node.host
        let plan = LinkCommands(host, names: node.names)
        var failures: [String] = []
        var taps = TapSet()
        for device in plan.devices {
            switch device {
            case .tap(let tap):
                let index = tap.index > 0 ? tap.index : nil
                taps.add(
                    try TapDevice(tap.name, index: index, hasLinkHeader: !tap.isPlain, carrier: tap.hasCarrier))
            case .line(let line): failures += try batch("ip", [line])
            }
        }
        let plain = Set(plan.taps.filter(\.isPlain).map(\.name))
        let names = host.interfaces.map { node.names.text($0.name) }.filter { $0 != "lo" }
        failures += try batch("ip", plan.links)
        // Bridges answer for themselves only when their links are there.
        for setting in silence(names) { _ = set(setting) }
        failures += try batch("ip", plan.addresses)
        for setting in settings(host) where !set(setting) {
            let name = setting.path
            if let value = ScratchNamespace.setting(dotted(name)), value != setting.value {
                failures.append("sysctl \(name) stays \(value), not \(setting.value)")
            }
        }
        if host.sysctls.isEmpty {
            _ = set(Setting(path: "net/ipv4/ip_forward", value: "1"))
            _ = set(Setting(path: "net/ipv6/conf/all/forwarding", value: "1"))
            failures.append("no sysctl in the snapshot: forwarding is switched on, all else is the kernel's default")
        }
        for (version, option) in [(IPVersion.v4, "-4"), (.v6, "-6")] {
            let commands = RouteCommands(host, version, names: node.names)
            failures += try batch("ip", commands.routes, [option]).filter { !$0.contains("File exists") }
            failures += try batch("ip", commands.rules, [option])
        }
        let links = names.filter { plan.bridges[$0] == nil && !plain.contains($0) }
        let further = NeighbourCommands(
            host, names: node.names, further: neighbours, links: links, hardware: "\(Laboratory.neighbour)")
        _ = try batch("ip", further.neighbours)
        failures += try batch("bridge", further.forwarding)
        // All at once: a value that can't be copied must be whole or not be there when something throws.
        var laboratory = try Laboratory(taps: taps)
        laboratory.awaitAddresses(host)
        self.laboratory = laboratory
        connections = host.connections ?? []
        leftOut = failures
        standIns = plain
        loaded = []
    }

    /// Loads a snapshot's rules and sets in the place of those that are there, and its connections.
    ///
    /// They are written from what was read of them: of a rule that can't be read, as it stands in the snapshot.
    mutating func load(_ node: NodeState) throws(LabFailure) {
        try unload()
        try restoreSets(writeIpsetSave(node.host.sets, names: node.names, hasSizes: false))
        let native = NativeTables(node)
        if native.comeFirst { try load(native) }
        for backend in [Backend.nfTables, .legacy] {
            for family in [TableFamily.ip, .ip6] {
                let tables = node.ruleset.tables.filter {
                    $0.backend == backend && $0.family == family && $0.iptables != nil
                }
                let text = writeIptablesSave(tables, names: node.names)
                if !tables.isEmpty { try restore(String(decoding: text, as: UTF8.self), backend, family) }
            }
        }
        if !native.comeFirst { try load(native) }
        try laboratory.readRules(countsLegacy: loaded.contains { $0.backend == .legacy })
        try forget()
    }

    private mutating func load(_ native: NativeTables) throws(LabFailure) {
        for text in native.texts { try ChildProcess.check(["nft", "-f", "-"], input: text) }
        for table in native.tables {
            loaded.insert(Loaded(backend: .nfTables, family: table.family, name: table.name))
        }
    }

    /// Loads the very texts; connections stay.
    ///
    /// - Parameter tracking: the versions whose conntrack does not stop between the rules, as where they are exchanged in
    ///   one go. Where it starts again it looks less closely at connections of TCP that are there already.
    ///   Source: net/netfilter/nf_conntrack_proto.c `nf_ct_netns_do_get`, `ct_tcp_fixup`, Linux 6.18.
    mutating func load(
        texts: [SnapshotText], _ backend: Backend, tracking: [IPVersion] = []
    ) throws(LabFailure) {
        let held = tracking.map { (family: $0 == .v4 ? TableFamily.ip : .ip6, name: "hookline_hold") }
        for table in held {
            let text = "table \(table.family.name) \(table.name) {\nchain any {\nct state new\n}\n}\n"
            try ChildProcess.check(["nft", "-f", "-"], input: text)
        }
        try unload()
        for text in texts where text.name == "ipset-save.txt" { try restoreSets(text.text) }
        for text in texts where text.name == "iptables-save.txt" { try restore(text.text, backend, .ip) }
        for text in texts where text.name == "ip6tables-save.txt" { try restore(text.text, backend, .ip6) }
        for text in texts where text.name == "nft.txt" { try load(NativeTables(text: text.text)) }
        try laboratory.netfilter.deleteTables(held)
        try laboratory.readRules(countsLegacy: loaded.contains { $0.backend == .legacy })
    }

    private func restoreSets(_ text: String) throws(LabFailure) {
        if !text.isEmpty { try ChildProcess.check(["ipset", "restore"], input: text) }
    }

    private mutating func restore(_ text: String, _ backend: Backend, _ family: TableFamily) throws(LabFailure) {
        let program =
            (family == .ip ? "iptables" : "ip6tables") + (backend == .legacy ? "-legacy" : "-nft") + "-restore"
        // Before it is tried: a table may be there although a later one was refused.
        for line in text.split(separator: "\n") where line.hasPrefix("*") {
            loaded.insert(Loaded(backend: backend, family: family, name: String(line.dropFirst())))
        }
        try ChildProcess.check([program], input: text)
    }

    /// Back to the connections of the snapshot; `known` are those that there are, as far as the caller knows.
    mutating func forget(_ known: [ConnectionEntry] = []) throws(LabFailure) {
        try laboratory.forget(known)
        for entry in connections {
            do throws(LabFailure) {
                try laboratory.netfilter.add(entry)
            } catch {
                leftOut.append("connection \(entry.original.source) → \(entry.original.destination): \(error)")
            }
        }
    }

    private mutating func unload() throws(LabFailure) {
        let tables = loaded.filter { $0.backend == .nfTables }.map { (family: $0.family, name: $0.name) }
        try laboratory.netfilter.deleteTables(tables)
        for family in [TableFamily.ip, .ip6] {
            let legacy = loaded.filter { $0.backend == .legacy && $0.family == family }.map(\.name).sorted()
            if legacy.isEmpty { continue }
            let program = family == .ip ? "iptables-legacy-restore" : "ip6tables-legacy-restore"
            try ChildProcess.check([program], input: legacy.map(emptyTable).joined())
        }
        loaded = []
        try laboratory.netfilter.destroySets()
    }
}

extension Laboratory {
    /// Waits, at most for ten seconds, until the host's IPv6 addresses are its own: the kernel adds their local routes in a
    /// worker, when it has seen that the link is up. Observed on Linux 6.18. A rule may lead to another table's local route.
    fileprivate mutating func awaitAddresses(_ host: HostState) {
        var waited = host.interfaces.filter { $0.isUp && $0.hasCarrier }.flatMap { $0.addresses.map(\.address) }
            .filter { $0.version == .v6 }
        for _ in 0..<5000 {
            waited.removeAll { route.route(to: $0)?.table == 255 }
            if waited.isEmpty { return }
            usleep(2000)
        }
    }
}

/// A table of iptables without rules, as text.
func emptyTable(_ name: String) -> String {
    var chains = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
    switch name {
    case "filter", "security": chains = ["INPUT", "FORWARD", "OUTPUT"]
    case "nat": chains = ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]
    case "raw": chains = ["PREROUTING", "OUTPUT"]
    default: break
    }
    return "*\(name)\n\(chains.map { ":\($0) ACCEPT [0:0]\n" }.joined())COMMIT\n"
}

private func dotted(_ path: String) -> String { String(path.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 }) }

private func set(_ setting: Setting) -> Bool {
    do throws(LabFailure) {
        try ScratchNamespace.set(dotted(setting.path), to: setting.value)
        return true
    } catch {
        return false
    }
}

/// Runs `ip -batch` or `bridge -batch` past its failures; each failed line with the program's complaint.
private func batch(_ program: String, _ lines: [String], _ options: [String] = []) throws(LabFailure) -> [String] {
    if lines.isEmpty { return [] }
    let result = try ChildProcess.run(
        [program, "-force"] + options + ["-batch", "-"], input: Array((lines.joined(separator: "\n") + "\n").utf8))
    var failures: [String] = []
    var complaint = ""
    for line in result.errorText.split(separator: "\n") {
        let marker = "Command failed -:"
        guard line.hasPrefix(marker) else {
            complaint = String(line)
            continue
        }
        let number = Int(line.dropFirst(marker.count).prefix { $0.isNumber }) ?? 0
        let command = lines.indices.contains(number - 1) ? lines[number - 1] : ""
        failures.append("`\(program) \(command)`: \(complaint)")
    }
    return failures
}
