import HostText
import SourceText

/// One line of a file, and of which listing it is; without a kind it is left out.
struct Line {
    var bytes: [UInt8]
    var kind: ListingKind?
    /// What it is that is left out; `nil`: no listing.
    var unread: ListingKind?
    var isEnded: Bool

    func has(_ words: StaticString) -> Bool { bytes.span.find(words) }
}

/// A file in lines.
struct Text {
    var lines: [Line] = []

    init(_ file: SourceFile) {
        let text = file.bytes.span
        let listings = recognise(text, file: FileID(0), path: file.path).listings
        var position = 0
        var start = 0
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: "\n"), in: start..<text.count) ?? text.count
            while position < listings.count, listings[position].excerpt.end <= start { position += 1 }
            var line = Line(bytes: Array(file.bytes[start..<end]), isEnded: end < text.count)
            if position < listings.count, listings[position].excerpt.start <= start {
                let kind = listings[position].kind
                if kind.isRedacted { line.kind = kind } else { line.unread = kind }
            } else if isCommandLine(text, start..<end) {
                line.kind = .hostName
            }
            lines.append(line)
            start = end + 1
        }
    }

    /// Runs of lines that are not kept, blank ones aside.
    func leftOut(_ path: String) -> [RedactedSnapshot.LeftOut] {
        var found: [RedactedSnapshot.LeftOut] = []
        var isOpen = false
        for (index, line) in lines.enumerated() {
            guard line.kind == nil else {
                isOpen = false
                continue
            }
            if line.bytes.allSatisfy({ $0 <= 0x20 }) { continue }
            let what = line.unread?.name ?? "no output that is known here"
            if isOpen, let last = found.indices.last, found[last].what == what {
                found[last].lineCount = index + 2 - found[last].line
            } else {
                found.append(RedactedSnapshot.LeftOut(path: path, line: index + 1, lineCount: 1, what: what))
                isOpen = true
            }
        }
        return found
    }
}

extension ListingKind {
    /// Whether a listing's lines are understood well enough that nothing of the host stays in them.
    var isRedacted: Bool {
        switch self {
        case .iptablesSave, .iptablesRules, .nftText, .nftTables, .unreadRules, .setSave, .setList, .addresses,
            .addressLines, .addressesBrief, .linksBrief, .addressesJSON, .routes, .routesJSON, .nextHops, .policyRules,
            .policyRulesJSON, .neighbours, .neighboursJSON, .addressLabels, .routeTable, .routeTableV6, .ifconfig,
            .tunnels, .sysctl, .connections, .connectionsProc, .sockets, .netstat, .trafficControl, .transformPolicies,
            .openVSwitch,
            .virtualServers, .tableNames, .bridgeForwarding, .attachedPrograms, .hostName, .kernelRelease,
            .captureNotes, .virtualServerRules, .emptyJSON:
            true
        // Text of any kind stands in these.
        case .iptablesList, .setXML, .nftJSON, .kubernetes, .otherJSON, .nodeStatus, .birdProtocols, .birdRoutes,
            .addressUsage, .failedCommand:
            false
        }
    }
}

extension Span<UInt8> {
    func find(_ words: StaticString) -> Bool {
        let count = words.utf8CodeUnitCount
        guard count > 0, self.count >= count else { return false }
        for start in 0...(self.count - count) where extracting(start..<(start + count)).equals(words) { return true }
        return false
    }
}
