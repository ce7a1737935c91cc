import HostText
import RuleModel
import SourceText

/// A host read twice: from texts that this program wrote of what the kernel said, and from its tools' own.
struct HostComparison {
    let ours: HostReading
    let tools: HostReading
    private(set) var differences: [String] = []

    /// Both with one table of names, so that names can be compared.
    init(ours texts: [ToolText], tools: String) {
        var reading = HostReading()
        for isFirst in [true, false] {
            for text in texts { read(text.bytes, text.name, isFirst: isFirst, into: &reading) }
        }
        ours = reading
        var other = HostReading(names: reading.names)
        for isFirst in [true, false] where !tools.isEmpty {
            read(Array(tools.utf8), "tools", isFirst: isFirst, into: &other)
        }
        self.tools = other
    }

    /// Compares all but places, times that run, and what `Docs/live-forms.md` lists.
    mutating func compareAll() {
        let (a, b) = (ours.host, tools.host)
        differences += ours.diagnostics.filter { $0.severity > .note }.map { "netlink: \($0.message)" }
        compare("interface", bare(a.interfaces, \.place), bare(b.interfaces, \.place)) { $0.name }
        compare("route", bare(a.routes, \.place), bare(b.routes, \.place)) { _ in .empty }
        compare("rule", bare(a.routingRulesV4 ?? [], \.place), bare(b.routingRulesV4 ?? [], \.place)) { _ in .empty }
        compare("rule6", bare(a.routingRulesV6 ?? [], \.place), bare(b.routingRulesV6 ?? [], \.place)) { _ in .empty }
        compare("neighbour", bare(a.neighbours, \.place), bare(b.neighbours, \.place)) { $0.interface }
        compare("fdb", bare(a.forwardingEntries, \.place), bare(b.forwardingEntries, \.place)) { $0.interface }
        compare("set", a.sets.map(bare), b.sets.map(bare)) { $0.name }
        compare("connection", (a.connections ?? []).map(bare), (b.connections ?? []).map(bare)) { _ in .empty }
        for (name, value) in a.sysctls.sorted(by: { $0.key < $1.key }) where !b.sysctls.isEmpty {
            // A count of what is there now.
            if name.hasSuffix("_count") || name.contains("dentry") { continue }
            if b.sysctls[name] != value { differences.append("\(name): \(value), not \(b.sysctls[name] ?? "there")") }
        }
        let known = (a.routesKnownV4, a.routesKnownV6, a.knowsInterfaces, a.knowsAddressesV4, a.knowsAddressesV6)
        if known != (b.routesKnownV4, b.routesKnownV6, b.knowsInterfaces, b.knowsAddressesV4, b.knowsAddressesV6) {
            differences.append("what is known: \(known)")
        }
    }

    /// Both lists hold the same, in whatever order: tools ask for one version at a time.
    private mutating func compare<Value: Hashable>(
        _ what: String, _ a: [Value], _ b: [Value], name: (Value) -> Symbol
    ) {
        let (first, second) = (Set(a), Set(b))
        if a.count != b.count { differences.append("\(a.count) times \(what), not \(b.count)") }
        for value in a where !second.contains(value) {
            differences.append("netlink \(what) \(ours.names.text(name(value))): \(value)")
        }
        for value in b where !first.contains(value) {
            differences.append("   text \(what) \(tools.names.text(name(value))): \(value)")
        }
    }

    /// `values` without the places where they stand.
    private func bare<Value>(_ values: [Value], _ place: WritableKeyPath<Value, Place>) -> [Value] {
        values.map { value in
            var value = value
            value[keyPath: place] = .none
            return value
        }
    }

    private func bare(_ set: AddressSet) -> AddressSet {
        var set = set
        set.place = .none
        for index in set.elements.indices {
            set.elements[index].place = .none
            // For ever or not; how long still runs.
            if let left = set.elements[index].timeout { set.elements[index].timeout = left == 0 ? 0 : 1 }
        }
        set.elements.sort { "\($0)" < "\($1)" }
        return set
    }

    private func bare(_ entry: ConnectionEntry) -> ConnectionEntry {
        var entry = entry
        entry.place = .none
        entry.expires = entry.expires.map { _ in 1 }
        return entry
    }
}

/// Next hops with an id and names of tables come first, as a snapshot is read.
private func read(_ bytes: [UInt8], _ path: String, isFirst: Bool, into reading: inout HostReading) {
    for listing in recognise(bytes.span, file: FileID(0), path: path).listings
    where (listing.kind == .nextHops || listing.kind == .tableNames) == isFirst {
        readListing(bytes.span, listing, into: &reading)
    }
}
