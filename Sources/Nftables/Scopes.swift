internal import SourceText

// `define` and `$name`.
extension Reader {
    /// What `$name` stands for; a token behind it.
    mutating func variable() throws(NftFailure) -> Value {
        let first = source.position
        try expect("$")
        guard token.kind == .word else { throw unexpected("a variable's name") }
        let name = names.intern(source.bytes, token.range)
        advance()
        for scope in scopes.reversed() {
            if let value = scope[name] { return Value(node: value.node, place: place(from: first)) }
        }
        throw NftFailure(
            "unknown-variable", "no define gives '$\(names.text(name))' a value", at: place(from: first))
    }

    /// `define x = …`, `redefine x = …`, `undefine x`, if one stands here.
    mutating func readDefinition() throws(NftFailure) -> Bool {
        if isAt("undefine") {
            advance()
            let name = try name("a variable's name")
            for index in scopes.indices.reversed() where scopes[index].removeValue(forKey: name) != nil { return true }
            return true
        }
        guard isAt("define") || isAt("redefine"), token(ahead: 1).kind == .word, isAt("=", ahead: 2) else {
            return false
        }
        let isChange = isAt("redefine")
        advance()
        let name = try name("a variable's name")
        try expect("=")
        let value = try initializer()
        if isChange {
            for index in scopes.indices.reversed() where scopes[index][name] != nil {
                scopes[index][name] = value
                return true
            }
        }
        scopes[scopes.count - 1][name] = value
        return true
    }

    private mutating func initializer() throws(NftFailure) -> Value {
        if isAt("-"), token(ahead: 1).kind == .number {
            let first = source.position
            advance()
            advance()
            let place = place(from: first)
            let text = Array(source.bytes[Int(place.start)..<Int(place.end)].filter { $0 > 0x20 })
            return Value(node: .word(text), place: place)
        }
        return try valueList()
    }
}
