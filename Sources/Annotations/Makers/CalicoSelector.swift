/// A selector in Calico's language, in the one spelling whose hash names a set.
///
/// Source: projectcalico/calico libcalico-go/lib/selector (tokenizer, parser, ast.go).
struct CalicoSelector {
    /// `(app == "web" && has(tier))`.
    let text: String

    /// `nil` where the text is not one.
    ///
    /// - Parameter prefix: what is put before each label: `pcns.` for those of namespaces.
    init?(_ text: String, prefix: String = "") {
        var reader = Reader(bytes: Array(text.utf8), prefix: prefix)
        reader.skipBlanks()
        if reader.isAtEnd {
            self.text = "all()"
            return
        }
        guard let written = reader.either(depth: 0), reader.isAtEnd else { return nil }
        self.text = written
    }

    /// What stands behind `cali40`, before it is cut.
    var id: String { Self.id("s", text) }

    /// Source: libcalico-go/lib/hash/unique_id.go `MakeUniqueID`.
    static func id(_ kind: String, _ content: String) -> String {
        "\(kind):\(base64URL(SHA2.digest("\(kind):\(content)".utf8, .bits224), count: 38))"
    }

    private struct Reader {
        let bytes: [UInt8]
        let prefix: String
        var position = 0

        init(bytes: [UInt8], prefix: String) {
            self.bytes = bytes
            self.prefix = prefix
        }

        /// Nested as deep as a person writes; deeper text is not read.
        private static let depth = 64

        var isAtEnd: Bool { position >= bytes.count }

        mutating func skipBlanks() {
            while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
        }

        /// Takes `token` and the blanks behind it.
        mutating func take(_ token: String) -> Bool {
            let wanted = Array(token.utf8)
            guard bytes.count - position >= wanted.count, Array(bytes[position..<position + wanted.count]) == wanted
            else { return false }
            position += wanted.count
            skipBlanks()
            return true
        }

        mutating func either(depth: Int) -> String? { list("||", depth) { $0.both(depth: depth) } }

        mutating func both(depth: Int) -> String? { list("&&", depth) { $0.one(depth: depth) } }

        private mutating func list(
            _ sign: String, _ depth: Int, _ part: (inout Reader) -> String?
        ) -> String? {
            guard depth < Self.depth, let first = part(&self) else { return nil }
            var text = first
            var count = 1
            while take(sign) {
                guard let next = part(&self) else { return nil }
                text += " \(sign) \(next)"
                count += 1
            }
            return count == 1 ? text : "(\(text))"
        }

        private mutating func one(depth: Int) -> String? {
            guard depth < Self.depth else { return nil }
            if take("!") { return one(depth: depth + 1).map { "!" + $0 } }
            if take("(") {
                guard let inner = either(depth: depth + 1), take(")") else { return nil }
                return inner
            }
            guard let word = label() else { return nil }
            if take("(") {
                switch word {
                case "has":
                    guard let name = label(), take(")") else { return nil }
                    return "has(\(prefix)\(name))"
                case "all", "global": return take(")") ? "\(word)()" : nil
                default: return nil
                }
            }
            return test(of: prefix + word)
        }

        private mutating func test(of label: String) -> String? {
            for sign in ["==", "!="] where take(sign) { return literal().map { "\(label) \(sign) \($0)" } }
            if take("not") {
                guard take("in") else { return nil }
                return set().map { "\(label) not in \($0)" }
            }
            if take("in") { return set().map { "\(label) in \($0)" } }
            if take("contains") { return literal().map { "\(label) contains \($0)" } }
            for (first, sign) in [("starts", "starts with"), ("ends", "ends with")] where take(first) {
                guard take("with") else { return nil }
                return literal().map { "\(label) \(sign) \($0)" }
            }
            return nil
        }

        private mutating func label() -> String? {
            let start = position
            while position < bytes.count, isLabelByte(bytes[position]) { position += 1 }
            guard position > start else { return nil }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            skipBlanks()
            return text
        }

        private func isLabelByte(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x2e, 0x2f, 0x2d: true
            default: false
            }
        }

        private mutating func literal() -> String? { value().map(quoted) }

        /// Without its quotes.
        private mutating func value() -> String? {
            guard position < bytes.count, bytes[position] == 0x22 || bytes[position] == 0x27 else { return nil }
            guard let end = bytes[(position + 1)...].firstIndex(of: bytes[position]) else { return nil }
            let text = String(decoding: bytes[(position + 1)..<end], as: UTF8.self)
            position = end + 1
            skipBlanks()
            return text
        }

        private func quoted(_ text: String) -> String {
            text.utf8.contains(0x22) ? "'\(text)'" : "\"\(text)\""
        }

        /// Each value once, in order.
        private mutating func set() -> String? {
            guard take("{") else { return nil }
            var values: [String] = []
            while !take("}") {
                guard let value = value() else { return nil }
                if !values.contains(value) { values.append(value) }
                _ = take(",")
            }
            values.sort { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
            var text = ""
            for value in values { text += (text.isEmpty ? "" : ", ") + quoted(value) }
            return "{\(text)}"
        }
    }
}
