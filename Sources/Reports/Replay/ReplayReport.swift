internal import ChainGraph
internal import NetTypes
internal import PacketCapture
internal import PacketPath
public import PathModel
internal import Questions
internal import RuleModel
public import SourceText

/// What a report on a capture is headed by.
public struct ReplayHeading: Hashable, Sendable {
    /// The capture as the user named it.
    public var capture: String
    /// Whether packets passed one after another through one machine.
    public var isFlows: Bool

    public init(capture: String, isFlows: Bool) {
        self.capture = capture
        self.isFlows = isFlows
    }
}

/// The summary as a person reads it: what did not get through first, each with the rule that decided.
public func replayReport(
    _ summary: ReplaySummary, _ heading: ReplayHeading, _ model: HostModel, files: [SourceFile]
) -> Document {
    ReplayReporter(summary: summary, heading: heading, quotes: Quotes(model: model, files: files)).document()
}

private struct ReplayReporter {
    let summary: ReplaySummary
    let heading: ReplayHeading
    let quotes: Quotes

    var words: OutcomeWords { OutcomeWords(quotes: quotes) }

    func document() -> Document {
        var document = Document()
        document.add(.paragraph(head))
        document.add(contentsOf: warnings)
        section("Did not get through", verdicts { !$0.isThrough && $0 != .undecided && $0 != .queued }, &document)
        section("Undecided", verdicts { $0 == .undecided || $0 == .queued }, &document)
        section("Got through", verdicts { $0.isThrough }, &document)
        section("Translated", changes, &document)
        section("Not followed", unreadable, &document)
        section("Shown by other frames too, and answered once", passedOver, &document)
        section("This rests on", grounds, &document)
        return document
    }

    private func section(_ title: String, _ blocks: [Block], _ document: inout Document) {
        if blocks.isEmpty { return }
        document.add(.space)
        document.add(.heading(RichText(title)))
        document.add(.indented(blocks))
    }

    /// `cap.pcap: 1204 packets in 1300 frames from 10:01:02 to 10:05:00 UTC: 3 DROPPED, …`.
    private var head: RichText {
        var text = RichText(heading.capture, .strong)
        text.add(": \(counted(summary.packetCount, "packet")) in \(counted(summary.frameCount, "frame"))")
        if let first = summary.first, let last = summary.last {
            text.add(", \(first.dateText) \(first.clockText) to \(last.clockText) UTC", .quiet)
        }
        text.add(heading.isFlows ? ", one after another through one machine" : ", each by itself")
        if summary.packetCount == 0 {
            text.add(".")
            return text
        }
        text.add(": ")
        var isFirst = true
        for outcome in Outcome.allCases.sorted(by: { $0.weight < $1.weight }) {
            let count = summary.verdicts.reduce(0) { $0 + ($1.key.outcome == outcome ? $1.value.count : 0) }
            if count == 0 { continue }
            text.add(isFirst ? "" : ", ")
            text.add("\(count) \(outcome.title)", outcome.role)
            isFirst = false
        }
        text.add(".")
        return text
    }

    private var warnings: [Block] {
        var blocks: [Block] = []
        for (text, group) in sorted(summary.deciders) {
            var line = RichText(otherDecidersTitle, .doubtful)
            line.add(": \(text) (\(counted(group.count, "packet")), first frame \(group.frame)).")
            blocks.append(.paragraph(line))
        }
        if let group = summary.withoutBeginning {
            var line = RichText("IN THE MIDDLE OF CONNECTIONS", .doubtful)
            line.add(": \(counted(group.count, "packet")) of TCP (first frame \(group.frame)) ")
            line.add("\(group.count == 1 ? "begins" : "begin") no connection, and no entry tells of theirs: ")
            line.add(
                heading.isFlows
                    ? "the capture begins later than they. conntrack takes such a packet for new or invalid; add the output of `conntrack -L` to the snapshot."
                    : "conntrack takes such a packet for new or invalid. --flows lets the packets pass one after another, so that earlier ones count."
            )
            blocks.append(.paragraph(line))
        }
        if let group = summary.passedOver[.leftAllTheSame] {
            var line = RichText("THE CAPTURE SHOWS OTHERWISE", .doubtful)
            line.add(": \(counted(group.count, "frame")) (the first is \(group.frame)) ")
            line.add("\(group.count == 1 ? "shows" : "show") a packet leaving that does not get through here")
            line.add(
                heading.isFlows
                    ? ": other rules were at work then, or something that the snapshot does not tell."
                    : ". Try --flows; if that tells the same, other rules were at work then.")
            blocks.append(.paragraph(line))
        }
        if summary.lostCount > 0 {
            blocks.append(
                .paragraph(
                    RichText([
                        TextRun("NOT ALL WAS CAPTURED", .doubtful),
                        TextRun(": the capturing program lost \(counted(Int(clamping: summary.lostCount), "frame"))."),
                    ])))
        }
        return blocks.isEmpty ? [] : [.space] + blocks
    }

    private func sorted<Key>(_ groups: [Key: ReplaySummary.Group]) -> [(key: Key, value: ReplaySummary.Group)] {
        groups.sorted {
            let (a, b) = ($0.value, $1.value)
            if a.count != b.count { return a.count > b.count }
            return a.frame == b.frame ? a.order < b.order : a.frame < b.frame
        }
    }

    private func count(_ group: ReplaySummary.Group) -> RichText {
        let width = summary.verdicts.values.map { String($0.count).utf8.count }.max() ?? 1
        let digits = String(group.count)
        return RichText(String(repeating: " ", count: max(0, width - digits.utf8.count)) + digits, .strong)
    }

    private func verdicts(_ isShown: (Outcome) -> Bool) -> [Block] {
        var blocks: [Block] = []
        for (verdict, group) in sorted(summary.verdicts) where isShown(verdict.outcome) {
            var line = count(group)
            line.add("  ")
            line.add(verdict.outcome.title, verdict.outcome.role)
            line.add(" \(byWords(verdict))")
            blocks.append(.paragraph(line))
            blocks.append(.indented([.indented(quoted(verdict.decider) + [first(group)])]))
        }
        return blocks
    }

    private func first(_ group: ReplaySummary.Group) -> Block {
        var text = RichText("first: frame \(group.frame)", .quiet)
        if let time = group.time { text.add(" at \(time.clockText)", .quiet) }
        if !group.example.isEmpty { text.add(", \(group.example)") }
        return .paragraph(text)
    }

    private func quoted(_ decider: ReplaySummary.Decider) -> [Block] {
        switch decider {
        case .rule(let rule): return quoted(rule)
        case .policy(let chain):
            let place = quotes.linked.chain(chain).place
            guard let location = quotes.location(place), let text = quotes.text(place) else { return [] }
            return [.verbatim([RichText([TextRun(location + ": ", .quiet), TextRun(firstLine(text), .code)])])]
        case .outside, .none, .several, .unknowns, .otherPrograms: return []
        }
    }

    private func firstLine(_ text: String) -> String {
        let plain = withoutTabs(text)
        return plain.utf8.firstIndex(of: 0x0a).map { String(plain[..<$0]) + " …" } ?? plain
    }

    private func quoted(_ rule: RuleReference) -> [Block] {
        let place = quotes.linked.rule(rule).place
        var line = RichText()
        if let location = quotes.location(place) { line.add(location + ": ", .quiet) }
        line.add(firstLine(quotes.text(rule)), .code)
        return [.verbatim([line])]
    }

    /// What stands behind the outcome's word.
    private func byWords(_ verdict: ReplaySummary.Verdict) -> String {
        switch verdict.decider {
        case .rule(let rule):
            return (verdict.outcome.isThrough ? "accepted by " : "by ") + words.ruleName(rule)
        case .policy(let chain):
            return (verdict.outcome.isThrough ? "accepted by " : "by ") + "the policy of \(words.chainName(chain))"
        case .outside: return verdict.reason.map { $0.sentence } ?? "outside the rules"
        case .none: return "(no rule or policy of a filter decided)"
        case .several: return "on every way, by different rules"
        case .unknowns(let names):
            if names.isEmpty { return verdict.reason.map { $0.sentence } ?? "by what the snapshot does not tell" }
            return "by what the snapshot does not tell: \(listed(names)) (--assume settles it)"
        case .otherPrograms(let names): return "by the rules alone: \(listed(names)) decides too"
        }
    }

    private var changes: [Block] {
        var blocks: [Block] = []
        for (change, group) in sorted(summary.changes) {
            var line = count(group)
            line.add("  ")
            line.add(change.kind.name, .changed)
            if let rule = change.rule {
                line.add(" by \(words.ruleName(rule))")
            } else {
                line.add(change.isFromEntry ? " by the connection's entry" : " where two connections would be alike")
            }
            blocks.append(.paragraph(line))
            blocks.append(.indented([.indented((change.rule.map { quoted($0) } ?? []) + [first(group)])]))
        }
        return blocks
    }

    private var unreadable: [Block] {
        let rows = sorted(summary.unreadable).map { message, group in
            [count(group), RichText("\(message); first: frame \(group.frame)")]
        }
        return rows.isEmpty ? [] : [.table(rows)]
    }

    private var passedOver: [Block] {
        let rows = sorted(summary.passedOver).map { kind, group in
            [count(group), RichText("\(kind.words); first: frame \(group.frame)")]
        }
        return rows.isEmpty ? [] : [.table(rows)]
    }

    private var grounds: [Block] {
        var items: [[Block]] = []
        func add(_ text: String) { items.append([.paragraph(RichText(text))]) }
        for (evidence, count) in summary.evidence.sorted(by: { $0.value > $1.value }) {
            let what = evidence.isMadeHere ? "made here" : "come in"
            add("\(counted(count, "packet")) taken as \(what), by \(evidence.by.words)")
        }
        for (remark, group) in sorted(summary.remarks) {
            add("\(counted(group.count, "packet")) (first frame \(group.frame)) \(remark.words)")
        }
        let assumptions = sorted(summary.assumptions)
        for (name, group) in assumptions.prefix(12) {
            add("\(group.example) (\(name); \(counted(group.count, "packet")), first frame \(group.frame))")
        }
        if assumptions.count > 12 {
            add("\(assumptions.count - 12) more assumptions: --json tells each with its packet")
        }
        for input in summary.missing { add("\(input.effect): add the output of `\(input.command)`") }
        return items.isEmpty ? [] : [.list(items)]
    }
}

extension Outcome {
    /// Those that did not get through first.
    var weight: Int {
        switch self {
        case .dropped: 0
        case .rejected: 1
        case .filtered: 2
        case .unroutable: 3
        case .undecided: 4
        case .queued: 5
        case .forwarded: 6
        case .delivered: 7
        case .sent: 8
        }
    }

    var role: TextRole {
        switch self {
        case .forwarded, .sent, .delivered: .good
        case .dropped, .rejected, .unroutable, .filtered: .bad
        case .queued, .undecided: .doubtful
        }
    }

    /// `DROPPED`.
    var title: String { String(decoding: name.utf8.map { $0 - 32 }, as: UTF8.self) }
}

extension ReplayedFrame.PassedOver.Kind {
    /// What is told of the frames, behind their count.
    var words: String {
        switch self {
        case .again: "show a packet again that another interface showed before"
        case .leaving: "show a packet leaving that another frame shows coming in, or on its way into a tunnel"
        case .answer: "show what a REJECT answered another frame's packet with"
        case .leftAllTheSame: "show a packet leaving that these rules do not let through"
        }
    }
}

extension Reason {
    /// Behind the outcome's word, without a final stop.
    var sentence: String {
        switch self {
        case .rule: "by a rule"
        case .policy: "by a policy"
        case .noRoute: "without a route"
        case .blackhole: "by a blackhole route"
        case .unreachable: "by an unreachable route"
        case .prohibit: "by a prohibit route"
        case .rpFilter: "by the reverse path check (rp_filter)"
        case .martianSource: "as a martian: the source can't come from the wire"
        case .martianDestination: "as a martian: the destination can't come from the wire"
        case .notAddressed: "in a frame for another host, or for many"
        case .badHeader: "with a header that is not as it must be"
        case .beyondScope: "beyond the scope of its addresses"
        case .notJoined: "to a group that this host has not joined"
        case .forwardingOff: "not for this host, and forwarding is off"
        case .ttl: "its TTL or hop limit runs out here"
        case .tooBig: "larger than the way on allows, and not to be fragmented"
        case .fragmentsApart: "in fragments of which one is tracked, and another is not"
        case .hairpinOff: "back by its own bridge port, which is not in hairpin mode"
        case .givenToSocket: "given to a socket by TPROXY without a route of type local"
        case .ipv6Disabled: "by an interface on which IPv6 is off (disable_ipv6)"
        case .otherTunnel: "in a tunnel with a number that none of this host's has"
        case .tunnelLoop: "in a tunnel whose own packets would go into it again"
        case .portBlocked: "by a bridge's port that passes no such frames on"
        case .interfaceDown: "by an interface that is down"
        case .notFlooded: "by a bridge that knows no port for it, and none that is sent such frames"
        case .noTunnelEnd: "by a tunnel that knows no other end for its next hop (`bridge fdb`)"
        case .natNoAddress: "without an address or port to be translated to"
        case .natInterface: "by its connection, which was masqueraded for another interface"
        case .noServer: "by IPVS, which has no real server for it"
        case .serverGone: "by IPVS, whose real server is gone"
        case .unknownRule: "by a rule that this program does not understand"
        case .tooManyBranches: "with more ways than were followed"
        }
    }
}

extension CaptureTime {
    /// `11:04:57.000123` of the day in UTC.
    var clockText: String {
        let second = ((seconds % 86400) + 86400) % 86400
        let fraction = String(nanoseconds / 1000)
        return two(second / 3600) + ":" + two(second / 60 % 60) + ":" + two(second % 60) + "."
            + String(repeating: "0", count: 6 - fraction.utf8.count) + fraction
    }

    /// `2026-11-26`, in UTC. Source: Howard Hinnant, chrono-compatible date algorithms, `civil_from_days`.
    var dateText: String {
        let days = (seconds - ((seconds % 86400) + 86400) % 86400) / 86400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let day = days - era * 146_097
        let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let date = dayOfYear - (153 * month + 2) / 5 + 1
        let number = month < 10 ? month + 3 : month - 9
        return "\(year + era * 400 + (number <= 2 ? 1 : 0))-\(two(number))-\(two(date))"
    }

    private func two(_ number: Int64) -> String { (number < 10 ? "0" : "") + "\(number)" }
}
