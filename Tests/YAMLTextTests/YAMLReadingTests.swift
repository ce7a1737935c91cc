import SourceText
import Testing
import YAMLText

@Suite struct YAMLReadingTests {
    private func read(_ text: String, limits: YAMLLimits = YAMLLimits()) -> [YAMLDocument] {
        let bytes = Array(text.utf8)
        return readYAML(bytes.span, in: 0..<bytes.count, limits: limits)
    }

    /// A value as JSON, to compare it with.
    private func json(_ value: JSONValue?) -> String {
        switch value?.kind {
        case nil: "nothing"
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let number): number.text
        case .string(let text): "\"\(text)\""
        case .array(let values): "[" + values.map { json($0) }.joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { "\"\($0.key)\":" + json($0.value) }.joined(separator: ",") + "}"
        }
    }

    private func json(of text: String) -> String {
        read(text).map { $0.failure == nil ? json($0.value) : "failure" }.joined(separator: " ")
    }

    @Test(arguments: [
        ("a: 1\nb:\n- x\n- {c: d}\n", #"{"a":1,"b":["x",{"c":"d"}]}"#),
        (
            "a: yes\nb: 0x10\nc: 010\nd: 1.5e3\ne: 2026-01-01\nf: 10.0.0.1\ng: -0\n",
            #"{"a":"yes","b":"0x10","c":"010","d":1.5e3,"e":"2026-01-01","f":"10.0.0.1","g":-0}"#
        ),
        (
            "a: ~\nb:\nc: null\nd: ''\ne: \"null\"\nf: !!str 5\ng: True\n",
            #"{"a":null,"b":null,"c":null,"d":"","e":"null","f":"5","g":true}"#
        ),
        ("a: |\n  one\n  --- two\nb: >-\n  x\n  y\n", "{\"a\":\"one\n--- two\n\",\"b\":\"x y\"}"),
        ("80: http\ntrue: x\n", #"{"80":"http","true":"x"}"#),
        ("a: &x {b: 1}\nc: *x\nd: *x\n", #"{"a":{"b":1},"c":{"b":1},"d":{"b":1}}"#),
        ("a: 1\r\nb:\r\n- 2\r\n", #"{"a":1,"b":[2]}"#),
        ("%YAML 1.1\n---\na: 1\n--- {b: 2}\n---\n...\n---\n- c\n", #"{"a":1} {"b":2} null ["c"]"#),
        ("a: 1\n...\n# more\n---\nb: 2\n", #"{"a":1} {"b":2}"#),
        ("", ""), ("# nothing\n", ""),
        (#"{"a": [1, "x\u00e9", {"b": null}]}"#, #"{"a":[1,"xé",{"b":null}]}"#),
    ])
    func readsWhatJSONWouldHold(_ text: String, _ expected: String) {
        #expect(json(of: text) == expected)
    }

    @Test func tellsBytesAndNotCharacters() throws {
        let text = "é: ü\nnets:\n- 10.0.0.0/8 # größer\n- 'ä ö'\nlast: {a: b}\n"
        let bytes = Array(text.utf8)
        let value = try #require(read(text).first?.value)
        func words(_ value: JSONValue?) -> String {
            value.map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) } ?? "nothing"
        }
        #expect(words(value["é"]) == "ü")
        #expect(value["nets"]?.array?.map { words($0) } == ["10.0.0.0/8", "'ä ö'"])
        // A block ends with its last part, a list in brackets with its bracket.
        #expect(words(value["nets"]) == "- 10.0.0.0/8 # größer\n- 'ä ö'")
        #expect(words(value["last"]) == "{a: b}")
        let key = try #require(value.object?.last)
        #expect(String(decoding: bytes[key.keyStart..<key.keyEnd], as: UTF8.self) == "last")
    }

    @Test func readsAPartOfATextAndTellsPlacesInTheWhole() throws {
        let bytes = Array("junk: [\na: {x: 7}\nmore: ]\n".utf8)
        let documents = readYAML(bytes.span, in: 8..<18)
        let value = try #require(documents.first?.value?["a"])
        #expect(documents.count == 1 && value.start == 11 && value.end == 17)
    }

    @Test func aBrokenDocumentDoesNotHideTheNext() {
        let documents = read("a: [1\n---\nb: 2\n")
        #expect(documents.map { json($0.value) } == [#"{"a":[1]}"#, #"{"b":2}"#])
        #expect(documents.first?.failure?.offset == 6)
        #expect(documents.first?.failure?.message.hasPrefix("this is no YAML: ") == true)
        #expect(documents.last?.failure == nil)
    }

    @Test func whatIsWholeInAListThatBreaksOffIsKept() {
        let text = "apiVersion: v1\nitems:\n- a: 1\n  b: 2\n- a: 3\n  b: \"cut o"
        let documents = read(text)
        #expect(documents.count == 1)
        #expect(json(documents.first?.value) == #"{"apiVersion":"v1","items":[{"a":1,"b":2}]}"#)
        #expect(documents.first?.failure != nil)
    }

    @Test func whatIsNoTextOrTooMuchIsRefusedWhereItStands() {
        func failure(_ text: String, _ limits: YAMLLimits = YAMLLimits()) -> YAMLFailure? {
            read(text, limits: limits).first?.failure
        }
        #expect(failure("a: {[b]: c}") == YAMLFailure(.keyIsNoText, at: 4))
        #expect(failure("a: *b") == YAMLFailure(.unknownAlias("b"), at: 3))
        #expect(failure("[[[[1]]]]", YAMLLimits(depth: 3)) == YAMLFailure(.tooDeep(3), at: 3))
        #expect(failure("[1, 2, 3]", YAMLLimits(valueCount: 3)) == YAMLFailure(.tooManyValues(3), at: 7))
        #expect(failure("a: \u{1}").map(\.offset) == 3)
    }

    @Test func aliasesOfAliasesDoNotGrowWithoutBound() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            let ten = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(ten)]\n"
        }
        let failure = read(text).first?.failure
        #expect(failure?.reason == .tooManyRepeated(100_000))
    }

    @Test func noDepthExhaustsTheStack() {
        for bracket in ["[", "{", "- ", "a: ", "? "] {
            let text = String(repeating: bracket, count: 100_000)
            let documents = read(text)
            #expect(documents.allSatisfy { $0.failure != nil }, "\(bracket)")
        }
    }

    static let sample = """
        # kubectl get
        apiVersion: v1
        items:
        - &pod
          kind: Pod
          metadata: {name: "wéb-1", labels: {app: 'x'}}
          spec: |
            text
             more
        - *pod
        ---
        kind: List
        text: "a \\u00e9 b
          c"

        """

    @Test func everyBeginningOfATextIsRead() {
        let bytes = Array(Self.sample.utf8)
        for length in 0...bytes.count {
            let documents = readYAML(bytes.span, in: 0..<length)
            for document in documents { expectInside(document.value, 0..<length) }
            #expect(documents.count <= 2)
        }
    }

    @Test func randomBytesAreReadWithoutHarm() {
        // Changes of a good text get further than noise.
        let good = Array(Self.sample.utf8)
        var state: UInt64 = 0x9e37_79b9
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        let special = Array("[]{}&*!|>'\"%@`#,?:-\n\t \u{1}é\r".utf8)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...(next() % 6) {
                let index = Int(next() % UInt64(bytes.count))
                let byte = special[Int(next() % UInt64(special.count))]
                switch next() % 3 {
                case 0: bytes[index] = byte
                case 1: bytes.insert(byte, at: index)
                default: bytes[index] = UInt8(truncatingIfNeeded: next())
                }
            }
            for document in readYAML(bytes.span, in: 0..<bytes.count) {
                expectInside(document.value, 0..<bytes.count)
                if let failure = document.failure { #expect(failure.offset >= 0 && failure.offset <= bytes.count) }
            }
        }
    }

    private func expectInside(_ value: JSONValue?, _ range: Range<Int>) {
        guard let value else { return }
        #expect(value.start >= range.lowerBound && value.start <= value.end && value.end <= range.upperBound)
        for element in value.array ?? [] { expectInside(element, range) }
        for member in value.object ?? [] {
            #expect(member.keyStart <= member.keyEnd && member.keyEnd <= range.upperBound)
            expectInside(member.value, range)
        }
    }
}
