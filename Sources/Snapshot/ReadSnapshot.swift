import HostText
import IptablesText
import KubernetesText
import NetTypes
import RuleModel
public import SourceText

/// Reads files that are one node together, named by the settings or by what they say. Takes nothing but their bytes: no
/// file is opened.
public func readSnapshot(
    files: [SourceFile], settings: SnapshotSettings = SnapshotSettings()
) throws(SnapshotFailure) -> NodeState {
    var plain: [SourceFile] = []
    var recognised: [Recognised] = []
    for (index, file) in files.enumerated() {
        let (file, found) = recognise(file.bytes, file: FileID(index), path: file.path)
        plain.append(file)
        recognised.append(found)
    }
    return try assemble(
        files: plain, recognised: recognised, unrecognised: [], root: nil, folder: settings.node, settings: settings)
}

/// Reads the listings that were recognised in `files`, the first of which are `shared`'s and were read before; `root` is
/// the one path that the user named, if it was one; `folder` is the node's own, if it has one.
func assemble(
    files: [SourceFile], recognised: [Recognised], unrecognised: [UnrecognisedInput], root: String?,
    folder: String? = nil, shared: SharedObjects? = nil, settings: SnapshotSettings
) throws(SnapshotFailure) -> NodeState {
    var node = NodeState()
    node.files = files
    var objects = shared?.reading ?? ClusterReading()
    node.inputs = shared?.inputs ?? []
    let sharedCount = shared?.files.count ?? 0
    node.unrecognised = unrecognised
    var reading = HostReading(names: settings.names)
    var iptables = IptablesInput(latest: settings.latest)
    var nftListings: [Listing] = []
    var order = TableOrder()
    // Names of routing tables and next hops with an id first: routes and rules may use them.
    for isFirst in [true, false] {
        for (index, file) in files.enumerated() {
            let text = file.bytes.span
            for listing in recognised[index].listings where listing.kind.isNeededByOthers == isFirst {
                switch listing.kind {
                case .iptablesSave, .iptablesRules:
                    try iptables.read(text, listing, files: files, names: &reading.names, &reading.diagnostics)
                case .nftText, .nftJSON: nftListings.append(listing)
                case .nftTables: order.read(text, listing, &node)
                case .unreadRules: keepUnread(text, listing, &node)
                case .failedCommand: keepFailure(text, listing, file, &node)
                case .kubernetes where index < sharedCount: continue
                case .kubernetes: node.inputs.append(readObjects(text, listing, into: &objects))
                default:
                    readOther(text, listing, file, &reading, &node)
                }
            }
        }
    }
    for (index, file) in files.enumerated() {
        tellUnknownText(file, recognised[index], &reading, &node)
        tellColours(file, FileID(index), recognised[index], &reading)
        if recognised[index].isConfiguration, let rules = recognised[index].listings.first {
            reading.diagnostics.append(
                Diagnostic(
                    .warning, "configuration",
                    "these are rules that are loaded at a start: whether the kernel has just these is not known",
                    at: firstLine(of: rules.excerpt, file.bytes.span)))
        }
    }
    // What iptables-save showed is there: it says more of those tables than nft does.
    try readNft(nftListings, files, settings, &iptables, &reading, &node)
    node.ruleset = iptables.ruleset
    order.apply(to: &node.ruleset.tables, reading.names)
    node.inputs += iptables.inputs
    node.inputs.sort { ($0.place.file.index, $0.place.start) < ($1.place.file.index, $1.place.start) }
    node.names = reading.names
    node.host = reading.host
    node.diagnostics = reading.diagnostics + objects.diagnostics
    node.cluster = objects.objects
    node.cluster.bgpSessions = reading.cluster.bgpSessions
    node.cluster.missingDaemons = reading.cluster.missingDaemons
    node.cluster.bgpRoutes = reading.cluster.bgpRoutes
    node.cluster.addressUsage = reading.cluster.addressUsage
    let hostName = reading.host.name.isEmpty ? nil : reading.host.name
    node.name = nodeName(node, folder: folder, hostName: hostName, root: root)
    keepUnshown(iptables.unshown, &node)
    try node.settleRoutes(repeated: reading.repeatedRoutes, latest: settings.latest)
    // A list of all tables that is empty tells that there are no rules.
    if node.ruleset.tables.isEmpty, !node.inputs.contains(where: { $0.kind == .nftTables }) {
        throw noRules(node, root)
    }
    node.missing = missingInputs(node)
    return node
}

extension ListingKind {
    fileprivate var isNeededByOthers: Bool { self == .tableNames || self == .nextHops }
}

private func noRules(_ node: NodeState, _ root: String?) -> SnapshotFailure {
    let path = root ?? node.files.first?.path ?? node.unrecognised.first?.path ?? "-"
    var message = "there is no rule set in this input; iptables-save writes one"
    if let list = node.inputs.first(where: { $0.kind == .iptablesList }) {
        message = "the output of iptables -L does not hold all of a rule; iptables-save writes it"
        if let file = node.file(of: list.place) {
            return SnapshotFailure(.noRules, file: file, place: list.place, message: message)
        }
    } else if let unread = node.unreadRulesets.first, let file = node.file(of: unread.place) {
        message =
            switch unread.kind {
            case .refused: "the rules here could not be read, and there are no others"
            case .brokenJSON: "this JSON of nft's is broken, and there are no other rules"
            case .unshownLegacy, .incompatible: "the rules that this line tells of are not in the input, nor are others"
            }
        return SnapshotFailure(.noRules, file: file, place: unread.place, message: message)
    } else if !node.inputs.isEmpty {
        message = "no rule set among what was recognised; iptables-save writes one"
    } else if node.unrecognised.count == 1, let only = node.unrecognised.first {
        switch only.reason {
        case .empty: message = "the file is empty"
        case .binary, .utf16, .capture, .behindPrefix, .kubectlTable, .otherForm, .failedCommand:
            message = "there is no rule set in this input: it is \(only.reason.text)"
        default: break
        }
    }
    let unread =
        node.unrecognised.first { $0.mayBeMissed } ?? node.unrecognised.first { $0.reason == .nestedArchive }
        ?? node.unrecognised.first { $0.reason == .binary }
    if let unread, node.unrecognised.count > 1 || unread.path != path {
        message += "; \(unread.path) could not be read: \(unread.reason.text)"
    }
    return SnapshotFailure(.noRules, path: path, message: message)
}

/// Keeps what dumps say is there beside what they show, where no other listing shows it.
private func keepUnshown(_ all: [UnshownRules], _ node: inout NodeState) {
    for unshown in all {
        let own = node.ruleset.tables.filter { $0.family == unshown.family }
        let version = IPVersion.allCases.first { unshown.family.sees($0) }
        switch unshown.kind {
        case .legacyTables:
            if own.contains(where: { $0.backend == .legacy }) {
                node.diagnostics.removeAll { $0.code == "other-tables" && $0.place == unshown.place }
                continue
            }
            node.unreadRulesets.append(
                UnreadRuleset(kind: .unshownLegacy, place: unshown.place, tables: [], version: version))
        case .incompatibleTable(let name):
            if own.contains(where: { $0.name == name && $0.backend == .nfTables }) {
                node.diagnostics.removeAll { $0.code == "incompatible-table" && $0.place == unshown.place }
                continue
            }
            node.unreadRulesets.append(
                UnreadRuleset(
                    kind: .incompatible, place: unshown.place,
                    tables: ["\(unshown.family.name) \(node.names.text(name))"], version: version))
        }
    }
}

/// `# ip filter: why`: tables that decide about packets and could not be read.
private func keepUnread(_ text: Span<UInt8>, _ listing: Listing, _ node: inout NodeState) {
    let excerpt = listing.excerpt
    var tables: [String] = []
    for line in text.extracting(excerpt.start..<min(excerpt.end, text.count)).text.split(separator: "\n") {
        if line.hasPrefix("# "), let end = line.firstIndex(of: ":") { tables.append(String(line[..<end].dropFirst(2))) }
    }
    let place = firstLine(of: excerpt, text)
    node.unreadRulesets.append(UnreadRuleset(kind: .refused, place: place, tables: tables))
    node.inputs.append(
        RecognisedInput(
            kind: .unreadRules, place: place, lastLine: lastLine(of: excerpt, text),
            summary: "rules of iptables-legacy that could not be read"))
}

/// What a command said that failed.
private func keepFailure(_ text: Span<UInt8>, _ listing: Listing, _ file: SourceFile, _ node: inout NodeState) {
    let words = file.text(firstLine(of: listing.excerpt, text))
    node.unrecognised.append(
        UnrecognisedInput(path: file.path, reason: .failedCommand(String(words.prefix(200)))))
}

/// A listing of anything but iptables rules.
private func readOther(
    _ text: Span<UInt8>, _ listing: Listing, _ file: SourceFile, _ reading: inout HostReading, _ node: inout NodeState
) {
    let before = HostCounts(reading)
    readListing(text, listing, into: &reading)
    let excerpt = listing.excerpt
    let place = firstLine(of: excerpt, text)
    var summary = listing.kind.name
    let counts = HostCounts(reading).added(since: before)
    if !counts.isEmpty { summary += ": " + counts }
    if !listing.kind.isRead { summary += ": recognised, not read by this version" }
    node.inputs.append(
        RecognisedInput(
            kind: listing.kind, place: place, lastLine: lastLine(of: excerpt, text), summary: summary))
    if !listing.kind.isRead {
        reading.diagnostics.append(
            Diagnostic(
                .warning, "not-read", "the output of \(listing.kind.name) is not read by this version", at: place))
    }
}

func firstLine(of excerpt: Excerpt, _ text: Span<UInt8>) -> Place {
    var end = excerpt.start
    while end < min(excerpt.end, text.count), text[end] != UInt8(ascii: "\n") { end += 1 }
    if end > excerpt.start, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return Place(file: excerpt.file, line: excerpt.firstLine, start: excerpt.start, end: end)
}

func lastLine(of excerpt: Excerpt, _ text: Span<UInt8>) -> Int {
    let end = min(excerpt.end, text.count)
    guard excerpt.start < end else { return excerpt.firstLine }
    // A line end at the very end begins no line.
    return excerpt.firstLine + text.count(of: UInt8(ascii: "\n"), in: excerpt.start..<end - 1)
}

/// Text before the first listing of a file that has some, and files without any.
private func tellUnknownText(
    _ file: SourceFile, _ recognised: Recognised, _ reading: inout HostReading, _ node: inout NodeState
) {
    if recognised.listings.isEmpty {
        node.unrecognised.append(UnrecognisedInput(path: file.path, reason: reasonForNothing(file.bytes.span)))
    } else if recognised.linesBefore > 0, let place = recognised.firstUnknown {
        let lines = recognised.linesBefore == 1 ? "this line is" : "\(recognised.linesBefore) lines from here are"
        reading.diagnostics.append(
            Diagnostic(.note, "unknown-text", "\(lines) no output that is known here", at: place))
    }
}

/// That a file is read without what colours it on a terminal.
private func tellColours(_ file: SourceFile, _ id: FileID, _ recognised: Recognised, _ reading: inout HostReading) {
    guard recognised.colouredLine > 0 else { return }
    let text = file.bytes.span
    var start = 0
    for _ in 1..<recognised.colouredLine {
        start = (text.firstIndex(of: UInt8(ascii: "\n"), in: start..<text.count) ?? text.count - 1) + 1
    }
    let whole = Excerpt(file: id, start: start, end: text.count, firstLine: recognised.colouredLine)
    reading.diagnostics.append(
        Diagnostic(
            .note, "colours", "from here on a terminal's colours are left out, and columns are counted without them",
            at: firstLine(of: whole, text)))
}

/// How many of each thing the host's state holds.
private struct HostCounts {
    private let values: [(count: Int, one: String, many: String)]

    init(_ reading: HostReading) {
        let host = reading.host
        var servers = 0
        for service in host.virtualServices ?? [] { servers += service.servers.count }
        var addresses = 0
        for interface in host.interfaces { addresses += interface.addresses.count }
        var elements = 0
        for set in host.sets { elements += set.elements.count }
        values = [
            (host.interfaces.count, "interface", "interfaces"),
            (addresses, "address", "addresses"),
            (host.routes.count, "route", "routes"),
            ((host.routingRulesV4?.count ?? 0) + (host.routingRulesV6?.count ?? 0), "rule", "rules"),
            (host.neighbours.count, "neighbour", "neighbours"),
            (host.sysctls.count, "setting", "settings"),
            (host.connections?.count ?? 0, "connection", "connections"),
            (host.sets.count, "set", "sets"),
            (elements, "element", "elements"),
            (host.listeners?.count ?? 0, "socket", "sockets"),
            (host.virtualServices?.count ?? 0, "virtual service", "virtual services"),
            (servers, "server", "servers"),
            (reading.cluster.bgpSessions?.count ?? 0, "session", "sessions"),
            (reading.cluster.bgpRoutes?.count ?? 0, "route", "routes"),
            (reading.cluster.addressUsage?.count ?? 0, "range", "ranges"),
            (host.otherDeciders.count, "other decider", "other deciders"),
        ]
    }

    func added(since old: HostCounts) -> String {
        var parts: [String] = []
        for (new, old) in zip(values, old.values) where new.count > old.count {
            let count = new.count - old.count
            parts.append("\(count) \(count == 1 ? new.one : new.many)")
        }
        return parts.joined(separator: ", ")
    }
}
