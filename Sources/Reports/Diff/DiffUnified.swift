internal import ChainGraph
public import Questions
internal import RuleModel
internal import SourceText

/// Writes the difference between two nodes in the unified form, each chain as a file of its own whose lines are its rules.
///
/// Lines that mean the same are equal, however they are written: the first node's stand for both.
public func writeUnifiedDiff(
    _ diff: Diff, _ a: DiffedNode, _ b: DiffedNode, _ style: TextStyle, into output: inout OutputBuffer
) {
    let writer = UnifiedWriter(a: a.side, b: b.side, style: style)
    for section in diff.sections {
        switch section {
        case .chains(let chains): for chain in chains { writer.write(chain, into: &output) }
        case .sets(let sets): for set in sets { writer.write(set, into: &output) }
        case .host(let differences): writer.write(differences, into: &output)
        case .counters: break
        }
    }
}

private struct UnifiedWriter {
    let a: DiffSide
    let b: DiffSide
    let style: TextStyle

    /// Equal lines that are shown around a difference.
    private static let context = 3

    private struct Line {
        enum Kind { case kept, removed, added }
        var kind: Kind
        var text: String
    }

    func write(_ difference: ChainDifference, into output: inout OutputBuffer) {
        header(difference.a.map { a.title($0) }, difference.b.map { b.title($0) }, into: &output)
        if difference.hasOtherBase, let idA = difference.a, let idB = difference.b {
            emit("@@ base chain @@", .changed, into: &output)
            emit("-" + (a.base(idA) ?? "no base chain"), .bad, into: &output)
            emit("+" + (b.base(idB) ?? "no base chain"), .good, into: &output)
        }
        hunks(lines(difference), into: &output)
    }

    func write(_ set: SetDifference, into output: inout OutputBuffer) {
        header(set.a.map { a.title($0) }, set.b.map { b.title($0) }, into: &output)
        let removed = set.a.map { a.members(set.b == nil ? Array(0..<a.memberCount($0)) : set.removed, of: $0) } ?? []
        let added = set.b.map { b.members(set.a == nil ? Array(0..<b.memberCount($0)) : set.added, of: $0) } ?? []
        plain(removed, added, set.hasOtherType ? " type, size or content differ" : "", into: &output)
    }

    func write(_ differences: [HostDifference], into output: inout OutputBuffer) {
        var removed: [String] = []
        var added: [String] = []
        func text(_ side: DiffSide, _ place: Place) -> String { side.quotes.text(place) ?? "" }
        for difference in differences {
            switch difference {
            case .setting(let nameA, let nameB):
                removed.append("\(nameA) = \(a.setting(nameA))")
                added.append("\(nameB) = \(b.setting(nameB))")
            case .link(let aspect, let own?, let other?, let countsOwn):
                for change in a.changes(own, aspect, b, other, countsOwn) {
                    removed.append("\(a.linkName(own)): \(change.fact) \(change.a)")
                    added.append("\(b.linkName(other)): \(change.fact) \(change.b)")
                }
            case .route, .routingRule, .link, .neighbour, .forwardingEntry:
                guard let places = difference.places(a, b) else { continue }
                if let own = places.a { removed.append(text(a, own)) }
                if let other = places.b { added.append(text(b, other)) }
            }
        }
        let title = differences.contains { $0.isOfLinks } ? "links, settings and routes" : "settings and routes"
        header(title, title, into: &output)
        plain(removed, added, "", into: &output)
    }

    private func header(_ titleA: String?, _ titleB: String?, into output: inout OutputBuffer) {
        emit("--- " + (titleA.map { "\(a.node.name): \($0)" } ?? "/dev/null"), .strong, into: &output)
        emit("+++ " + (titleB.map { "\(b.node.name): \($0)" } ?? "/dev/null"), .strong, into: &output)
    }

    /// Lines whose order means nothing.
    private func plain(_ removed: [String], _ added: [String], _ note: String, into output: inout OutputBuffer) {
        emit("@@ -\(span(1, removed.count)) +\(span(1, added.count)) @@\(note)", .changed, into: &output)
        for line in removed { emit("-" + line, .bad, into: &output) }
        for line in added { emit("+" + line, .good, into: &output) }
    }

    // MARK: Hunks

    private func lines(_ difference: ChainDifference) -> [Line] {
        var own: [Int: Int?] = [:]
        var other: Set<Int> = []
        for pair in difference.kept { own[pair.a] = .some(pair.b) }
        for change in difference.changes {
            switch change {
            case .removed(let rule): own[rule] = .some(nil)
            case .added(let rule): other.insert(rule)
            case .moved(let from, let to), .changed(let from, let to, _):
                own[from] = .some(nil)
                other.insert(to)
            }
        }
        let waiting = other.sorted()
        var next = 0
        var lines: [Line] = []
        func added(before end: Int) {
            while next < waiting.count, waiting[next] < end {
                lines.append(line(.added, b, difference.b, waiting[next]))
                next += 1
            }
        }
        for rule in own.keys.sorted() {
            if case .some(.some(let partner)) = own[rule] {
                added(before: partner)
                lines.append(line(.kept, a, difference.a, rule))
            } else {
                lines.append(line(.removed, a, difference.a, rule))
            }
        }
        added(before: .max)
        return lines
    }

    private func line(_ kind: Line.Kind, _ side: DiffSide, _ chain: ChainID?, _ rule: Int) -> Line {
        guard let chain else { return Line(kind: kind, text: "") }
        return Line(kind: kind, text: side.text(RuleReference(chain: chain, index: rule)))
    }

    private func hunks(_ lines: [Line], into output: inout OutputBuffer) {
        // Of each side the lines before a place.
        var countA = 0
        var countB = 0
        var index = 0
        while index < lines.count {
            guard let first = lines[index...].firstIndex(where: { $0.kind != .kept }) else { return }
            let start = max(index, first - Self.context)
            countA += start - index
            countB += start - index
            var end = first + 1
            var gap = 0
            // Two differences with few equal lines between them are one hunk.
            for place in (first + 1)..<max(first + 1, lines.count) {
                gap = lines[place].kind == .kept ? gap + 1 : 0
                if gap > 2 * Self.context { break }
                if gap == 0 { end = place + 1 }
            }
            end = min(lines.count, end + Self.context)
            let hunk = lines[start..<end]
            let ofA = hunk.count { $0.kind != .added }
            let ofB = hunk.count { $0.kind != .removed }
            let spanA = span(countA + 1, ofA)
            let spanB = span(countB + 1, ofB)
            emit("@@ -\(spanA) +\(spanB) @@", .changed, into: &output)
            for line in hunk {
                switch line.kind {
                case .kept: emit(" " + line.text, .plain, into: &output)
                case .removed: emit("-" + line.text, .bad, into: &output)
                case .added: emit("+" + line.text, .good, into: &output)
                }
            }
            countA += ofA
            countB += ofB
            index = end
        }
    }

    /// `3,4`; of no lines the line before, as diff has it.
    private func span(_ first: Int, _ count: Int) -> String { "\(count == 0 ? first - 1 : first),\(count)" }

    private func emit(_ text: String, _ role: TextRole, into output: inout OutputBuffer) {
        renderLine(RichText(withoutTabs(text), role), style, into: &output)
    }
}
