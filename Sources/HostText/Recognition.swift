public import SourceText

/// What a file holds: its listings in order, and the lines before the first one.
public struct Recognised: Hashable, Sendable {
    public var listings: [Listing] = []
    /// Lines that stand before the first listing and are neither blank, nor comments, nor command lines.
    public var linesBefore = 0
    /// The first of them.
    public var firstUnknown: Place?
    /// The first line of which sequences for a terminal's colours were left out, from 1; 0 where there were none.
    public var colouredLine = 0
    /// Whether it lies in a host's `/etc`: what is loaded at a start.
    public var isConfiguration = false
    public init() {}
}

/// A file as its readers get it, without a terminal's colours, and what it holds.
public func recognise(
    _ bytes: consuming [UInt8], file: FileID, path: String
) -> (file: SourceFile, found: Recognised) {
    guard let plain = withoutColours(bytes) else {
        let found = recognise(bytes.span, file: file, path: path)
        return (SourceFile(path: path, bytes: bytes), found)
    }
    var found = recognise(plain.bytes.span, file: file, path: path)
    found.colouredLine = plain.firstLine
    return (SourceFile(path: path, bytes: plain.bytes), found)
}

/// Lines that may stand before the first listing; a file that starts with more is something else.
private let preambleLimit = 40

/// Tells the outputs of commands in `text` apart, by their content.
///
/// A listing begins where a line is surely the first line of one, and ends where another begins, or at a shell's
/// command line. What can't be told stays in the listing before it, whose reader complains about it.
public func recognise(_ text: Span<UInt8>, file: FileID, path: String) -> Recognised {
    var result = Recognised()
    let pathBytes = Array(path.utf8)
    let pathHint = ListingHint(pathBytes.span, nameRange(pathBytes.span), isCommand: false)
    var command: ListingHint?
    var commandKind: ListingKind?
    var current: ListingKind?
    var sawHeader = false
    /// Braces that are open in a listing of nft's.
    var braces = 0
    var failedAt: Place?
    var whole = Excerpt(file: file, text: text)
    // A byte order mark is no part of the first line.
    if text.starts(with: "\u{feff}") { whole.start = 3 }
    for index in 0..<min(text.count, 4096) where text[index] == 0 { return result }
    if isHostNameFile(text, path: path) {
        result.listings.append(Listing(kind: .hostName, excerpt: whole, hint: pathHint))
        return result
    }
    var cursor = LineCursor(whole)

    func open(_ kind: ListingKind, at start: Int, line: Int) {
        close(at: start)
        // A command line speaks of the listing right behind it.
        let hint = command ?? pathHint
        command = nil
        let excerpt = Excerpt(file: file, start: start, end: text.count, firstLine: line)
        result.listings.append(Listing(kind: kind, excerpt: excerpt, hint: hint))
        current = kind
    }
    func close(at end: Int) {
        if current != nil, let last = result.listings.indices.last { result.listings[last].excerpt.end = end }
        current = nil
    }

    while cursor.advance(text) {
        let line = text.trimmed(cursor.range)
        if line.isEmpty { continue }
        if current == .nftText {
            let isInside = braces > 0
            braces = max(0, braces + openedBraces(text, line))
            // A set's element in ipset's words never stands behind nft's.
            if isInside ? staysInside(text, cursor.range) : text.begins(cursor.range, "add ") { continue }
        }
        if let current, continues(current, text, cursor.range) { continue }
        if let remark = remark(text, line) {
            if remark != .frame { close(at: cursor.range.lowerBound) }
            // A file that holds nothing else is told by what it says.
            if remark == .failure, failedAt == nil { failedAt = cursor.place }
            continue
        }
        let first = text[line.lowerBound]
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "["), let end = jsonEnd(text, from: line.lowerBound) {
            let kind = jsonKind(text, line.lowerBound..<end, command: commandKind)
            open(kind, at: line.lowerBound, line: cursor.number)
            // What follows on the closing line belongs to nothing.
            var after = end
            while after < text.count, text[after] != UInt8(ascii: "\n") { after += 1 }
            while cursor.following < after, cursor.advance(text) {}
            close(at: end)
            continue
        }
        if let written = writtenListing(text, line) {
            close(at: cursor.range.lowerBound)
            command = written.hint
            open(written.kind, at: cursor.following, line: cursor.number + 1)
            sawHeader = true
            continue
        }
        if let words = commandLine(text, line) {
            close(at: cursor.range.lowerBound)
            command = ListingHint(text, words, isCommand: true)
            commandKind = kindOfCommand(text, words)
            sawHeader = true
            continue
        }
        if let kind = startKind(text, cursor.range, current: current) {
            if kind != current {
                open(kind, at: cursor.range.lowerBound, line: cursor.number)
                if kind == .nftText { braces = max(0, openedBraces(text, line)) }
            }
            continue
        }
        if current != nil || first == UInt8(ascii: "#") { continue }
        if result.linesBefore == 0 { result.firstUnknown = cursor.place }
        result.linesBefore += 1
        if result.listings.isEmpty, !sawHeader, result.linesBefore > preambleLimit { return result }
    }
    if result.listings.isEmpty, let failedAt {
        let excerpt = Excerpt(
            file: file, start: Int(failedAt.start), end: text.count, firstLine: Int(failedAt.line))
        result.listings.append(Listing(kind: .failedCommand, excerpt: excerpt, hint: pathHint))
    }
    return result
}

/// The part of a path behind its last two slashes: a folder's name may say something too.
private func nameRange(_ path: Span<UInt8>) -> Range<Int> {
    var start = path.count
    var slashes = 0
    while start > 0 {
        if path[start - 1] == UInt8(ascii: "/") {
            slashes += 1
            if slashes == 1 { break }
        }
        start -= 1
    }
    return start..<path.count
}

/// The command in a line that echoes one: `# ip route`, `$ ip route`, `root@node:~# ip route`, `+ ip route`,
/// `== ip route ==`; `nil` for any other line.
private func commandLine(_ text: Span<UInt8>, _ line: Range<Int>) -> Range<Int>? {
    var start = line.lowerBound
    switch text[start] {
    case UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "+"), UInt8(ascii: "%"), UInt8(ascii: "="),
        UInt8(ascii: ">"), UInt8(ascii: "-"):
        while start < line.upperBound, !isLetterOrSlash(text[start]) { start += 1 }
    default:
        // A prompt: something with an @, then `# ` or `$ `.
        guard let at = text.firstIndex(of: UInt8(ascii: "@"), in: line) else { return nil }
        var index = at
        while index + 1 < line.upperBound,
            !((text[index] == UInt8(ascii: "#") || text[index] == UInt8(ascii: "$"))
                && text[index + 1] == UInt8(ascii: " "))
        {
            index += 1
        }
        guard index + 1 < line.upperBound else { return nil }
        start = index + 2
    }
    var range = text.trimmed(start..<line.upperBound)
    if text.begins(range, "sudo ") { range = text.trimmed(range.lowerBound + 5..<range.upperBound) }
    return kindOfCommand(text, range) == nil && !isKnownCommand(text, range) ? nil : range
}

private func isLetterOrSlash(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "/")
}

/// Whether this line tells the command whose output follows.
public func isCommandLine(_ text: Span<UInt8>, _ line: Range<Int>) -> Bool {
    let line = text.trimmed(line)
    return !line.isEmpty && (writtenListing(text, line) != nil || commandLine(text, line) != nil)
}

/// The first word of a command without its folder.
private func program(_ text: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var end = range.lowerBound
    var start = end
    while end < range.upperBound, text[end] != UInt8(ascii: " ") {
        if text[end] == UInt8(ascii: "/") { start = end + 1 }
        end += 1
    }
    return start..<end
}

private func isKnownCommand(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
    let name = program(text, range)
    let known: [StaticString] = [
        "ip", "iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save", "iptables-nft-save",
        "ip6tables-nft-save", "iptables", "ip6tables", "ipset", "nft", "sysctl", "conntrack", "ss", "netstat", "route",
        "ifconfig", "tc", "ovs-vsctl", "ipvsadm", "bridge", "cat", "kubectl", "calicoctl", "hostname", "uname", "date",
    ]
    for word in known where text.has(name, word) { return true }
    return false
}

/// What a command writes, for outputs that may be empty or look alike.
private func kindOfCommand(_ text: Span<UInt8>, _ range: Range<Int>) -> ListingKind? {
    let name = program(text, range)
    guard text.has(name, "ip") else { return nil }
    var words = Words()
    words.split(text, range)
    words.seek(1)
    while let word = words.next() {
        if text[word.lowerBound] == UInt8(ascii: "-") { continue }
        if text.begins(word, "ro") || text.has(word, "r") { return .routesJSON }
        if text.begins(word, "ru") { return .policyRulesJSON }
        if text.begins(word, "n") { return text.begins(word, "nex") ? .nextHops : .neighboursJSON }
        if text.begins(word, "a") || text.begins(word, "l") { return .addressesJSON }
        return nil
    }
    return nil
}
