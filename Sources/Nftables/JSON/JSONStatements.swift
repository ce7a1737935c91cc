internal import SourceText

// Statements of rules.
// Source: nftables src/json.c, 1.0.6, and libnftables-json(5).
extension JSONWords {
    /// One member of `expr`.
    mutating func put(statement value: JSONValue) throws(NftFailure) {
        begin(value)
        // nft 1.0.6 has no JSON for rules that change maps, and prints its text.
        if let text = value.string { return nftText(text) }
        let (key, content) = try only(value)
        try put(statement: key, content, of: value)
    }

    mutating func put(statement key: String, _ content: JSONValue, of value: JSONValue) throws(NftFailure) {
        if let keys = Self.keys(ofStatement: key) { try check(content, has: keys) }
        switch key {
        case "accept", "drop", "continue", "return", "jump", "goto":
            if try !put(verdict: value) { throw unreadable(value, "a verdict") }
        case "match": try put(match: content)
        case "vmap":
            try put(expression: try member(content, "key"))
            word("vmap")
            try put(expression: try member(content, "data"), isMap: true)
        case "mangle":
            try put(expression: try member(content, "key"))
            word("set")
            try put(expression: try member(content, "value"))
        case "counter", "limit", "quota", "synproxy", "tunnel":
            if try !put(object: key + " name", content) { try put(state: key, content) }
        case "ct helper", "ct timeout", "ct expectation":
            if try !put(object: key + " set", content) { throw unreadable(content, "an object's name") }
        case "secmark":
            if try !put(object: "meta secmark set", content) { throw unreadable(content, "an object's name") }
        case "last": word("last")
        case "ct count":
            words("ct count")
            putInversion(content)
            number(try number(try member(content, "val")))
        case "snat", "dnat", "masquerade", "redirect": try put(translation: key, content)
        case "dup", "fwd", "tproxy": try put(redirection: key, content)
        case "reject": try put(reject: content)
        case "log": try put(log: content)
        case "queue": try put(queue: content)
        case "notrack": word("notrack")
        case "set", "map": try put(change: content, isMap: key == "map")
        case "meter": try put(meter: content)
        case "flow":
            words("flow add")
            constant(try text(content, "flowtable"))
        case "reset":
            let (kind, option) = try only(content)
            guard kind == "tcp option" else { throw unreadable(content, "an option of TCP") }
            word("reset")
            try put(option: kind, option, isPresence: true)
        case "xt":
            // Without a name up to nft 1.0.2.
            words("xt " + (content["type"]?.string ?? "match"))
            word(content["name"]?.string ?? "unknown")
        default: throw NftFailure("unknown-statement", "statement '\(key)' is not known", at: place(of: value))
        }
    }

    /// A name of an object, or a map to names: behind these words.
    private mutating func put(object words: String, _ content: JSONValue) throws(NftFailure) -> Bool {
        if let name = content.string {
            self.words(words)
            quoted(name)
            return true
        }
        guard content["map"] != nil else { return false }
        self.words(words)
        try put(expression: content)
        return true
    }

    private mutating func putInversion(_ content: JSONValue) {
        if content["inv"]?.boolean == true { word("over") }
    }

    private mutating func put(match: JSONValue) throws(NftFailure) {
        let left = try member(match, "left")
        let right = try member(match, "right")
        let operation = try text(match, "op")
        if let flag = right.boolean { return try put(presence: left, operation, flag, right) }
        try put(expression: left)
        switch operation {
        case "in": break
        case "==", "!=", "<", ">", "<=", ">=", "!": sign(operation)
        default: throw NftFailure("unknown-operator", "'\(operation)' is no operator", at: place(of: match))
        }
        try put(expression: right)
    }

    /// Whether something is there.
    private mutating func put(
        presence left: JSONValue, _ operation: String, _ flag: Bool, _ right: JSONValue
    ) throws(NftFailure) {
        guard operation == "==" || operation == "in" || operation == "!=" else {
            throw NftFailure("unknown-operator", "a truth value has no order", at: place(of: right))
        }
        if let option = left["tcp option"], option["offset"]?.number?.unsigned == 0,
            option["len"]?.number?.unsigned == 8
        {
            begin(left)
            try put(option: "tcp option", option, isPresence: true)
        } else {
            try put(expression: left)
        }
        begin(right)
        word(flag == (operation != "!=") ? "exists" : "missing")
    }

    /// What counts, and options of `synproxy`.
    private mutating func put(state key: String, _ content: JSONValue) throws(NftFailure) {
        word(key)
        switch key {
        case "counter":
            try put(option: "packets", of: content)
            try put(option: "bytes", of: content)
        case "limit":
            word("rate")
            try putLimit(content)
        case "quota":
            putInversion(content)
            number(try number(try member(content, "val")))
            word(content["val_unit"]?.string ?? "bytes")
            if let used = content["used"] {
                word("used")
                number(try number(used))
                word(content["used_unit"]?.string ?? "bytes")
            }
        case "synproxy": try putSynproxy(content)
        default: throw unreadable(content, "an object's name")
        }
    }

    /// Behind `rate`, here and in objects.
    mutating func putLimit(_ content: JSONValue) throws(NftFailure) {
        putInversion(content)
        number(try number(try member(content, "rate")))
        let unit = content["rate_unit"]?.string
        if let unit, unit != "packets" { word(unit) }
        sign("/")
        word(content["per"]?.string ?? "second")
        guard let burst = content["burst"] else { return }
        word("burst")
        number(try number(burst))
        word(content["burst_unit"]?.string ?? (unit == nil ? "packets" : "bytes"))
    }

    mutating func putSynproxy(_ content: JSONValue) throws(NftFailure) {
        try put(option: "mss", of: content)
        try put(option: "wscale", of: content)
        for flag in try texts(content["flags"]) { word(flag) }
    }

    // MARK: Where packets go

    private mutating func put(translation key: String, _ content: JSONValue) throws(NftFailure) {
        word(key)
        let address = content["addr"]
        let port = content["port"]
        if content["family"] != nil { word(try text(content, "family")) }
        let kinds = try texts(content["type_flags"])
        if kinds.contains("prefix") { word("prefix") } else if kinds.contains("interval") { word("interval") }
        if kinds.contains("concat") { for part in ["addr", ".", "port"] { part == "." ? sign(part) : word(part) } }
        if address != nil || port != nil { word("to") }
        if let address { try put(expression: address) }
        if let port {
            sign(":")
            try put(expression: port)
        }
        for flag in try texts(content["flags"]) {
            // `prefix` is there too then.
            if flag != "netmap" { word(flag) }
        }
    }

    private mutating func put(redirection key: String, _ content: JSONValue) throws(NftFailure) {
        word(key)
        if content["family"] != nil { word(try text(content, "family")) }
        word("to")
        let device = content["dev"]
        if let address = content["addr"] { try put(expression: address) }
        if let device {
            if content["addr"] != nil { word("device") }
            try put(expression: device)
        }
        if let port = content["port"] {
            sign(":")
            try put(expression: port)
        }
    }

    private mutating func put(reject content: JSONValue) throws(NftFailure) {
        word("reject")
        guard content["type"] != nil else { return }
        word("with")
        words(try text(content, "type"))
        if let code = content["expr"] { try put(expression: code) }
    }

    private mutating func put(log content: JSONValue) throws(NftFailure) {
        word("log")
        if content["prefix"] != nil {
            word("prefix")
            quoted(try text(content, "prefix"))
        }
        try put(option: "group", of: content)
        try put(option: "snaplen", of: content)
        try put(option: "queue-threshold", of: content)
        if content["level"] != nil {
            word("level")
            word(try text(content, "level"))
        }
        for flag in try texts(content["flags"]) {
            word("flags")
            words(flag)
        }
    }

    private mutating func put(queue content: JSONValue) throws(NftFailure) {
        word("queue")
        let flags = try texts(content["flags"])
        if !flags.isEmpty { word("flags") }
        for (index, flag) in flags.enumerated() {
            if index > 0 { sign(",") }
            word(flag)
        }
        guard let target = content["num"] else { return }
        word("to")
        try put(expression: target)
    }

    // MARK: Sets that rules change

    private mutating func put(change content: JSONValue, isMap: Bool) throws(NftFailure) {
        word(try text(content, "op"))
        constant(try text(content, isMap ? "map" : "set"))
        sign("{")
        try put(expression: try member(content, "elem"))
        for statement in content["stmt"]?.array ?? [] { try put(statement: statement) }
        if isMap {
            sign(":")
            try put(expression: try member(content, "data"))
        }
        sign("}")
    }

    private mutating func put(meter content: JSONValue) throws(NftFailure) {
        word("meter")
        quoted(try text(content, "name"))
        try put(option: "size", of: content)
        sign("{")
        try put(expression: try member(content, "key"))
        try put(statement: try member(content, "stmt"))
        sign("}")
    }
}
