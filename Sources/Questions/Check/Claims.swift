internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// What each kind of statement claims, as sets: what is against it, and what may be.
extension Checker {
    /// All of `set` get through.
    func allowed(_ set: PolicySet) throws(UnanswerableSet) -> [CheckFinding] {
        var all: [(asked: Asked, meant: PacketSet)] = []
        try ask(set, .usual) { (asked) throws(UnanswerableSet) in all.append((asked, possible(asked, set))) }
        if all.isEmpty { return [CheckFinding(.empty, .refused)] }
        // All that the set says where no packet of it could be where it is.
        let usual = all.filter { !$0.meant.isEmpty }
        let meant = usual.isEmpty ? all.map { (asked: $0.asked, meant: $0.asked.packets) } : usual
        return meant.flatMap { asked, meant in
            let refused = asked.space.and(meant, asked.followed.refused)
            let open = asked.space.subtract(meant, asked.followed.through)
            return findings(refused, or: open, .refused, asked) { !$0.end.outcome.isThrough }
        }
    }

    /// Without packets that could not be where they are: martians, and, unless the set says both source and interface, those
    /// whose source is routed by another interface, as a trace takes it.
    func possible(_ asked: Asked, _ set: PolicySet) -> PacketSet {
        var impossible = asked.followed.impossible
        if !resolver.traits(of: set).limited.isSuperset(of: [.source, .inInterface]) {
            impossible = asked.space.or(impossible, asked.followed.misplaced)
        }
        return asked.space.subtract(asked.packets, impossible)
    }

    /// None of `set` gets through.
    func denied(_ set: PolicySet) throws(UnanswerableSet) -> [CheckFinding] {
        var found: [CheckFinding] = []
        var isEmpty = true
        try ask(set, .new) { (asked) throws(UnanswerableSet) in
            let space = asked.space
            isEmpty = false
            let through = space.and(asked.packets, asked.followed.through)
            let open = space.subtract(asked.packets, asked.followed.refused)
            found += findings(through, or: open, .through, asked) { !$0.end.isRefusal }
        }
        return isEmpty ? [CheckFinding(.empty, .through)] : found
    }

    // MARK: Translation

    /// Those of `set` that get through are translated so.
    func translated(_ set: PolicySet, _ translation: Translation) throws(UnanswerableSet) -> [CheckFinding] {
        var found: [CheckFinding] = []
        var isEmpty = true
        try ask(set, .usual) { (asked) throws(UnanswerableSet) in
            let space = asked.space
            let meant = space.and(asked.packets, asked.followed.through)
            let open = space.subtract(asked.packets, space.or(asked.followed.through, asked.followed.refused))
            if meant.isEmpty, open.isEmpty { return }
            isEmpty = false
            var wrong: [PacketSet] = []
            var doubtful = [open]
            for one in asked.followed.analysis.classes where one.end.outcome.isThrough {
                let own = space.and(one.packets, meant)
                if own.isEmpty { continue }
                if let right = packets(of: one, translation, space) {
                    wrong.append(space.subtract(own, right))
                } else {
                    doubtful.append(own)
                }
            }
            found += findings(space.union(wrong), or: space.union(doubtful), .translated, asked) { !$0.end.isRefusal }
        }
        return isEmpty ? [CheckFinding(.empty, .translated)] : found
    }

    /// Packets of which a class makes what `translation` says; `nil` where that is not known.
    private func packets(of one: PacketClass, _ translation: Translation, _ space: PacketSpace) -> PacketSet? {
        switch translation {
        case .any:
            guard let unchanged = unchanged(one, space) else { return .all }
            return space.complement(unchanged)
        case .unchanged: return unchanged(one, space)
        case .ends(let source, let destination):
            var result = PacketSet.all
            for (ranges, isSource) in [(source, true), (destination, false)] where !ranges.isEmpty {
                var parts: [PacketSet] = []
                for range in ranges {
                    guard let own = packets(of: one, range, isSource, space) else { return nil }
                    parts.append(own)
                }
                result = space.and(result, space.union(parts))
            }
            return result
        }
    }

    /// Packets of a class that have what they came with at the end.
    private func unchanged(_ one: PacketClass, _ space: PacketSpace) -> PacketSet? {
        let addresses = [(one.source, PacketField.source), (one.destination, .destination)]
        let ports = [(one.sourcePort, PacketField.sourcePort), (one.destinationPort, .destinationPort)]
        var result = PacketSet.all
        for (value, field) in addresses {
            switch value {
            case .unchanged: continue
            case .given(let address): result = space.and(result, space.packets(field, space.number(address)))
            case .partly, .unknown, .various: return nil
            }
        }
        for (value, field) in ports {
            switch value {
            case .unchanged: continue
            case .given(let port): result = space.and(result, space.packets(field, UInt128(port)))
            case .partly, .unknown, .various: return nil
            }
        }
        return result
    }

    private func packets(
        of one: PacketClass, _ range: EndRange, _ isSource: Bool, _ space: PacketSpace
    ) -> PacketSet? {
        if range.prefix.address.version != space.version { return PacketSet.none }
        let result: PacketSet
        switch isSource ? one.source : one.destination {
        case .unchanged:
            result = space.packets(
                isSource ? .source : .destination, in: AddressRange(range.prefix.address, range.prefix.last))
        case .given(let address): result = range.prefix.contains(address) ? .all : .none
        case .partly, .unknown, .various: return nil
        }
        guard let ports = range.ports, !result.isEmpty else { return result }
        switch isSource ? one.sourcePort : one.destinationPort {
        case .unchanged:
            let own = space.packets(
                isSource ? .sourcePort : .destinationPort, from: UInt128(ports.lowerBound),
                through: UInt128(ports.upperBound))
            return space.and(result, own)
        case .given(let port): return ports.contains(port) ? result : PacketSet.none
        case .partly, .unknown, .various: return nil
        }
    }

    // MARK: Comparisons

    /// Both snapshots treat each packet of `set` (`nil`: all) alike, but for those of `others`.
    func same(_ set: PolicySet?, but others: [PolicySet]) throws(UnanswerableSet) -> [CheckFinding] {
        var found: [CheckFinding] = []
        var isEmpty = true
        for version in IPVersion.allCases {
            let checked = space(version)
            let space = checked.space
            var packets = PacketSet.all
            if let set { packets = try resolver.packets(set, .every, in: space) }
            for other in others { packets = space.subtract(packets, try resolver.packets(other, .every, in: space)) }
            for origin in PacketOrigin.allCases where !packets.isEmpty {
                let own = space.and(packets, space.domain(origin, on: models[models.count - 1]))
                if own.isEmpty { continue }
                isEmpty = false
                noteAsked(version)
                let (differing, doubtful) = checked.difference(origin)
                let asked = Asked(
                    checked: checked, origin: origin, packets: own,
                    followed: checked.follow(origin, models.count - 1))
                let before = checked.follow(origin, 0).analysis.classes
                found += findings(
                    space.and(own, differing), or: space.and(own, doubtful), .differs, asked
                ) { _ in true }.map { finding in
                    var finding = finding
                    if let example = finding.example {
                        let one = space.likes(of: example, but: [])
                        finding.endBefore = before.first { !space.and($0.packets, one).isEmpty }?.end
                    }
                    return finding
                }
            }
        }
        return isEmpty ? [CheckFinding(.empty, .differs)] : found
    }

    /// Each packet of one set gets through where its like of the other does, which differs in no more than the fields that
    /// the two sets speak of.
    func alike(_ set: PolicySet, _ other: PolicySet) throws(UnanswerableSet) -> [CheckFinding] {
        let fields = resolver.traits(of: set).limited.union(resolver.traits(of: other).limited)
        var found: [CheckFinding] = []
        var isEmpty = true
        for version in IPVersion.allCases {
            let checked = space(version)
            let space = checked.space
            let (first, second) = (
                try resolver.packets(set, .new, in: space), try resolver.packets(other, .new, in: space)
            )
            if first.isEmpty || second.isEmpty { continue }
            for origin in PacketOrigin.allCases where origin == .wire || resolver.traits(of: set).takesOwn {
                let followed = checked.follow(origin, models.count - 1)
                let meant = space.subtract(
                    followed.analysis.domain, space.or(followed.impossible, followed.misplaced))
                let (own, theirs) = (space.and(first, meant), space.and(second, meant))
                if own.isEmpty || theirs.isEmpty { continue }
                isEmpty = false
                noteAsked(version)
                func parted(_ own: PacketSet, _ theirs: PacketSet) -> PacketSet {
                    space.and(space.forgetting(fields, in: own), space.forgetting(fields, in: theirs))
                }
                let (through, refused) = (followed.through, followed.refused)
                let wrong = space.and(
                    own,
                    space.or(
                        parted(space.and(own, through), space.and(theirs, refused)),
                        parted(space.and(own, refused), space.and(theirs, through))))
                let open = space.and(
                    own,
                    space.or(
                        parted(space.subtract(own, refused), space.subtract(theirs, through)),
                        parted(space.subtract(own, through), space.subtract(theirs, refused))))
                let asked = Asked(checked: checked, origin: origin, packets: own, followed: followed)
                found += findings(wrong, or: open, .unlike, asked) { _ in true }.map { finding in
                    var finding = finding
                    if let example = finding.example, let end = finding.end {
                        let opposite =
                            end.isRefusal
                            ? space.subtract(theirs, followed.refused) : space.subtract(theirs, followed.through)
                        let likes = space.and(space.likes(of: example, but: fields), space.possibly(opposite))
                        finding.counterpart = space.example(of: likes)
                    }
                    return finding
                }
            }
        }
        return isEmpty ? [CheckFinding(.empty, .unlike)] : found
    }

    // MARK: Rules

    /// No packet is matched by the rule of this name.
    func unreachable(_ name: RuleName) -> [CheckFinding] {
        let model = models[models.count - 1]
        let rules = model.linked.rules(named: name, files)
        if rules.isEmpty { return [CheckFinding(.unanswerable("there is no such rule"), .matched)] }
        var found: [CheckFinding] = []
        for version in IPVersion.allCases {
            let checked = space(version)
            for origin in PacketOrigin.allCases {
                let own = rules.filter { model.linked.table(of: $0.chain).family.sees(version) }
                if own.isEmpty { continue }
                noteAsked(version)
                let followed = checked.follow(origin, models.count - 1)
                for rule in own {
                    guard let matched = followed.analysis.hits[rule], !matched.isEmpty else { continue }
                    let asked = Asked(checked: checked, origin: origin, packets: matched, followed: followed)
                    found += findings(matched, or: .none, .matched, asked) { _ in true }.prefix(1).map { finding in
                        var finding = finding
                        finding.rule = rule
                        finding.moreCount = 0
                        return finding
                    }
                }
            }
        }
        return found
    }
}
