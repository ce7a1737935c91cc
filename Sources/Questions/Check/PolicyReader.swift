internal import NetTypes
public import SourceText

/// Why a policy can't be read: a sentence without a final stop, and a byte.
public struct PolicyFailure: Error, Hashable, Sendable {
    public let message: String
    /// In bytes from the start of the file.
    public let offset: Int

    public init(_ message: String, at offset: Int) {
        self.message = message
        self.offset = offset
    }
}

/// Makes a policy of a document; each failure is told, and what fails is no part of it.
public func readPolicy(_ root: JSONValue) -> (policy: CheckPolicy, failures: [PolicyFailure]) {
    var reader = PolicyReader()
    reader.read(root)
    return (reader.policy, reader.failures)
}

private struct PolicyReader {
    var policy = CheckPolicy()
    var failures: [PolicyFailure] = []
    private var statementNames: Set<String> = []
    private var sets = NamedSets()

    mutating func read(_ root: JSONValue) {
        do throws(PolicyFailure) {
            let mapping = try Mapping(root, "a policy", keys: ["sets", "statements", "before", "after"])
            attempt { (reader) throws(PolicyFailure) in
                reader.policy.before = try snapshot(mapping["before"])
                reader.policy.after = try snapshot(mapping["after"])
            }
            if let value = mapping["sets"] {
                for member in try Mapping(value, "sets", keys: nil).members {
                    attempt { (reader) throws(PolicyFailure) in try reader.sets.add(member) }
                }
            }
            guard let value = mapping["statements"] else {
                throw PolicyFailure("a policy has 'statements'", at: root.start)
            }
            guard let list = value.array, !list.isEmpty else {
                throw PolicyFailure("'statements' is a list with at least one statement", at: value.start)
            }
            for value in list {
                attempt { (reader) throws(PolicyFailure) in
                    let statement = try reader.statement(value)
                    reader.policy.statements.append(statement)
                }
            }
            policy.sets = sets.all
        } catch {
            failures.append(error)
        }
    }

    private mutating func attempt(_ body: (inout PolicyReader) throws(PolicyFailure) -> Void) {
        do throws(PolicyFailure) { try body(&self) } catch { failures.append(error) }
    }

    // MARK: Statements

    private static let verbs = ["allow", "deny", "translate", "same", "change", "unreachable-rule"]
    private static let others = ["name", "as", "before", "after", "node", "possibly", "empty", "why"]

    private mutating func statement(_ value: JSONValue) throws(PolicyFailure) -> PolicyStatement {
        let mapping = try Mapping(value, "a statement", keys: PolicyReader.verbs + PolicyReader.others)
        guard let nameValue = mapping["name"] else {
            throw PolicyFailure("a statement has a 'name'", at: value.start)
        }
        let name = try text(nameValue, "a name")
        if name.isEmpty { throw PolicyFailure("a statement's name is not empty", at: nameValue.start) }
        guard statementNames.insert(name).inserted else {
            throw PolicyFailure("an earlier statement is named '\(name)' too", at: nameValue.start)
        }
        let verbs = mapping.members.filter { PolicyReader.verbs.contains($0.key) }
        guard let verb = verbs.first else {
            throw PolicyFailure(
                "a statement has one of \(listed(PolicyReader.verbs))", at: value.start)
        }
        if verbs.count > 1 {
            throw PolicyFailure(
                "a statement makes one claim: this one has '\(verb.key)' already", at: verbs[1].keyStart)
        }
        var result = PolicyStatement(
            name: name, claim: try claim(verb, mapping["as"]), offset: nameValue.start)
        if let nodes = mapping["node"] { result.nodes = try texts(nodes, "a node's name") }
        result.takesPossibly = try isOK(mapping["possibly"], "possibly")
        result.takesNone = try isOK(mapping["empty"], "empty")
        if let why = mapping["why"] { result.reason = try text(why, "why") }
        try setSnapshots(&result, mapping, verb)
        return result
    }

    private func claim(_ verb: JSONMember, _ likeness: JSONValue?) throws(PolicyFailure) -> PolicyStatement.Claim {
        if let likeness, verb.key != "translate", verb.key != "same" {
            throw PolicyFailure("'as' goes with 'translate' and 'same'", at: likeness.start)
        }
        switch verb.key {
        case "allow": return .allow(try sets.read(verb.value))
        case "deny": return .deny(try sets.read(verb.value))
        case "translate":
            return .translate(
                try sets.read(verb.value),
                try likeness.map { (value) throws(PolicyFailure) in try readTranslation(value) } ?? .any)
        case "same":
            let own = try sets.read(verb.value)
            guard let likeness else { return .same(own) }
            return .alike(own, try sets.read(likeness))
        case "change": return .change(try change(verb.value))
        default: return .unreachable(try readRuleName(verb.value))
        }
    }

    private func change(_ value: JSONValue) throws(PolicyFailure) -> Change {
        let mapping = try Mapping(value, "a change", keys: ["before", "after", "allow", "deny", "nothing-else"])
        var change = Change()
        change.allowed = try mapping["allow"].map { (value) throws(PolicyFailure) in try sets.read(value) }
        change.denied = try mapping["deny"].map { (value) throws(PolicyFailure) in try sets.read(value) }
        if let value = mapping["nothing-else"] {
            guard let answer = value.boolean else {
                throw PolicyFailure("'nothing-else' is true or false", at: value.start)
            }
            change.isAll = answer
        }
        if change.allowed == nil, change.denied == nil, !change.isAll {
            throw PolicyFailure("a change has 'allow', 'deny' or 'nothing-else: true'", at: value.start)
        }
        return change
    }

    private func setSnapshots(
        _ statement: inout PolicyStatement, _ mapping: Mapping, _ verb: JSONMember
    ) throws(PolicyFailure) {
        let isComparison = statement.isComparison
        for key in ["before", "after"] {
            let inner = verb.key == "change" ? verb.value[key] : nil
            guard let value = mapping[key] ?? inner, let name = try snapshot(value) else { continue }
            guard isComparison else {
                throw PolicyFailure(
                    "'\(key)' goes with 'change', and with 'same' of one set", at: value.start)
            }
            if key == "before" { statement.before = name } else { statement.after = name }
        }
    }

    // MARK: Values

    private func isOK(_ value: JSONValue?, _ key: String) throws(PolicyFailure) -> Bool {
        guard let value else { return false }
        if value.string == "ok" { return true }
        throw PolicyFailure("'\(key)' can only be 'ok'", at: value.start)
    }
}

private func snapshot(_ value: JSONValue?) throws(PolicyFailure) -> SnapshotName? {
    guard let value else { return nil }
    let path = try text(value, "a snapshot's path")
    if path.isEmpty { throw PolicyFailure("a snapshot's path is not empty", at: value.start) }
    return SnapshotName(path: path, offset: value.start)
}

/// A mapping all of whose keys are known and there once.
struct Mapping {
    let members: [JSONMember]

    /// - Parameter keys: that it may have; `nil`: any.
    init(_ value: JSONValue, _ title: String, keys: [String]?) throws(PolicyFailure) {
        guard let members = value.object else {
            throw PolicyFailure("\(title) is a mapping of keys to values", at: value.start)
        }
        if let twice = value.firstDuplicate {
            throw PolicyFailure("'\(twice.key)' is here twice", at: twice.keyStart)
        }
        if let keys {
            for member in members where !keys.contains(member.key) {
                throw PolicyFailure(unknownKey(member.key, title, keys), at: member.keyStart)
            }
        }
        self.members = members
    }

    subscript(key: String) -> JSONValue? { members.first { $0.key == key }?.value }
}

/// `a statement has no 'alow'; did you mean 'allow'?`.
func unknownKey(_ key: String, _ title: String, _ keys: [String]) -> String {
    let near = nearest(to: key, among: keys).map { "; did you mean '\($0)'?" }
    return "\(title) has no '\(key)'\(near ?? ": it has \(listed(keys))")"
}

/// The key that differs least, if it differs by a letter or two.
private func nearest(to word: String, among keys: [String]) -> String? {
    let wanted = Array(word.utf8.prefix(64))
    var best: (key: String, distance: Int)?
    for key in keys {
        let distance = editDistance(wanted, Array(key.utf8))
        guard distance <= max(1, key.utf8.count / 3), distance < best?.distance ?? .max else { continue }
        best = (key, distance)
    }
    return best?.key
}

/// `a, b and c`.
func listed(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
}

/// A word or number of a policy, as text.
func text(_ value: JSONValue, _ title: String) throws(PolicyFailure) -> String {
    switch value.kind {
    case .string(let text): return text
    case .number(let number): return number.text
    case .null, .boolean, .array, .object: throw PolicyFailure("\(title) is text", at: value.start)
    }
}

/// One text, or a list of some.
func texts(_ value: JSONValue, _ title: String) throws(PolicyFailure) -> [String] {
    guard let list = value.array else { return [try text(value, title)] }
    if list.isEmpty { throw PolicyFailure("an empty list means nothing here", at: value.start) }
    var result: [String] = []
    for value in list { result.append(try text(value, title)) }
    return result
}
