internal import RuleModel
internal import SourceText

// Tables and what lies in them, as commands of nft's.
// Source: nftables src/json.c, 1.0.6, and libnftables-json(5).
extension JSONWords {
    /// `add`, `insert`, `delete`, … of an object, such as `{"chain": {…}}`.
    ///
    /// - Parameter isMap: whether elements that are added are pairs.
    mutating func put(
        command: String, kind: String, _ object: JSONValue, text source: Span<UInt8>,
        isMap: (_ family: String, _ table: String, _ set: String) -> Bool
    ) throws(NftFailure) {
        checkObject(kind, object)
        begin(object)
        word(command)
        switch (command, kind) {
        case ("flush", "ruleset"):
            words("ruleset")
            if object["family"] != nil { word(try family(object)) }
        case ("add", "table"), ("create", "table"): try put(table: object)
        case ("add", "chain"), ("create", "chain"): try put(chain: object)
        case ("add", "rule"), ("insert", "rule"), ("replace", "rule"), ("create", "rule"):
            return try put(rule: object, command, source)
        case ("add", "set"), ("create", "set"), ("add", "map"), ("create", "map"):
            try put(set: object, isMap: kind == "map")
        case ("add", "element"), ("create", "element"):
            try putHead(kind, object)
            let isMap = isMap(try text(object, "family"), try text(object, "table"), try text(object, "name"))
            try put(elements: try member(object, "elem"), isMap: isMap)
        case ("add", "flowtable"), ("create", "flowtable"): try put(flowtable: object)
        case ("add", _), ("create", _): try put(object: kind, object)
        case ("delete", "element"), ("destroy", "element"):
            try putHead(kind, object)
            try put(elements: try member(object, "elem"), isMap: false)
        case ("delete", _), ("flush", _), ("destroy", _): try put(removed: kind, object)
        default: throw NftFailure("unknown-command", "'\(command) \(kind)' is not known", at: place(of: object))
        }
        newline()
        end()
    }

    private func family(_ object: JSONValue) throws(NftFailure) -> String {
        let name = try text(object, "family")
        guard TableFamily.allCases.contains(where: { $0.name == name }) else {
            throw NftFailure("unknown-family", "'\(name)' is no family", at: place(of: try member(object, "family")))
        }
        return name
    }

    /// `chain inet t c`
    private mutating func putHead(_ kind: String, _ object: JSONValue, name: String = "name") throws(NftFailure) {
        words(kind)
        word(try family(object))
        quoted(try text(object, "table"))
        quoted(try text(object, name))
    }

    private mutating func put(removed kind: String, _ object: JSONValue) throws(NftFailure) {
        if kind == "table" {
            word(kind)
            word(try family(object))
            quoted(try text(object, "name"))
            return
        }
        try putHead(kind, object, name: kind == "rule" ? "chain" : "name")
        if kind == "rule" { try put(option: "handle", of: object) }
    }

    private mutating func put(table: JSONValue) throws(NftFailure) {
        word("table")
        word(try family(table))
        quoted(try text(table, "name"))
        sign("{")
        for flag in try texts(table["flags"]) {
            word("flags")
            // nft 1.0.6 prints another text of its own in place of the flag: whoever reads this tells of it.
            word(Self.tableFlags.contains(flag) ? flag : "dormant")
            sign(";")
        }
        try putComment(table)
        sign("}")
    }

    static let tableFlags = ["dormant", "owner", "persist"]

    private mutating func putComment(_ object: JSONValue) throws(NftFailure) {
        guard let comment = object["comment"] else { return }
        begin(comment)
        word("comment")
        quoted(try text(object, "comment"))
        sign(";")
        begin(object)
    }

    private mutating func put(chain: JSONValue) throws(NftFailure) {
        try putHead("chain", chain)
        sign("{")
        try putComment(chain)
        if chain["hook"] != nil {
            word("type")
            word(try text(chain, "type"))
            word("hook")
            word(try text(chain, "hook"))
            let devices = try texts(chain["dev"])
            if !devices.isEmpty { put(devices: devices) }
            word("priority")
            try put(priority: try member(chain, "prio"))
            sign(";")
            if chain["policy"] != nil {
                word("policy")
                word(try text(chain, "policy"))
                sign(";")
            }
        }
        sign("}")
    }

    private mutating func put(devices: [String]) {
        word("devices")
        sign("=")
        sign("{")
        for (index, device) in devices.enumerated() {
            if index > 0 { sign(",") }
            quoted(device)
        }
        sign("}")
    }

    private mutating func put(priority value: JSONValue) throws(NftFailure) {
        guard let priority = value.number?.signed else { throw unreadable(value, "a whole number") }
        if priority < 0 { sign("-") }
        number(priority.magnitude)
    }

    /// A statement that can't be read is kept as it is written.
    private mutating func put(
        rule: JSONValue, _ command: String, _ source: Span<UInt8>
    ) throws(NftFailure) {
        try putHead("rule", rule, name: "chain")
        if command != "add" {
            try put(option: "handle", of: rule)
            try put(option: "index", of: rule)
        }
        let statements = try member(rule, "expr")
        guard let values = statements.array else { throw unreadable(statements, "an array of statements") }
        for value in values {
            let before = length
            do throws(NftFailure) {
                try put(statement: value)
            } catch {
                cut(to: before)
                problems.append(error)
                begin(value)
                unread(source.extracting(value.start..<value.end).text)
            }
        }
        beginEnd(of: statements)
        if rule["comment"] != nil {
            word("comment")
            quoted(try text(rule, "comment"))
        }
        let handle = command == "add" ? rule["handle"]?.number?.unsigned : nil
        newline(handle: handle.flatMap { UInt32(exactly: $0) } ?? 0)
        end()
    }

    // MARK: Sets

    private mutating func put(set: JSONValue, isMap: Bool) throws(NftFailure) {
        try putHead(isMap ? "map" : "set", set)
        sign("{")
        let key = try member(set, "type")
        let isTyped = key["typeof"] == nil
        word(isTyped ? "type" : "typeof")
        try put(types: key)
        if isMap {
            sign(":")
            let value = try member(set, "map")
            // Of a key that is declared by an expression the value is too.
            if !isTyped, value["typeof"] == nil, value.string == nil { throw unreadable(value, "an expression") }
            try put(types: value)
        }
        sign(";")
        for flag in try texts(set["flags"]) {
            word("flags")
            word(flag)
            sign(";")
        }
        if set["auto-merge"]?.boolean == true {
            word("auto-merge")
            sign(";")
        }
        for option in ["timeout", "gc-interval", "size"] where set[option] != nil {
            try put(option: option, of: set)
            sign(";")
        }
        if set["policy"] != nil {
            word("policy")
            word(try text(set, "policy"))
            sign(";")
        }
        if let statements = set["stmt"] {
            for statement in statements.array ?? [statements] {
                try put(statement: statement)
                sign(";")
            }
        }
        begin(set)
        try putComment(set)
        if let elements = set["elem"] {
            word("elements")
            sign("=")
            putReadable(elements, isMap: isMap)
            sign(";")
        }
        begin(set)
        sign("}")
    }

    /// Elements one by one, so that one that can't be read costs no other.
    private mutating func putReadable(_ elements: JSONValue, isMap: Bool) {
        sign("{")
        var isFirst = true
        for element in elements.array ?? [elements] {
            let before = length
            if !isFirst { sign(",") }
            do throws(NftFailure) {
                try put(oneElement: element, isMap: isMap)
                isFirst = false
            } catch {
                cut(to: before)
                problems.append(error)
            }
        }
        sign("}")
    }

    /// `"ipv4_addr"`, `["ipv4_addr", "inet_service"]`, `"ipv4_addr . inet_service"`, `{"typeof": …}`
    private mutating func put(types value: JSONValue) throws(NftFailure) {
        begin(value)
        if let expression = value["typeof"] { return try put(expression: expression) }
        for (index, name) in try texts(value).enumerated() {
            if index > 0 { sign(".") }
            for part in name.split(separator: " ") { part == "." ? sign(".") : word(String(part)) }
        }
    }

    // MARK: Objects

    private mutating func put(object kind: String, _ object: JSONValue) throws(NftFailure) {
        switch kind {
        case "counter", "quota", "limit", "synproxy", "ct helper", "ct timeout", "ct expectation", "secmark": break
        default: throw NftFailure("unknown-object", "object '\(kind)' is not known", at: place(of: object))
        }
        try putHead(kind, object)
        sign("{")
        try putComment(object)
        switch kind {
        case "counter":
            try put(option: "packets", of: object)
            try put(option: "bytes", of: object)
        case "quota":
            if object["inv"]?.boolean == true { word("over") }
            number(try number(try member(object, "bytes")))
            word("bytes")
            try put(option: "used", of: object)
            if object["used"] != nil { word("bytes") }
        case "limit":
            word("rate")
            try putLimit(object)
        case "synproxy": try putSynproxy(object)
        case "ct helper":
            word("type")
            quoted(try text(object, "type"))
            word("protocol")
            quoted(try text(object, "protocol"))
        case "secmark": quoted(try text(object, "context"))
        default: try put(connectionObject: object)
        }
        newline()
        sign("}")
    }

    /// A timeout or an expectation of conntrack: kept as nft's text.
    private mutating func put(connectionObject object: JSONValue) throws(NftFailure) {
        var isFirst = true
        for member in object.object ?? [] {
            switch member.key {
            case "family", "name", "table", "handle", "comment": continue
            default: break
            }
            if !isFirst { newline() }
            isFirst = false
            begin(member.value)
            word(member.key)
            switch member.value.kind {
            case .string(let text): word(text)
            case .number where member.key == "timeout": word(duration(try number(member.value)))
            case .number: number(try number(member.value))
            case .object(let entries):
                sign("=")
                sign("{")
                for (index, entry) in entries.enumerated() {
                    if index > 0 { sign(",") }
                    word(entry.key)
                    sign(":")
                    number(try number(entry.value))
                }
                sign("}")
            case .null, .boolean, .array: throw unreadable(member.value, "a property")
            }
        }
    }

    /// Thousandths of a second as nft prints them.
    private func duration(_ total: UInt64) -> String {
        var text = ""
        var rest = total
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)]
            as [(
                String, UInt64
            )] where rest >= length
        {
            text += String(rest / length) + unit
            rest %= length
        }
        return text.isEmpty ? "0s" : text
    }

    private mutating func put(flowtable: JSONValue) throws(NftFailure) {
        try putHead("flowtable", flowtable)
        sign("{")
        word("hook")
        word(try text(flowtable, "hook"))
        word("priority")
        try put(priority: try member(flowtable, "prio"))
        sign(";")
        let devices = try texts(flowtable["dev"])
        if !devices.isEmpty {
            put(devices: devices)
            sign(";")
        }
        for flag in try texts(flowtable["flags"]) {
            word("flags")
            word(flag)
            sign(";")
        }
        sign("}")
    }
}
