internal import SourceText

/// Text in a picture: no control characters, nothing that turns the direction of reading, no character that XML has not.
func pictureText(_ text: String) -> String {
    var result = ""
    for scalar in escapedForTerminal(text).unicodeScalars {
        if scalar.value & 0xfffe == 0xfffe || (0xfdd0...0xfdef).contains(scalar.value) {
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// At most `length` characters of `text`: its beginning and its end, which tell like names apart.
func elided(_ text: String, to length: Int) -> String {
    let scalars = Array(text.unicodeScalars)
    if scalars.count <= length { return text }
    let tail = length / 3
    var result = ""
    for scalar in scalars.prefix(length - tail - 1) { result.unicodeScalars.append(scalar) }
    result += "…"
    for scalar in scalars.suffix(tail) { result.unicodeScalars.append(scalar) }
    return result
}

/// `text` broken at spaces into at most `count` lines of about `width` characters; the last ends in … where there is more.
func wrapped(_ text: String, width: Int, lines count: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
        if !line.isEmpty, line.unicodeScalars.count + 1 + word.unicodeScalars.count > width {
            if lines.count + 1 == count { return lines + [line + " …"] }
            lines.append(line)
            line = ""
        }
        line += (line.isEmpty ? "" : " ") + elided(String(word), to: width)
    }
    return line.isEmpty ? lines : lines + [line]
}

/// `1204`, `12.3 k`, `4.5 M`, `6.7 G`: three digits or four.
func shortCount(_ count: UInt64) -> String {
    let steps: [(UInt64, String)] = [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")]
    if count < 10_000 { return "\(count)" }
    for (unit, letter) in steps where count >= unit {
        return "\(count / unit).\(count % unit * 10 / unit) \(letter)"
    }
    return "\(count)"
}

/// `97 %`, and `<1 %` and `>99 %` where it is not quite none or all.
func percentage(_ part: UInt64, of whole: UInt64) -> String {
    if part == 0 || whole == 0 { return "0 %" }
    if part == whole { return "100 %" }
    let share = UInt64(part.multipliedFullWidth(by: 200).high == 0 ? part &* 200 / whole : part / (whole / 200 + 1))
    let rounded = (share + 1) / 2
    if rounded == 0 { return "<1 %" }
    return rounded >= 100 ? ">99 %" : "\(rounded) %"
}

/// `1st`, `2nd`, `3rd`, `4th`.
func ordinal(_ number: Int) -> String {
    if (11...13).contains(number % 100) { return "\(number)th" }
    switch number % 10 {
    case 1: return "\(number)st"
    case 2: return "\(number)nd"
    case 3: return "\(number)rd"
    default: return "\(number)th"
    }
}
