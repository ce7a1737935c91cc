import NetTypes

/// What of a line is an address or a name. What lies between is punctuation.
struct Token: Equatable {
    enum Kind: Equatable {
        case address(IPAddress)
        /// With dots where colons would be, as kube-proxy names its chains of nftables.
        case dottedAddress(IPAddress)
        /// An address, a length, and all from the slash on.
        case prefix(IPAddress, length: UInt8, tail: Range<Int>)
        /// With a mask that is no prefix's.
        case masked
        /// Two addresses, and what stands between them.
        case range(IPAddress, IPAddress, middle: Range<Int>)
        case hardware(MACAddress)
        /// Hexadecimal numbers with colons that are none of these.
        case numbers
        case name
    }

    var kind: Kind
    var range: Range<Int>
}

func tokens(of line: [UInt8]) -> [Token] {
    var found: [Token] = []
    var index = 0
    while index < line.count {
        if let token = address(in: line, at: index) {
            found.append(token)
            index = token.range.upperBound
        } else if isNameByte(line[index]) {
            let start = index
            index += 1
            while index < line.count, isNameByte(line[index]) {
                // `service-ABC-ns/name/tcp/p80__10.0.0.1`
                if !isDigit(line[index - 1]), address(in: line, at: index) != nil { break }
                index += 1
            }
            found.append(Token(kind: .name, range: start..<index))
        } else {
            index += 1
        }
    }
    return found
}

private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

private func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66 }

func isNameByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a || byte == UInt8(ascii: "_") || byte >= 0x80
}

/// A prefix, a range, an address of either version or of hardware that begins here.
private func address(in line: [UInt8], at start: Int) -> Token? {
    if start > 0 {
        let before = line[start - 1]
        if isDigit(before) || before == UInt8(ascii: ".") && isDigit(line[start]) { return nil }
        // Behind a letter only what can be nothing else.
        if isNameByte(before), before != UInt8(ascii: "_"), dottedQuad(in: line, at: start) == nil { return nil }
    }
    guard let (first, end) = bareAddress(in: line, at: start) else { return otherNumbers(in: line, at: start) }
    if end < line.count, line[end] == UInt8(ascii: "/"), let tail = prefixTail(in: line, at: end, first.version) {
        let kind: Token.Kind = tail.length.map { .prefix(first, length: $0, tail: end..<tail.end) } ?? .masked
        return Token(kind: kind, range: start..<tail.end)
    }
    for middle in ["-", "]-["] {
        let second = end + middle.utf8.count
        guard second < line.count, line[end..<second].elementsEqual(middle.utf8),
            let (last, stop) = bareAddress(in: line, at: second), last.version == first.version
        else { continue }
        return Token(kind: .range(first, last, middle: end..<second), range: start..<stop)
    }
    return Token(kind: .address(first), range: start..<end)
}

private func bareAddress(in line: [UInt8], at start: Int) -> (IPAddress, Int)? {
    if isDigit(line[start]), let found = dottedQuad(in: line, at: start) { return found }
    guard isHexadecimal(line[start]) || line[start] == UInt8(ascii: ":") else { return nil }
    var end = start
    var colons = 0
    while end < line.count, isHexadecimal(line[end]) || line[end] == UInt8(ascii: ":") || line[end] == UInt8(ascii: ".")
    {
        if line[end] == UInt8(ascii: ":") { colons += 1 }
        end += 1
    }
    guard colons >= 2, end == line.count || !isNameByte(line[end]) else { return nil }
    // A MAC is told apart from an address by having too few groups.
    while end > start + 1 {
        if let address = IPAddress(line[start..<end].span), address.version == .v6 { return (address, end) }
        // A full stop or a colon behind it.
        guard line[end - 1] == UInt8(ascii: ".") || line[end - 1] == UInt8(ascii: ":") else { return nil }
        end -= 1
    }
    return nil
}

private func dottedQuad(in line: [UInt8], at start: Int) -> (IPAddress, Int)? {
    var end = start
    while end < line.count, isDigit(line[end]) || line[end] == UInt8(ascii: "."), end - start < 16 { end += 1 }
    // A full stop behind it.
    if end > start, line[end - 1] == UInt8(ascii: ".") { end -= 1 }
    guard end == line.count || !isNameByte(line[end]), let address = IPAddress(line[start..<end].span),
        address.version == .v4
    else { return nil }
    return (address, end)
}

/// `/24` and `/255.255.255.0`; without a length where the mask is no prefix's.
private func prefixTail(
    in line: [UInt8], at slash: Int, _ version: IPVersion
) -> (length: UInt8?, end: Int)? {
    if slash + 1 < line.count, let (mask, end) = bareAddress(in: line, at: slash + 1), mask.version == version {
        return (AddressMask(.zero(version), mask: mask).prefixLength, end)
    }
    var end = slash + 1
    var length = 0
    while end < line.count, isDigit(line[end]), end - slash < 5 {
        length = length * 10 + Int(line[end] - UInt8(ascii: "0"))
        end += 1
    }
    guard end > slash + 1, end == line.count || !isNameByte(line[end]), length <= version.addressBits else {
        return nil
    }
    return (UInt8(length), end)
}

/// Addresses of hardware, of bridges (`8000.2:42:0:0:0:1`) and what else looks so.
private func otherNumbers(in line: [UInt8], at start: Int) -> Token? {
    guard isHexadecimal(line[start]) else { return nil }
    var end = start
    var colons = 0
    var isDotted = false
    while end < line.count, isHexadecimal(line[end]) || line[end] == UInt8(ascii: ":") || line[end] == UInt8(ascii: ".")
    {
        if line[end] == UInt8(ascii: ":") { colons += 1 }
        if line[end] == UInt8(ascii: ".") { isDotted = true }
        end += 1
    }
    while end > start, line[end - 1] == UInt8(ascii: ".") || line[end - 1] == UInt8(ascii: ":") { end -= 1 }
    guard end == line.count || !isNameByte(line[end]) else { return nil }
    if colons == 5, let mac = MACAddress(line[start..<end].span) {
        return Token(kind: .hardware(mac), range: start..<end)
    }
    if isDotted, colons == 0, start > 0, line[start - 1] == UInt8(ascii: "_") {
        let text = line[start..<end].map { $0 == UInt8(ascii: ".") ? UInt8(ascii: ":") : $0 }
        guard let address = IPAddress(text.span), address.version == .v6 else { return nil }
        return Token(kind: .dottedAddress(address), range: start..<end)
    }
    return colons >= 4 ? Token(kind: .numbers, range: start..<end) : nil
}
