/// Arrays and objects may be nested this deep.
public let jsonDepthLimit = 128

/// Reads the one JSON value (RFC 8259) that `text` holds, white space around it allowed.
///
/// Bytes of strings that are no UTF-8 become U+FFFD, and so do escaped halves of surrogate pairs.
/// `\'` is read too: older iproute2 writes it.
public func readJSON(_ text: Span<UInt8>) throws(JSONFailure) -> JSONValue {
    var reader = JSONReader(position: 0)
    let value = try reader.value(text, depth: 0)
    reader.skipSpace(text)
    if reader.position < text.count { throw JSONFailure(.trailingText, at: reader.position) }
    return value
}

/// Reads the JSON value that starts at `offset`, after white space, and lets other text follow: its `end` tells where.
public func readJSONValue(_ text: Span<UInt8>, at offset: Int) throws(JSONFailure) -> JSONValue {
    var reader = JSONReader(position: offset)
    return try reader.value(text, depth: 0)
}

private struct JSONReader {
    var position: Int

    mutating func skipSpace(_ text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    mutating func value(_ text: Span<UInt8>, depth: Int) throws(JSONFailure) -> JSONValue {
        skipSpace(text)
        guard position < text.count else { throw JSONFailure(.endOfText, at: text.count) }
        let start = position
        let kind: JSONValue.Kind
        switch text[position] {
        case UInt8(ascii: "{"): kind = .object(try object(text, depth: depth + 1))
        case UInt8(ascii: "["): kind = .array(try array(text, depth: depth + 1))
        case UInt8(ascii: "\""): kind = .string(try string(text))
        case UInt8(ascii: "t"): kind = try word("true", .boolean(true), text)
        case UInt8(ascii: "f"): kind = try word("false", .boolean(false), text)
        case UInt8(ascii: "n"): kind = try word("null", .null, text)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): kind = .number(try number(text))
        case let byte: throw JSONFailure(.unexpectedByte(byte), at: position)
        }
        return JSONValue(kind, start: start, end: position)
    }

    private mutating func word(
        _ word: StaticString, _ kind: JSONValue.Kind, _ text: Span<UInt8>
    ) throws(JSONFailure) -> JSONValue.Kind {
        let end = position + word.utf8CodeUnitCount
        guard end <= text.count, text.extracting(position..<end).equals(word) else {
            throw JSONFailure(.unexpectedByte(text[position]), at: position)
        }
        position = end
        return kind
    }

    private mutating func array(_ text: Span<UInt8>, depth: Int) throws(JSONFailure) -> [JSONValue] {
        if depth > jsonDepthLimit { throw JSONFailure(.tooDeep, at: position) }
        position += 1
        var values: [JSONValue] = []
        if try isEnd(UInt8(ascii: "]"), text) { return values }
        while true {
            values.append(try value(text, depth: depth))
            if try isLast(UInt8(ascii: "]"), text) { return values }
        }
    }

    private mutating func object(_ text: Span<UInt8>, depth: Int) throws(JSONFailure) -> [JSONMember] {
        if depth > jsonDepthLimit { throw JSONFailure(.tooDeep, at: position) }
        position += 1
        var members: [JSONMember] = []
        if try isEnd(UInt8(ascii: "}"), text) { return members }
        while true {
            skipSpace(text)
            guard position < text.count else { throw JSONFailure(.endOfText, at: text.count) }
            guard text[position] == UInt8(ascii: "\"") else { throw JSONFailure(.expectedKey, at: position) }
            let keyStart = position
            let key = try string(text)
            let keyEnd = position
            skipSpace(text)
            guard position < text.count else { throw JSONFailure(.endOfText, at: text.count) }
            guard text[position] == UInt8(ascii: ":") else { throw JSONFailure(.expectedColon, at: position) }
            position += 1
            let value = try value(text, depth: depth)
            members.append(JSONMember(key: key, keyStart: keyStart, keyEnd: keyEnd, value: value))
            if try isLast(UInt8(ascii: "}"), text) { return members }
        }
    }

    /// Whether the container that was just opened is empty; then steps over its end.
    private mutating func isEnd(_ bracket: UInt8, _ text: Span<UInt8>) throws(JSONFailure) -> Bool {
        skipSpace(text)
        guard position < text.count else { throw JSONFailure(.endOfText, at: text.count) }
        guard text[position] == bracket else { return false }
        position += 1
        return true
    }

    /// Steps over the comma (`false`) or the closing bracket (`true`) behind a value.
    private mutating func isLast(_ bracket: UInt8, _ text: Span<UInt8>) throws(JSONFailure) -> Bool {
        if try isEnd(bracket, text) { return true }
        guard text[position] == UInt8(ascii: ",") else { throw JSONFailure(.expectedCommaOrEnd, at: position) }
        position += 1
        return false
    }

    private mutating func number(_ text: Span<UInt8>) throws(JSONFailure) -> JSONNumber {
        let start = position
        if text[position] == UInt8(ascii: "-") { position += 1 }
        let first = position
        let count = digits(text)
        if count == 0 || (count > 1 && text[first] == UInt8(ascii: "0")) { throw JSONFailure(.badNumber, at: start) }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            if digits(text) == 0 { throw JSONFailure(.badNumber, at: start) }
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < text.count, text[position] == UInt8(ascii: "-") || text[position] == UInt8(ascii: "+") {
                position += 1
            }
            if digits(text) == 0 { throw JSONFailure(.badNumber, at: start) }
        }
        return JSONNumber(text: text.extracting(start..<position).text)
    }

    /// Steps over digits and tells how many.
    private mutating func digits(_ text: Span<UInt8>) -> Int {
        let start = position
        while position < text.count, text[position] >= UInt8(ascii: "0"), text[position] <= UInt8(ascii: "9") {
            position += 1
        }
        return position - start
    }

    private mutating func string(_ text: Span<UInt8>) throws(JSONFailure) -> String {
        position += 1
        let start = position
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "\""):
                position += 1
                return text.extracting(start..<(position - 1)).text
            case UInt8(ascii: "\\"): return try escapedString(text, from: start)
            case 0..<0x20: throw JSONFailure(.controlCharacter, at: position)
            default: position += 1
            }
        }
        throw JSONFailure(.endOfText, at: text.count)
    }

    /// The slow way, for a string with at least one escape, which starts at `position`.
    private mutating func escapedString(_ text: Span<UInt8>, from start: Int) throws(JSONFailure) -> String {
        var bytes: [UInt8] = []
        for index in start..<position { bytes.append(text[index]) }
        while position < text.count {
            let byte = text[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(text, into: &bytes)
            case 0..<0x20: throw JSONFailure(.controlCharacter, at: position)
            default:
                bytes.append(byte)
                position += 1
            }
        }
        throw JSONFailure(.endOfText, at: text.count)
    }

    private mutating func escape(_ text: Span<UInt8>, into bytes: inout [UInt8]) throws(JSONFailure) {
        let start = position
        guard position + 1 < text.count else { throw JSONFailure(.endOfText, at: text.count) }
        position += 2
        switch text[position - 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "'"):
            bytes.append(text[position - 1])
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0c)
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try fourDigits(text, escapeAt: start)
            if scalar >> 10 == 0xd800 >> 10, position + 1 < text.count, text[position] == UInt8(ascii: "\\"),
                text[position + 1] == UInt8(ascii: "u")
            {
                let second = position
                position += 2
                let low = try fourDigits(text, escapeAt: second)
                if low >> 10 == 0xdc00 >> 10 {
                    scalar = 0x10000 + ((scalar & 0x3ff) << 10) + (low & 0x3ff)
                } else {
                    // The first half stands alone; what follows it is read on its own.
                    position = second
                }
            }
            let character = Unicode.Scalar(scalar) ?? "\u{fffd}"
            for byte in String(Character(character)).utf8 { bytes.append(byte) }
        default: throw JSONFailure(.badEscape, at: start)
        }
    }

    private mutating func fourDigits(_ text: Span<UInt8>, escapeAt start: Int) throws(JSONFailure) -> UInt32 {
        guard position + 4 <= text.count else { throw JSONFailure(.endOfText, at: text.count) }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexadecimalDigit(text[position]) else { throw JSONFailure(.badEscape, at: start) }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }
}
