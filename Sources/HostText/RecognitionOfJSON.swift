import SourceText

/// Where the JSON value that begins at `start` ends, by counting brackets outside strings; the end of the text where
/// it never does. `nil` where what begins there is no JSON: `[12:34] -A INPUT`.
func jsonEnd(_ text: Span<UInt8>, from start: Int) -> Int? {
    var next = start + 1
    while next < text.count, text[next] <= 0x20 { next += 1 }
    guard next < text.count else { return nil }
    switch text[next] {
    case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "]"), UInt8(ascii: "}"): break
    default: return nil
    }
    var depth = 0
    var isInString = false
    var index = start
    while index < text.count {
        switch text[index] {
        case UInt8(ascii: "\\") where isInString: index += 1
        case UInt8(ascii: "\""): isInString.toggle()
        case UInt8(ascii: "{"), UInt8(ascii: "["): if !isInString { depth += 1 }
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if !isInString {
                depth -= 1
                if depth <= 0 { return index + 1 }
            }
        default: break
        }
        index += 1
    }
    return text.count
}

/// What a JSON text is, by the keys near its beginning.
func jsonKind(_ text: Span<UInt8>, _ range: Range<Int>, command: ListingKind?) -> ListingKind {
    let head = range.lowerBound..<min(range.upperBound, range.lowerBound + 4096)
    func has(_ key: StaticString) -> Bool { text.find(key, in: head) != nil }
    if has("\"nftables\"") { return .nftJSON }
    if has("\"apiVersion\"") { return .kubernetes }
    if has("\"ifindex\"") && has("\"ifname\"") { return .addressesJSON }
    if has("\"priority\"") && (has("\"src\"") || has("\"table\"")) { return .policyRulesJSON }
    if has("\"lladdr\"") || has("\"state\"") && has("\"dst\"") { return .neighboursJSON }
    if has("\"dst\"") && has("\"flags\"") { return .routesJSON }
    var index = range.lowerBound + 1
    while index < range.upperBound,
        text[index] <= 0x20 || text[index] == UInt8(ascii: "{")
            || text[index] == UInt8(ascii: "}") || text[index] == UInt8(ascii: ",")
    {
        index += 1
    }
    if index == range.upperBound - 1, text[index] == UInt8(ascii: "]") { return command ?? .emptyJSON }
    return .otherJSON
}
