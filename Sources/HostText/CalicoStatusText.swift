import NetTypes
import RuleModel
import SourceText

/// One row of a table between bars, cell by cell.
private func cells(_ text: Span<UInt8>, _ line: Range<Int>) -> [Range<Int>] {
    guard line.lowerBound < line.upperBound, text[line.lowerBound] == UInt8(ascii: "|") else { return [] }
    var cells: [Range<Int>] = []
    var start = line.lowerBound + 1
    while start < line.upperBound, let end = text.firstIndex(of: UInt8(ascii: "|"), in: start..<line.upperBound) {
        cells.append(text.trimmed(start..<end))
        start = end + 1
    }
    return cells
}

/// Reads `calicoctl node status`. Source: calicoctl/calicoctl/commands/node/status.go, v3.31.
func readNodeStatus(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var sessions = reading.cluster.bgpSessions ?? []
    var hasRow = false
    while cursor.advance(text) {
        let line = text.trimmed(cursor.range)
        if let daemon = missingDaemon(text, line) {
            reading.cluster.missingDaemons.append(MissingDaemon(daemon, place: cursor.place))
            // Without Felix the program ends before it asks for sessions.
            if daemon == .felix { return }
        }
        let cells = cells(text, line)
        guard cells.count == 5, !text.has(cells[0], "PEER ADDRESS") else {
            hasRow = false
            continue
        }
        // A row whose words do not fit goes on in the next one, under the cells that they are of.
        if cells[0].isEmpty {
            if hasRow, var row = sessions.popLast() {
                row.kind = joined(row.kind, text.text(cells[1]))
                row.state = joined(row.state, text.text(cells[2]))
                row.since = joined(row.since, text.text(cells[3]))
                row.details = joined(row.details, text.text(cells[4]))
                sessions.append(row)
            }
            continue
        }
        hasRow = true
        sessions.append(
            BGPSession(
                peerAddress: IPAddress(text, cells[0]), kind: text.text(cells[1]), state: text.text(cells[2]),
                since: text.text(cells[3]), details: text.text(cells[4]), place: cursor.place))
    }
    reading.cluster.bgpSessions = sessions
}

/// Two parts of a cell.
private func joined(_ start: String, _ end: String) -> String {
    start.isEmpty || end.isEmpty ? start + end : start + " " + end
}

private func missingDaemon(_ text: Span<UInt8>, _ line: Range<Int>) -> MissingDaemon.Daemon? {
    if text.begins(line, "Calico process is not running") { return .felix }
    if text.begins(line, "The BGP backend process (BIRD) is not running") { return .bird }
    // Of old versions.
    if text.begins(line, "None of the BGP backend processes") { return .bird }
    if text.begins(line, "INFO: BIRDv4 process: ") { return .birdV4 }
    if text.begins(line, "INFO: BIRDv6 process: ") { return .birdV6 }
    guard text.begins(line, "Error querying BIRD: ") else { return nil }
    return text.find("BIRDv6", in: line) == nil ? .birdV4 : .birdV6
}

/// Reads `birdcl show protocols`: the lines of BGP.
func readBirdProtocols(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var sessions = reading.cluster.bgpSessions ?? []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        // `name proto table state since info`
        guard let name = words[0], let kind = words[1], text.has(kind, "BGP"), let state = words[3],
            let since = words[4]
        else { continue }
        words.seek(5)
        let session = BGPSession(
            peerAddress: peerAddress(text, name), kind: text.text(name), state: text.text(state),
            since: text.text(since), details: words.rest.map { text.text($0) } ?? "", place: cursor.place)
        // `calicoctl node status` tells the same sessions.
        let isKnown = sessions.contains { $0.peerAddress != nil && $0.peerAddress == session.peerAddress }
        if !isKnown { sessions.append(session) }
    }
    reading.cluster.bgpSessions = sessions
}

/// The address in `Mesh_192_0_2_20`, `Node_fd00__1`, `Global_…`: Calico writes `_` for what parts an address.
private func peerAddress(_ text: Span<UInt8>, _ name: Range<Int>) -> IPAddress? {
    for start: StaticString in ["Mesh_", "Node_", "Global_"] where text.begins(name, start) {
        let rest = text.text(name.lowerBound + start.utf8CodeUnitCount..<name.upperBound)
        for separator in [".", ":"] {
            var address = ""
            for character in rest { address += character == "_" ? separator : String(character) }
            if let found = IPAddress(address) { return found }
        }
    }
    return nil
}

/// Reads `birdcl show route` of BIRD 1, which Calico runs.
func readBirdRoutes(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var routes = reading.cluster.bgpRoutes ?? []
    var destination: IPPrefix?
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else { continue }
        // Further routes to one destination leave it out.
        if let prefix = IPPrefix(text, first) {
            destination = prefix
            _ = words.next()
        } else if text[cursor.range.lowerBound] != UInt8(ascii: " ") {
            continue
        }
        guard let destination else { continue }
        var route = BGPRoute(
            destination: destination, nextHop: nil, interface: "", origin: "", isChosen: false, place: cursor.place)
        while let word = words.next() {
            if text.has(word, "via") {
                route.nextHop = words.next().flatMap { IPAddress(text, $0) }
            } else if text.has(word, "on") || text.has(word, "dev") {
                route.interface = words.next().map { text.text($0) } ?? ""
            } else if text.has(word, "*") {
                route.isChosen = true
            } else if text[word.lowerBound] == UInt8(ascii: "["), route.origin.isEmpty, word.count > 1 {
                route.origin = text.text(word.lowerBound + 1..<word.upperBound)
            }
        }
        // A line of a multipath route has no origin of its own.
        if !route.origin.isEmpty { routes.append(route) }
    }
    reading.cluster.bgpRoutes = routes
}

/// Reads `calicoctl ipam show`, with or without `--show-blocks`. Numbers above five digits are rounded there.
/// Source: calicoctl/calicoctl/commands/ipam/show.go, v3.31.
func readAddressUsage(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var usage = reading.cluster.addressUsage ?? []
    var titles: [String] = []
    while cursor.advance(text) {
        let cells = cells(text, text.trimmed(cursor.range))
        guard let first = cells.first else { continue }
        if text.has(first, "GROUPING") {
            titles = cells.map { text.text($0) }
            continue
        }
        func cell(_ title: String) -> Range<Int>? {
            guard let index = titles.firstIndex(of: title), index < cells.count else { return nil }
            return cells[index]
        }
        func number(_ title: String) -> UInt64 { cell(title).map { count(text, $0) } ?? 0 }
        guard let range = cell("CIDR").flatMap({ IPPrefix(text, $0) }) else { continue }
        usage.append(
            AddressUsage(
                kind: text.has(first, "Block") ? .block : .pool, range: range, total: number("IPS TOTAL"),
                used: number("IPS IN USE"), free: number("IPS FREE"), place: cursor.place))
    }
    reading.cluster.addressUsage = usage
}

/// `65531 (100%)`, `1.2089e+24 (100%)`.
private func count(_ text: Span<UInt8>, _ cell: Range<Int>) -> UInt64 {
    let end = text.firstIndex(of: UInt8(ascii: " "), in: cell) ?? cell.upperBound
    let number = JSONNumber(text: text.text(cell.lowerBound..<end))
    if let exact = number.unsigned { return exact }
    guard let value = number.double, value >= 0 else { return 0 }
    // 2^64 as a Double; what is beyond it is as good as without end.
    return value >= 18_446_744_073_709_551_615.0 ? UInt64.max : UInt64(value)
}
