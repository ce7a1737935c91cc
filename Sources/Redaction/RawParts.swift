import NetTypes

// Parts of rules that hold addresses in a form that is not replaced. They give way to one that nobody knows, so that
// what hangs on them is told to be unsure.

/// A line of iptables-save without matches on raw bytes and on masks that are no prefix's.
func withoutRawMatches(_ line: [UInt8], _ count: inout Int) -> [UInt8] {
    let isSuspect = [" u32 ", " bpf ", " string ", "/"].contains { word in line.firstRange(of: Array(word.utf8)) != nil
    }
    guard isSuspect else { return line }
    var words = quotedWords(line)
    var index = 0
    var isChanged = false
    while index < words.count {
        let isMatch = words[index] == "-m" && index + 1 < words.count
        if isMatch, ["u32", "bpf", "string"].contains(words[index + 1]) {
            var end = index + 2
            while end < words.count, !["-m", "-j", "-g"].contains(words[end]) { end += 1 }
            let isText = words[index + 1] == "string" && !words[index..<end].contains("--hex-string")
            if !isText {
                words.replaceSubrange(index..<end, with: unknownMatch)
                (isChanged, end) = (true, index + 2)
                count += 1
            }
            index = end
        } else if words[index] == "-s" || words[index] == "-d", index + 1 < words.count,
            tokens(of: Array(words[index + 1].utf8)).contains(where: { $0.kind == .masked })
        {
            let start = index > 0 && words[index - 1] == "!" ? index - 1 : index
            words.replaceSubrange(start..<(index + 2), with: unknownMatch)
            isChanged = true
            count += 1
            index = start + 3
        } else {
            index += 1
        }
    }
    return isChanged ? Array(words.joined(separator: " ").utf8) : line
}

private let unknownMatch = ["-m", "redacted", "--redacted"]

/// Words with their quotes.
private func quotedWords(_ line: [UInt8]) -> [String] {
    var words: [String] = []
    var word: [UInt8] = []
    var isQuoted = false
    var isEscaped = false
    for byte in line {
        if byte == UInt8(ascii: " "), !isQuoted {
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            word = []
            continue
        }
        if byte == UInt8(ascii: "\""), !isEscaped { isQuoted.toggle() }
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        word.append(byte)
    }
    if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
    return words
}

/// A line of nft's up to the first expression on raw bytes, or on a part of an address that is no prefix.
func withoutRawExpressions(_ line: [UInt8], _ count: inout Int) -> [UInt8] {
    var end: Int?
    for word in ["@nh,", "@ll,", "@th,", "@ih,"] {
        if let found = line.firstRange(of: Array(word.utf8)) { end = min(end ?? .max, found.lowerBound) }
    }
    for token in tokens(of: line) {
        guard case .address(let mask) = token.kind, isBehindAnd(line, token),
            AddressMask(.zero(mask.version), mask: mask).prefixLength == nil
        else { continue }
        // From the expression's first word on: `ip saddr & 0.0.0.255 == 0.0.0.1`.
        var start = token.range.lowerBound
        var blanks = 0
        while start > 0, blanks < 4 {
            start -= 1
            if line[start] == UInt8(ascii: " ") || line[start] == 9 { blanks += 1 }
        }
        end = min(end ?? .max, start + 1)
        break
    }
    guard let end else { return line }
    count += 1
    return Array(line[..<end]) + Array("redacted".utf8)
}

private func isBehindAnd(_ line: [UInt8], _ token: Token) -> Bool {
    line[..<token.range.lowerBound].suffix(3).elementsEqual(" & ".utf8)
}

/// What `& 255.255.255.0 ==` compares with is a prefix.
func withMaskedPrefixes(_ line: [UInt8], _ tokens: [Token]) -> [Token] {
    var result = tokens
    var length: UInt8?
    for (position, token) in tokens.enumerated() {
        guard case .address(let address) = token.kind else { continue }
        if isBehindAnd(line, token) {
            length = AddressMask(.zero(address.version), mask: address).prefixLength
        } else if let known = length, Int(known) < address.version.addressBits {
            let end = token.range.upperBound
            result[position].kind = .prefix(address, length: known, tail: end..<end)
        }
    }
    return result
}

/// A line of `route -n`: a destination's mask stands in the third column.
func withGenmask(_ tokens: [Token]) -> [Token] {
    var result = tokens
    let addresses = tokens.indices.filter { if case .address = tokens[$0].kind { true } else { false } }
    guard addresses.count >= 3, case .address(let destination) = tokens[addresses[0]].kind,
        case .address(let mask) = tokens[addresses[2]].kind,
        let length = AddressMask(.zero(mask.version), mask: mask).prefixLength
    else { return tokens }
    let end = tokens[addresses[0]].range.upperBound
    result[addresses[0]].kind = .prefix(destination, length: length, tail: end..<end)
    // The mask stays.
    result.remove(at: addresses[2])
    return result
}

/// A line of netstat's, where a port stands behind an address and a colon even of IPv6.
func tokensOfNetstat(_ line: [UInt8]) -> [Token] {
    var found: [Token] = []
    var start = 0
    while start < line.count {
        var end = start
        while end < line.count, line[end] != UInt8(ascii: " ") { end += 1 }
        let word = Array(line[start..<end])
        var host = word
        if let colon = word.lastIndex(of: UInt8(ascii: ":")), word[..<colon].contains(UInt8(ascii: ":")) {
            host = Array(word[..<colon])
        }
        for token in tokens(of: host) {
            let range = token.range.lowerBound + start..<token.range.upperBound + start
            // Alone in its word, and with no range of its own: an address or a name.
            found.append(Token(kind: token.kind, range: range))
        }
        start = end + 1
    }
    return found
}

/// A setting's line: what is the name of a device in its key, and where its value begins. `nil` for one that is not of
/// the network, or secret.
struct Setting {
    let name: Range<Int>
    let value: Int

    init?(_ line: [UInt8]) {
        // A line that says what is below it.
        if line.first == UInt8(ascii: "#") {
            (name, value) = (0..<0, 0)
            return
        }
        let isPath = line.starts(with: "/proc/sys/".utf8)
        let start = isPath ? 10 : 0
        let mark = isPath ? UInt8(ascii: ":") : UInt8(ascii: "=")
        guard let end = line[start...].firstIndex(of: mark) else { return nil }
        let key = line[start..<end]
        guard let separator = key.first(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ".") }) else {
            return nil
        }
        let parts = key.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0].elementsEqual("net".utf8) else { return nil }
        let text = String(decoding: key, as: UTF8.self)
        if text.contains("_key") || text.contains("secret") { return nil }
        value = end + 1
        // net.ipv4.conf.eth0.forwarding
        let kind = parts.count > 4 ? String(decoding: parts[2], as: UTF8.self) : ""
        name = kind == "conf" || kind == "neigh" ? parts[3].startIndex..<parts[3].endIndex : end..<end
    }
}
