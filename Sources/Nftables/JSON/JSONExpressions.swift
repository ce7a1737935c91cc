internal import SourceText

// Expressions and constants.
// Source: nftables src/json.c, 1.0.6, and libnftables-json(5).
extension JSONWords {
    /// An expression or a constant: which it is, its words tell.
    ///
    /// - Parameter isMap: whether elements are pairs.
    mutating func put(expression value: JSONValue, isMap: Bool = false) throws(NftFailure) {
        begin(value)
        switch value.kind {
        case .null: throw unreadable(value, "an expression")
        case .boolean(let flag): word(flag ? "exists" : "missing")
        case .number(let text):
            guard let number = text.unsigned else { throw unreadable(value, "a whole number that is not negative") }
            self.number(number)
        case .string(let text): constant(text)
        case .array(let values): try put(list: values, of: value)
        case .object:
            let (key, content) = try only(value)
            try put(key, content, of: value, isMap: isMap)
        }
    }

    /// Flags.
    private mutating func put(list values: [JSONValue], of value: JSONValue) throws(NftFailure) {
        guard values.count != 1 else { return try put(expression: values[0]) }
        if values.isEmpty { throw unreadable(value, "a value") }
        sign("(")
        for (index, value) in values.enumerated() {
            if index > 0 { sign(",") }
            try put(expression: value)
        }
        sign(")")
    }

    private mutating func put(
        _ key: String, _ content: JSONValue, of value: JSONValue, isMap: Bool
    ) throws(NftFailure) {
        // A set of one element may be that element.
        if key != "set" { try check(content, has: Self.keys(ofExpression: key)) }
        switch key {
        case "payload": try put(payload: content)
        case "meta":
            word("meta")
            word(try text(content, "key"))
        case "ct":
            word("ct")
            if content["dir"] != nil { word(try text(content, "dir")) }
            if content["family"] != nil { word(try text(content, "family")) }
            words(try text(content, "key"))
        case "rt":
            word("rt")
            if content["family"] != nil { word(try text(content, "family")) }
            words(try text(content, "key"))
        case "fib": try put(fib: content)
        case "socket":
            word("socket")
            word(try text(content, "key"))
            if let level = content["level"] {
                word("level")
                number(try number(level))
            }
        case "osf":
            word("osf")
            if content["ttl"] != nil {
                word("ttl")
                word(try text(content, "ttl"))
            }
            word(try text(content, "key"))
        case "ipsec":
            word("ipsec")
            word(try text(content, "dir"))
            if content["spnum"]?.number?.unsigned != 0 { try put(option: "spnum", of: content) }
            if content["family"] != nil { word(try text(content, "family")) }
            words(try text(content, "key"))
        case "numgen":
            word("numgen")
            word(try text(content, "mode"))
            try put(modulus: content)
        case "jhash":
            word("jhash")
            try put(expression: try member(content, "expr"))
            try put(modulus: content)
        case "symhash":
            word("symhash")
            try put(modulus: content)
        case "exthdr": try put(extensionHeader: content)
        case "tcp option", "ip option", "sctp chunk", "dccp option": try put(option: key, content, isPresence: false)
        case "concat": try put(content, joinedBy: ".")
        case "range":
            let (low, high) = try pair(content)
            try put(expression: low)
            sign("-")
            try put(expression: high)
        case "prefix":
            try put(expression: try member(content, "addr"))
            sign("/")
            number(try number(try member(content, "len")))
        case "set": try put(elements: content, isMap: isMap)
        case "map":
            try put(expression: try member(content, "key"))
            word("map")
            try put(expression: try member(content, "data"), isMap: true)
        case "elem": try put(element: content)
        case "|", "&", "^", "<<", ">>": try put(binary: key, content)
        default: throw NftFailure("unknown-expression", "expression '\(key)' is not known", at: place(of: value))
        }
    }

    private mutating func put(_ values: JSONValue, joinedBy text: String) throws(NftFailure) {
        guard let parts = values.array, !parts.isEmpty else { throw unreadable(values, "an array") }
        for (index, part) in parts.enumerated() {
            if index > 0 { sign(text) }
            try put(expression: part)
        }
    }

    /// Operands that are made of others lie in brackets: the text has an order among operators.
    private mutating func put(binary operation: String, _ values: JSONValue) throws(NftFailure) {
        guard let parts = values.array, parts.count > 1 else { throw unreadable(values, "an array of two") }
        for (index, part) in parts.enumerated() {
            if index > 0 { sign(operation) }
            let isNested = ["|", "&", "^", "<<", ">>"].contains { part[$0] != nil }
            if isNested { sign("(") }
            try put(expression: part)
            if isNested { sign(")") }
        }
    }

    private mutating func put(payload: JSONValue) throws(NftFailure) {
        if payload["base"] != nil {
            let base = try text(payload, "base")
            guard base == "ll" || base == "nh" || base == "th" || base == "ih" else {
                throw unreadable(payload, "a base (ll, nh, th, ih)")
            }
            sign("@")
            word(base)
            sign(",")
            number(try number(try member(payload, "offset")))
            sign(",")
            number(try number(try member(payload, "len")))
            return
        }
        if payload["tunnel"] != nil { word(try text(payload, "tunnel")) }
        word(try text(payload, "protocol"))
        words(try text(payload, "field"))
    }

    private mutating func put(fib: JSONValue) throws(NftFailure) {
        word("fib")
        for (index, flag) in try texts(try member(fib, "flags")).enumerated() {
            if index > 0 { sign(".") }
            word(flag)
        }
        word(try text(fib, "result"))
    }

    private mutating func put(extensionHeader header: JSONValue) throws(NftFailure) {
        let name = try text(header, "name")
        guard header["field"] != nil else {
            word("exthdr")
            word(name)
            return
        }
        word(name)
        indexedWord(try text(header, "field"))
        if let offset = header["offset"] {
            sign("[")
            number(try number(offset))
            sign("]")
        }
    }

    /// - Parameter isPresence: whether it is only asked if it is there.
    mutating func put(option kind: String, _ option: JSONValue, isPresence: Bool) throws(NftFailure) {
        words(kind)
        if kind == "dccp option" { return number(try number(try member(option, "type"))) }
        guard let base = option["base"] else {
            word(try text(option, "name"))
            if option["field"] != nil { word(try text(option, "field")) }
            return
        }
        let number = try number(base)
        // nft says so of an option that has no name.
        if isPresence { return self.number(number) }
        sign("@")
        self.number(number)
        sign(",")
        self.number(try self.number(try member(option, "offset")))
        sign(",")
        self.number(try self.number(try member(option, "len")))
    }

    private mutating func put(modulus content: JSONValue) throws(NftFailure) {
        try put(option: "mod", of: content)
        try put(option: "seed", of: content)
        try put(option: "offset", of: content)
    }

    /// `key N`, where the object has it.
    mutating func put(option key: String, of object: JSONValue) throws(NftFailure) {
        guard let value = object[key] else { return }
        begin(value)
        word(key)
        number(try number(value))
    }

    // MARK: Sets

    /// `{ element, … }`
    mutating func put(elements: JSONValue, isMap: Bool) throws(NftFailure) {
        sign("{")
        for (index, element) in (elements.array ?? [elements]).enumerated() {
            if index > 0 { sign(",") }
            try put(oneElement: element, isMap: isMap)
        }
        sign("}")
    }

    mutating func put(oneElement element: JSONValue, isMap: Bool) throws(NftFailure) {
        guard isMap else { return try put(expression: element) }
        let (key, data) = try pair(element)
        try put(expression: key)
        sign(":")
        if try !put(verdict: data) { try put(expression: data) }
    }

    /// `{"elem": {"val": …, "timeout": …}}`
    private mutating func put(element: JSONValue) throws(NftFailure) {
        try put(expression: try member(element, "val"))
        for member in element.object ?? [] {
            begin(member.value)
            switch member.key {
            case "val": continue
            case "timeout", "expires":
                word(member.key)
                number(try number(member.value))
            case "comment":
                word(member.key)
                guard let text = member.value.string else { throw unreadable(member.value, "a text") }
                quoted(text)
            default: try put(statement: member.key, member.value, of: member.value)
            }
        }
    }

    /// `{"jump": {"target": …}}`, if it is one.
    mutating func put(verdict value: JSONValue) throws(NftFailure) -> Bool {
        guard let member = value.object?.first, value.object?.count == 1 else { return false }
        if let keys = Self.keys(ofStatement: member.key), keys.isEmpty || keys == ["target"] {
            try check(member.value, has: keys)
        }
        switch member.key {
        case "accept", "drop", "continue", "return":
            begin(value)
            word(member.key)
        case "jump", "goto":
            begin(value)
            word(member.key)
            quoted(try text(member.value, "target"))
        default: return false
        }
        return true
    }
}
