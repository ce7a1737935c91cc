internal import NetTypes
internal import SourceText

/// The sets of a policy that have names.
struct NamedSets {
    private(set) var all: [PolicySet] = []
    private var places: [String: Int] = [:]

    mutating func add(_ member: JSONMember) throws(PolicyFailure) {
        // One that can't be read has a name all the same: it is told once, not where it is used.
        var set = PolicySet.anyOf([])
        defer {
            places[member.key] = all.count
            all.append(set)
        }
        set = try read(member.value)
    }

    /// A name, a mapping of constraints, or a list of sets.
    func read(_ value: JSONValue) throws(PolicyFailure) -> PolicySet {
        if let name = value.string {
            guard let place = places[name] else {
                let known = places.keys.sorted()
                let hint = known.isEmpty ? "'sets' names none" : "there are \(listed(known))"
                throw PolicyFailure("no set '\(name)' stands before this; \(hint)", at: value.start)
            }
            return .named(place)
        }
        if let list = value.array {
            if list.isEmpty { throw PolicyFailure("a list of sets has at least one", at: value.start) }
            var parts: [PolicySet] = []
            for value in list { parts.append(try read(value)) }
            return .anyOf(parts)
        }
        guard let members = value.object else {
            throw PolicyFailure(
                "a set of packets is a mapping such as {from: 10.0.0.0/8, to: host:22/tcp}, a set's name or a list of sets",
                at: value.start)
        }
        if let twice = value.firstDuplicate {
            throw PolicyFailure("'\(twice.key)' is here twice", at: twice.keyStart)
        }
        let own = try readConstraints(members.filter { $0.key != "except" }, at: value.start)
        guard let exception = value["except"] else { return own }
        return .except(own, try read(exception))
    }
}

/// `unchanged`, or a mapping of ends: `{from: 192.0.2.1, to: [10.0.0.1:80, 10.0.0.2:80]}`.
func readTranslation(_ value: JSONValue) throws(PolicyFailure) -> Translation {
    if let word = value.string {
        if word == "unchanged" { return .unchanged }
        throw PolicyFailure(
            "'as' is 'unchanged' or says ends such as {to: 10.0.0.1:80}, not '\(word)'", at: value.start)
    }
    let mapping = try Mapping(value, "'as' of 'translate'", keys: ["from", "to"])
    let source = try mapping["from"].map { (value) throws(PolicyFailure) in try readRanges(value) } ?? []
    let destination = try mapping["to"].map { (value) throws(PolicyFailure) in try readRanges(value) } ?? []
    if source.isEmpty, destination.isEmpty {
        throw PolicyFailure("'as' says 'from', 'to' or both", at: value.start)
    }
    return .ends(source: source, destination: destination)
}

private func readRanges(_ value: JSONValue) throws(PolicyFailure) -> [EndRange] {
    var result: [EndRange] = []
    for part in value.array ?? [value] {
        let words = try text(part, "an address")
        guard let range = EndRange(words) else {
            throw PolicyFailure(
                "'\(words)' is not an address or prefix, with or without a port: 10.0.0.1:80, 192.0.2.0/28, [2001:db8::1]:80",
                at: part.start)
        }
        result.append(range)
    }
    if result.isEmpty { throw PolicyFailure("an empty list means nothing here", at: value.start) }
    return result
}

extension EndRange {
    /// `ADDRESS[/LENGTH][:PORT[-PORT]]`, IPv6 in brackets where a port follows.
    init?(_ text: String) {
        var rest = text[...]
        var portText: Substring?
        if rest.hasPrefix("[") {
            guard let close = rest.firstIndex(of: "]") else { return nil }
            let behind = rest[rest.index(after: close)...]
            rest = rest[rest.index(after: rest.startIndex)..<close]
            if behind.hasPrefix(":") {
                portText = behind.dropFirst()
            } else if !behind.isEmpty {
                return nil
            }
        } else if let colon = rest.firstIndex(of: ":"), rest.lastIndex(of: ":") == colon {
            portText = rest[rest.index(after: colon)...]
            rest = rest[..<colon]
        }
        var length: UInt8?
        if let slash = rest.firstIndex(of: "/") {
            guard let number = UInt8(rest[rest.index(after: slash)...]) else { return nil }
            length = number
            rest = rest[..<slash]
        }
        guard let address = IPAddress(String(rest)) else { return nil }
        let width = UInt8(address.version.addressBits)
        guard length ?? width <= width else { return nil }
        prefix = IPPrefix(address, length: length ?? width)
        guard let portText else { return }
        let ends = portText.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let low = UInt16(ends[0]), let high = ends.count == 2 ? UInt16(ends[1]) : low, low <= high else {
            return nil
        }
        ports = low...high
    }
}

/// `filter/FORWARD:12`, `ip6 filter/FORWARD:12`, a rule's own text, or `{comment: TEXT}`.
func readRuleName(_ value: JSONValue) throws(PolicyFailure) -> RuleName {
    if value.object != nil {
        let mapping = try Mapping(value, "a rule", keys: ["comment"])
        guard let comment = mapping["comment"] else {
            throw PolicyFailure("a rule is named by its place, its text or {comment: TEXT}", at: value.start)
        }
        return .comment(try text(comment, "a comment"))
    }
    let words = try text(value, "a rule")
    guard let colon = words.lastIndex(of: ":"), let number = Int(words[words.index(after: colon)...]),
        let slash = words.firstIndex(of: "/"), slash < colon, !words.hasPrefix("-")
    else {
        if words.isEmpty { throw PolicyFailure("a rule's text is not empty", at: value.start) }
        return .text(words)
    }
    if number < 1 { throw PolicyFailure("rules count from 1", at: value.start) }
    let path = words[..<colon]
    let parts = path.split(separator: " ", maxSplits: 1)
    if parts.count == 2 { return .numbered(family: String(parts[0]), path: String(parts[1]), number: number) }
    return .numbered(family: nil, path: String(path), number: number)
}
