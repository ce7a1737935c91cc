internal import NetTypes
internal import SourceText

/// Writes JSON in the order of the calls, on one line, without building a tree.
///
/// The caller opens and closes; commas come by themselves. Text that is no UTF-8 was made U+FFFD before it came here.
public struct JSONWriter: ~Copyable {
    public var output: OutputBuffer
    /// Whether the next key or value of the innermost container needs a comma.
    private var needsComma = false
    /// Set where a form is made of what is written.
    var watch: ValueWatch?

    public init(_ output: consuming OutputBuffer) { self.output = output }

    /// Ends one JSON text: a line end, and the next value starts afresh.
    public mutating func endLine() {
        output.write(byte: 0x0a)
        needsComma = false
    }

    public mutating func beginObject() {
        separate()
        output.write(byte: UInt8(ascii: "{"))
        needsComma = false
    }

    public mutating func endObject() {
        output.write(byte: UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func beginArray() {
        separate()
        output.write(byte: UInt8(ascii: "["))
        needsComma = false
    }

    public mutating func endArray() {
        output.write(byte: UInt8(ascii: "]"))
        needsComma = true
    }

    /// A key that the program names itself, of letters alone.
    public mutating func key(_ name: StaticString) {
        separate()
        output.write(byte: UInt8(ascii: "\""))
        output.write(static: name)
        output.write(byte: UInt8(ascii: "\""))
        output.write(byte: UInt8(ascii: ":"))
        needsComma = false
    }

    /// A key that is somebody's text.
    public mutating func key(text name: String) {
        watch?.text(name.utf8.span)
        separate()
        quoted(name.utf8.span)
        output.write(byte: UInt8(ascii: ":"))
        needsComma = false
    }

    public mutating func string(_ text: String) {
        watch?.text(text.utf8.span)
        separate()
        quoted(text.utf8.span)
        needsComma = true
    }

    /// A string of these bytes, which are ASCII; `false`, and nothing is written, where one is not.
    mutating func string(_ text: Span<UInt8>) -> Bool {
        guard text.isASCII else { return false }
        separate()
        quoted(text)
        needsComma = true
        return true
    }

    /// An address as its `description` has it.
    mutating func address(_ address: IPAddress) {
        separate()
        let start = output.count
        writeQuoted(address)
        watch?.address(address, start, output.count)
        needsComma = true
    }

    /// An address in quotes, without a comma.
    mutating func writeQuoted(_ address: IPAddress) {
        guard address.version == .v4 else { return quoted(address.description.utf8.span) }
        let bits = address.v4Bits
        output.write(byte: UInt8(ascii: "\""))
        for shift: UInt32 in [24, 16, 8] {
            output.write(decimal: UInt64(bits >> shift & 255))
            output.write(byte: UInt8(ascii: "."))
        }
        output.write(decimal: UInt64(bits & 255))
        output.write(byte: UInt8(ascii: "\""))
    }

    mutating func sourcePort(_ port: UInt16) {
        key("sourcePort")
        let start = output.count
        integer(port)
        watch?.sourcePort(port, start, output.count)
    }

    mutating func destinationPort(_ port: UInt16) {
        key("destinationPort")
        let start = output.count
        integer(port)
        watch?.destinationPort(port, start, output.count)
    }

    /// What the asker calls the packet, behind another member.
    mutating func write(_ identifier: TraceAnswer.Identifier) {
        let start = output.count
        // The asker's own words are no place of the packet's values.
        let kept = watch
        watch = nil
        switch identifier {
        case .none: break
        case .string(let text): member("id", text)
        case .number(let text):
            key("id")
            number(text)
        }
        watch = kept
        watch?.identifier(start, output.count)
    }

    public mutating func integer(_ value: some FixedWidthInteger) {
        separate()
        if value < 0 { output.write(byte: UInt8(ascii: "-")) }
        output.write(decimal: UInt64(value.magnitude))
        needsComma = true
    }

    public mutating func boolean(_ value: Bool) {
        separate()
        output.write(value ? "true" : "false")
        needsComma = true
    }

    public mutating func null() {
        separate()
        output.write("null")
        needsComma = true
    }

    /// Members of the object that were rendered before, with commas between them.
    mutating func members(_ rendered: Span<UInt8>) {
        separate()
        output.write(rendered)
        needsComma = true
    }

    /// What was rendered before up to a value, its comma or colon included; a member may follow.
    mutating func filled(_ rendered: Span<UInt8>) {
        output.write(rendered)
        needsComma = true
    }

    /// A number as text, written as it is.
    public mutating func number(_ text: String) {
        separate()
        output.write(text)
        needsComma = true
    }

    public mutating func member(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    mutating func member(_ name: StaticString, _ address: IPAddress) {
        key(name)
        self.address(address)
    }

    public mutating func member(_ name: StaticString, _ texts: [String]) {
        key(name)
        beginArray()
        for text in texts { string(text) }
        endArray()
    }

    public mutating func member(_ name: StaticString, _ value: some FixedWidthInteger) {
        key(name)
        integer(value)
    }

    public mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        boolean(value)
    }

    private mutating func separate() {
        if needsComma { output.write(byte: UInt8(ascii: ",")) }
    }

    /// In runs between what is escaped, which nearly nothing is.
    private mutating func quoted(_ text: Span<UInt8>) {
        output.write(byte: UInt8(ascii: "\""))
        var start = 0
        while let index = text.firstQuoted(from: start) {
            output.write(text.extracting(start..<index))
            JSONWriter.escape(text[index], into: &output)
            start = index + 1
        }
        output.write(text.extracting(start..<text.count))
        output.write(byte: UInt8(ascii: "\""))
    }

    private static func escape(_ byte: UInt8, into output: inout OutputBuffer) {
        output.write(byte: UInt8(ascii: "\\"))
        switch byte {
        case 0x0a: output.write(byte: UInt8(ascii: "n"))
        case 0x0d: output.write(byte: UInt8(ascii: "r"))
        case 0x09: output.write(byte: UInt8(ascii: "t"))
        case 0..<0x20, 0x7f:
            output.write("u00")
            output.write(byte: digit(byte >> 4))
            output.write(byte: digit(byte & 15))
        default: output.write(byte: byte)
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

/// A probability from 0 to 1 with up to six decimals and no zeros behind them: `0.5`, `0.333333`.
public func decimalText(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let scaled = Int64((min(max(value, 0), 1_000_000) * 1_000_000).rounded())
    let whole = scaled / 1_000_000
    var fraction = scaled % 1_000_000
    if fraction == 0 { return String(whole) }
    var digits = 6
    while fraction % 10 == 0 {
        fraction /= 10
        digits -= 1
    }
    let text = String(fraction)
    return String(whole) + "." + String(repeating: "0", count: digits - text.utf8.count) + text
}
