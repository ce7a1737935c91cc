internal import NetTypes
internal import RuleModel
internal import SourceText

extension JSONValue {
    func member(_ key: String) -> JSONMember? { object?.last { $0.key == key } }

    /// A word or a number as it was written: YAML without quotes has numbers where text is meant.
    var text: String? {
        switch kind {
        case .string(let text): text
        case .number(let number): number.text
        case .boolean(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// The elements of a list; none of anything else.
    var elements: [JSONValue] { array ?? [] }

    /// The words of a list.
    var texts: [String] { elements.compactMap { $0.text } }

    var port: UInt16? { number?.unsigned.flatMap { UInt16(exactly: $0) } ?? string.flatMap { UInt16($0) } }

    /// `true` and `"true"`.
    var isTrue: Bool { boolean == true || string == "true" }

    /// Labels and their like: a mapping of text.
    var labels: [Label] { (object ?? []).compactMap { member in member.value.text.map { Label(member.key, $0) } } }

    /// Compact JSON.
    var json: String {
        switch kind {
        case .null: return "null"
        case .boolean(let value): return value ? "true" : "false"
        case .number(let number): return number.text
        case .string(let text): return quoted(text)
        case .array(let values):
            var result = "["
            for value in values { result += (result.utf8.count > 1 ? "," : "") + value.json }
            return result + "]"
        case .object(let members):
            var result = "{"
            for member in members {
                result += (result.utf8.count > 1 ? "," : "") + quoted(member.key) + ":" + member.value.json
            }
            return result + "}"
        }
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                result += "\\"
                result.unicodeScalars.append(scalar)
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// A protocol's name or number; TCP where there is none, as in Kubernetes.
func readProtocol(_ value: JSONValue?) -> IPProtocol { value?.text.flatMap { IPProtocol($0) } ?? .tcp }

extension ClusterReading {
    /// An address, told where it is none. Text may have a prefix's length behind it.
    mutating func address(_ value: JSONValue?, _ source: ObjectSource) -> IPAddress? {
        guard let value, let text = value.text, !text.isEmpty else { return nil }
        let plain = text.utf8.firstIndex(of: UInt8(ascii: "/")).map { String(text[..<$0]) } ?? text
        if let address = IPAddress(plain) { return address }
        tell("bad-address", "'\(quote(text))' is not an address", at: source.place(of: value))
        return nil
    }

    mutating func addresses(_ values: [JSONValue], _ source: ObjectSource) -> [IPAddress] {
        var result: [IPAddress] = []
        for value in values { if let address = address(value, source) { result.append(address) } }
        return result
    }

    /// A prefix, or an address that stands for one; told where it is neither.
    mutating func prefix(_ value: JSONValue?, _ source: ObjectSource) -> IPPrefix? {
        guard let value, let text = value.text, !text.isEmpty else { return nil }
        if let prefix = IPPrefix(text) { return prefix }
        if let address = IPAddress(text) { return IPPrefix(host: address) }
        tell("bad-address", "'\(quote(text))' is not a prefix", at: source.place(of: value))
        return nil
    }

    mutating func prefixes(_ values: [JSONValue], _ source: ObjectSource) -> [IPPrefix] {
        var result: [IPPrefix] = []
        for value in values { if let prefix = prefix(value, source) { result.append(prefix) } }
        return result
    }
}

/// The beginning of a text, for a message.
func quote(_ text: String) -> String { text.utf8.count <= 80 ? text : String(text.prefix(60)) + "…" }

/// A selector of Kubernetes': `matchLabels` in the order of keys, then `matchExpressions`.
func readSelector(_ value: JSONValue?) -> LabelSelector? {
    guard let value, value.object != nil else { return nil }
    var requirements: [LabelRequirement] = []
    for label in value["matchLabels"]?.labels ?? [] {
        requirements.append(LabelRequirement(key: label.key, relation: .isIn, values: [label.value]))
    }
    for expression in value["matchExpressions"]?.elements ?? [] {
        let relation: LabelRequirement.Relation
        switch expression["operator"]?.text {
        case "In": relation = .isIn
        case "NotIn": relation = .isNotIn
        case "Exists": relation = .exists
        case "DoesNotExist": relation = .doesNotExist
        default: continue
        }
        requirements.append(
            LabelRequirement(
                key: expression["key"]?.text ?? "", relation: relation, values: expression["values"]?.texts ?? []))
    }
    return LabelSelector(requirements: requirements)
}

/// A selector in Calico's language; `nil` where there is none.
func readCalicoSelector(_ value: JSONValue?) -> LabelSelector? {
    guard let text = value?.text, !text.isEmpty else { return nil }
    return LabelSelector(text: text)
}
