internal import NetTypes

/// `NS/NAME[:PORT][/PROTOCOL]` behind `pod:`, `svc:` and `node:`, taken apart.
struct NamedEnd: Hashable {
    enum Kind: String { case pod, svc, node }

    let kind: Kind
    /// `nil`: whichever namespace has the name.
    let namespace: String?
    let name: String
    /// A number or a name.
    let port: String?
    let `protocol`: IPProtocol?

    init(kind: String, text: String) throws(PacketFailure) {
        guard let known = Kind(rawValue: kind) else { throw PacketFailure("'\(kind):' is not pod:, svc: or node:") }
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var ipProtocol: IPProtocol?
        // A node has no namespace, so what follows its `/` is a protocol, and so is what follows a port.
        if parts.count > (known == .node ? 1 : 2) || (parts.count == 2 && parts[0].contains(":")) {
            let last = parts.removeLast()
            guard let read = IPProtocol(last) else {
                throw PacketFailure("'\(last)' in '\(kind):\(text)' is not a protocol: tcp, udp, …")
            }
            ipProtocol = read
        }
        let ends = (parts.last ?? "").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = ends.first.map(String.init) ?? ""
        guard parts.count <= 2, !name.isEmpty, parts.first != "" else {
            throw PacketFailure(
                known == .node
                    ? "'\(kind):\(text)' is not node:NAME[:PORT][/PROTOCOL]"
                    : "'\(kind):\(text)' is not \(kind):NAMESPACE/NAME[:PORT][/PROTOCOL]")
        }
        self.kind = known
        namespace = parts.count == 2 ? parts[0] : nil
        self.name = name
        port = ends.count == 2 ? String(ends[1]) : nil
        self.protocol = ipProtocol
        if let port, port.isEmpty { throw PacketFailure("'\(kind):\(text)' ends where a port should stand") }
    }

    /// As it was written, without port and protocol.
    var text: String { kind.rawValue + ":" + (namespace.map { $0 + "/" } ?? "") + name }
}

/// The names among `known` that `wanted` may have been meant for, the likeliest first; or, where none is near, some of
/// all. A clause for a person.
func nearNames(_ wanted: String, among known: [String], of plural: String) -> String {
    if known.isEmpty { return "there are no \(plural) in the snapshot" }
    func last(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }
    let target = last(wanted)
    var scored: [(score: Int, name: String)] = []
    for name in known {
        let own = last(name)
        if own == target {
            scored.append((0, name))
        } else if own.hasPrefix(target) || target.hasPrefix(own) {
            scored.append((1, name))
        } else {
            let distance = editDistance(Array(target.utf8.prefix(64)), Array(own.utf8.prefix(64)))
            if distance <= max(1, target.utf8.count / 3) { scored.append((1 + distance, name)) }
        }
    }
    scored.sort { ($0.score, $0.name) < ($1.score, $1.name) }
    let shown = scored.prefix(5).map { $0.name }
    if !shown.isEmpty {
        let more = scored.count > shown.count ? ", …" : ""
        return "near it: \(shown.joined(separator: ", "))\(more)"
    }
    let some = known.sorted().prefix(5)
    let more = known.count > some.count ? ", … (\(known.count) in all)" : ""
    return "\(plural) here: \(some.joined(separator: ", "))\(more)"
}

/// How many bytes must be put in, left out, changed, or swapped with the next.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, before[j - 1] + 1) }
            row.append(best)
        }
        before = last
        last = row
    }
    return last[b.count]
}
