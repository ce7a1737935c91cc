import NetTypes
import SourceText

/// The kind of listing of a cluster's that begins with this line.
func clusterStart(_ text: Span<UInt8>, _ line: Range<Int>) -> ListingKind? {
    if text.begins(line, "apiVersion:") { return .kubernetes }
    // Written by hand, an object may name its kind first.
    if text.begins(line, "kind: "), nextLine(text, behind: line, begins: "apiVersion:") { return .kubernetes }
    if text.begins(line, "Calico process is ") { return .nodeStatus }
    if text.begins(line, "| GROUPING ") || text.begins(line, "| PEER ADDRESS ") {
        return text.begins(line, "| G") ? .addressUsage : .nodeStatus
    }
    if text.begins(line, "name "), text.find(" proto ", in: line) != nil, text.find(" since ", in: line) != nil {
        return .birdProtocols
    }
    // What stands above either list of the daemon's tells which one it is only by what follows.
    if isBirdRoute(text, line) { return .birdRoutes }
    return nil
}

private func nextLine(_ text: Span<UInt8>, behind line: Range<Int>, begins word: StaticString) -> Bool {
    var start = line.upperBound
    while start < text.count, text[start] == UInt8(ascii: "\r") || text[start] == UInt8(ascii: "\n") { start += 1 }
    return text.begins(start..<text.count, word)
}

/// `10.244.2.0/26  via 192.0.2.20 on eth0 [Mesh_192_0_2_20 2023-01-01] * (100/0) [i]`.
private func isBirdRoute(_ text: Span<UInt8>, _ line: Range<Int>) -> Bool {
    guard isDigit(text[line.lowerBound]) || hexadecimalDigit(text[line.lowerBound]) != nil else { return false }
    let space = text.firstIndex(of: UInt8(ascii: " "), in: line) ?? line.upperBound
    guard text.firstIndex(of: UInt8(ascii: "/"), in: line.lowerBound..<space) != nil,
        let bracket = text.find(" [", in: space..<line.upperBound),
        text.find("] ", in: bracket..<line.upperBound) != nil,
        // `203.0.113.0/24 encap seg6 mode encap segs 1 [ fc00::1 ] dev eth1` is one of `ip route`.
        text.find(" encap ", in: space..<bracket) == nil
    else { return false }
    return IPPrefix(text, line.lowerBound..<space) != nil
}

/// Whether `line` may belong to YAML that has begun: all but what is surely another listing's.
func continuesObjects(_ text: Span<UInt8>, _ line: Range<Int>) -> Bool {
    let first = text[line.lowerBound]
    switch first {
    case UInt8(ascii: " "), UInt8(ascii: "\t"): return true
    case UInt8(ascii: "-"):
        if line.count == 1 || text.begins(line, "- ") { return true }
        return text.begins(line, "---")
            && (line.count == 3
                || text[line.lowerBound + 3] <= 0x20
                    && text.find("---", in: line.lowerBound + 3..<line.upperBound) == nil)
    case UInt8(ascii: "."): return text.has(line, "...")
    case UInt8(ascii: "}"), UInt8(ascii: "]"): return true
    default: break
    }
    // `key:` and `key: value`, with letters only; `lo: flags=73` and `lo: ip/ip remote` are no keys.
    var index = line.lowerBound
    while index < line.upperBound, isLetter(text[index]) { index += 1 }
    guard index > line.lowerBound, index < line.upperBound, text[index] == UInt8(ascii: ":") else { return false }
    let rest = text.trimmed(index + 1..<line.upperBound)
    if rest.isEmpty { return true }
    return rest.lowerBound > index + 1 && !text.begins(rest, "flags=") && text.find(" remote ", in: rest) == nil
}

private func isLetter(_ byte: UInt8) -> Bool {
    byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
}

/// What `kubectl exec` and shells say beside a command's output: on lines of their own, before it or behind it.
enum Remark {
    /// A line of a table, or a greeting: no end of what it stands in.
    case frame
    /// Says nothing of the output.
    case harmless
    /// The command failed.
    case failure
}

func remark(_ text: Span<UInt8>, _ line: Range<Int>) -> Remark? {
    if text.begins(line, "+--") || text.begins(line, "BIRD ") && text.find(" ready.", in: line) != nil {
        return .frame
    }
    let harmless: [StaticString] = [
        "Unable to use a TTY - input is not a terminal", "Defaulted container ", "Defaulting container name to ",
        "Use 'kubectl describe pod", "Warning: v1 ", "Warning: use ",
    ]
    for start in harmless where text.begins(line, start) { return .harmless }
    let failures: [StaticString] = [
        "command terminated with exit code ", "error: ", "Error from server", "OCI runtime exec failed",
        "error executing command ", "Unable to connect to the server",
    ]
    for start in failures where text.begins(line, start) { return .failure }
    let programs: [StaticString] = [
        "iptables", "ip6tables", "ipset v", "conntrack v", "ipvsadm: ", "netlink: Error", "sudo: ", "Operation not ",
        "Could not process rule", "Can't open socket to ipset", "modprobe: ",
    ]
    for start in programs where text.begins(line, start) && saysWhyNot(text, line) { return .failure }
    if text.begins(line, "sh: ") || text.begins(line, "bash: ") || text.begins(line, "/bin/sh: ") {
        return text.find("not found", in: line) != nil ? .failure : nil
    }
    return nil
}

/// Whether a program's line says that it was not allowed to do what it was to do.
private func saysWhyNot(_ text: Span<UInt8>, _ line: Range<Int>) -> Bool {
    let words: [StaticString] = [
        "ermission denied", "not permitted", "must be root", "Operation failed", "assword is required",
    ]
    for word in words where text.find(word, in: line) != nil { return true }
    return false
}

/// Whether a path names a file that holds a host's name alone.
func isHostNameFile(_ text: Span<UInt8>, path: String) -> Bool {
    let name = path.split(separator: "/").last ?? ""
    guard name == "hostname" || name == "hostname.txt", text.count <= 256 else { return false }
    var words = Words()
    words.split(text, 0..<text.count, alsoAt: UInt8(ascii: "\n"))
    guard words.count == 1, let word = words[0] else { return false }
    for index in word where text[index] < 0x21 && text[index] != UInt8(ascii: "\r") || text[index] > 0x7e {
        return false
    }
    return true
}
