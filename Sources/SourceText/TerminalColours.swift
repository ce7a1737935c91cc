/// A text without the sequences that colour it on a terminal, as `ip -c`, `grep --color=always` and pasted sessions have
/// them; `nil` where there is none.
///
/// Left out are `ESC [ … m` (ECMA-48's SGR), grep's `ESC [ K` and what `tput sgr0` writes, `ESC ( B`. Whatever else a
/// terminal is told moves text about and stays, to be complained about.
public func withoutColours(_ bytes: [UInt8]) -> (bytes: [UInt8], firstLine: Int)? {
    guard var next = bytes.span.firstIndex(of: escape, in: 0..<bytes.count) else { return nil }
    var result: [UInt8] = []
    var copied = 0
    var firstLine = 0
    while true {
        let end = endOfColour(bytes.span, from: next)
        if let end {
            if firstLine == 0 { firstLine = bytes.span.count(of: UInt8(ascii: "\n"), in: 0..<next) + 1 }
            result += bytes[copied..<next]
            copied = end
        }
        guard let following = bytes.span.firstIndex(of: escape, in: (end ?? next + 1)..<bytes.count) else { break }
        next = following
    }
    if firstLine == 0 { return nil }
    return (result + bytes[copied...], firstLine)
}

private let escape: UInt8 = 0x1b

/// Where the sequence that begins at `start` ends; `nil` for one that is no colour's.
private func endOfColour(_ text: Span<UInt8>, from start: Int) -> Int? {
    guard start + 2 < text.count else { return nil }
    if text[start + 1] == UInt8(ascii: "(") { return text[start + 2] == UInt8(ascii: "B") ? start + 3 : nil }
    guard text[start + 1] == UInt8(ascii: "[") else { return nil }
    var index = start + 2
    while index < text.count, index < start + 40 {
        switch text[index] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ";"), UInt8(ascii: ":"): index += 1
        case UInt8(ascii: "m"), UInt8(ascii: "K"): return index + 1
        default: return nil
        }
    }
    return nil
}
