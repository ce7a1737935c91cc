/// Replaces names by others of the same look, always by the same one.
///
/// A name is a run of letters, digits and `_`. Words that tell nothing of a host stay; so do numbers, and the first part
/// of a name that tells its kind, as of `cali1a2b3c4d5e6`. Where rules speak of all names that begin alike (`-i web+`),
/// these still do.
struct NameMap {
    private let key: RedactionKey
    /// What names begin with that rules speak of.
    private(set) var stems: Set<[UInt8]> = []
    /// Stems of names that stay.
    private var openStems: Set<[UInt8]> = []
    /// What stands for what, by all before it and itself.
    private var pieces: [[UInt8]: [UInt8]] = [:]
    private var taken: Set<[UInt8]> = []
    private var hasStems = false
    /// What stands for the last part of each stem, by what comes before that part.
    private var stemPieces: [[UInt8]: [[UInt8]]] = [:]
    private(set) var names: [[UInt8]: [UInt8]] = [:]

    init(key: RedactionKey) { self.key = key }

    mutating func add(stem: [UInt8]) {
        if !stem.isEmpty, !stem.allSatisfy(isDigit) { stems.insert(stem) }
    }

    /// To be called with every name that there is, when all stems are known and before the first is mapped.
    mutating func learn(_ name: [UInt8]) {
        guard !stems.isEmpty else { return }
        let kept = isKept(name) ? name.count : kindLength(name)
        for stem in stems where stem.count <= kept && name.starts(with: stem) { openStems.insert(stem) }
    }

    mutating func map(_ name: [UInt8]) -> [UInt8] {
        if let known = names[name] { return known }
        if !hasStems {
            hasStems = true
            // First and the short ones before the long: what stands for another name begins with none of these.
            for stem in stems.sorted(by: { ($0.count, "\($0)") < ($1.count, "\($1)") }) { _ = map(stem) }
        }
        let result = isKept(name) ? name : replaced(name)
        names[name] = result
        return result
    }

    private mutating func replaced(_ name: [UInt8]) -> [UInt8] {
        let kind = kindLength(name)
        var cuts: Set<Int> = [name.count]
        if kind > 0 { cuts.insert(kind) }
        for stem in stems where name.starts(with: stem) { cuts.insert(stem.count) }
        var result: [UInt8] = []
        var start = 0
        for end in cuts.sorted() {
            let whole = Array(name[..<end])
            result += end <= kind || openStems.contains(whole) ? Array(name[start..<end]) : piece(whole, from: start)
            start = end
        }
        return result
    }

    /// What stands for the end of `whole`, behind what comes before `start` in it.
    private mutating func piece(_ whole: [UInt8], from start: Int) -> [UInt8] {
        if let known = pieces[whole] { return known }
        let before = Array(whole[..<start])
        let original = Array(whole[start...])
        var attempt = 0
        while true {
            var candidate = look(of: original, seed: whole, attempt: attempt)
            // So short that all of that look are taken: longer ones.
            if attempt > 200 { candidate += Array("x\(attempt)".utf8) }
            attempt += 1
            let slot = before + [0] + candidate
            guard !taken.contains(slot), start > 0 || isFree(candidate),
                !(stemPieces[before] ?? []).contains(where: { candidate.starts(with: $0) })
            else { continue }
            taken.insert(slot)
            if stems.contains(whole) { stemPieces[before, default: []].append(candidate) }
            pieces[whole] = candidate
            return candidate
        }
    }

    /// Whether nothing is taken for another kind of word if it is written so.
    private func isFree(_ candidate: [UInt8]) -> Bool {
        !isKept(candidate) && kindLength(candidate) == 0 && !stems.contains { candidate.starts(with: $0) }
    }

    /// Another text of the same classes of characters.
    private func look(of original: [UInt8], seed: [UInt8], attempt: Int) -> [UInt8] {
        let alphabet = alphabet(of: original)
        var result: [UInt8] = []
        for (position, byte) in original.enumerated() {
            let letters: [UInt8]
            switch byte {
            case UInt8(ascii: "_"): letters = [byte]
            case _ where alphabet != nil: letters = alphabet ?? []
            case UInt8(ascii: "0")...UInt8(ascii: "9"): letters = Array("0123456789".utf8)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
            default: letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)
            }
            let number = key.hash(seed + [0, UInt8(truncatingIfNeeded: attempt), UInt8(truncatingIfNeeded: position)])
            result.append(letters[Int(number % UInt64(letters.count))])
        }
        return result
    }

    /// Hashes stay such: of hexadecimal digits, and of those of base 32.
    private func alphabet(of original: [UInt8]) -> [UInt8]? {
        if original.count >= 6, original.allSatisfy({ hexadecimalDigits.contains($0) }) { return hexadecimalDigits }
        let base32 = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
        return original.count == 16 && original.allSatisfy { base32.contains($0) } ? base32 : nil
    }

    // MARK: what stays

    func isKept(_ name: [UInt8]) -> Bool {
        isNumber(name) || isDevice(name) || knownWords.contains(String(decoding: name, as: UTF8.self))
    }

    /// How much of a name tells its kind: names of devices that are made for pods, and sets of Calico's.
    private func kindLength(_ name: [UInt8]) -> Int {
        for kind in ["cali40", "cali60", "cali", "veth", "lxc", "tap", "eni", "azv", "enx"]
        where name.count > kind.utf8.count {
            if name.starts(with: kind.utf8) { return kind.utf8.count }
        }
        return 0
    }
}

private let hexadecimalDigits = Array("0123456789abcdef".utf8)

private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

/// `80`, `0x1f`, `5sec`, `1h30m`, `p80`, `v1`, `2026`, `ffff`: amounts, ports, marks and handles.
private func isNumber(_ name: [UInt8]) -> Bool {
    if name.starts(with: "0x".utf8), name.count > 2 {
        return name[2...].allSatisfy { isDigit($0) || $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x66 }
    }
    if let first = name.first, first == UInt8(ascii: "p") || first == UInt8(ascii: "v"), name.count > 1 {
        return name[1...].allSatisfy(isDigit)
    }
    if name == Array("ffff".utf8) || name == Array("fff1".utf8) || name == Array("fff2".utf8) { return true }
    let units: Set<String> = [
        "", "us", "ms", "s", "m", "h", "d", "w", "sec", "min", "hour", "day", "week", "k", "K", "M", "G", "b", "B",
        "kb",
        "mb", "gb", "kbit", "mbit", "gbit", "bit", "Kbit", "Mbit", "Gbit", "bytes", "kbytes", "mbytes", "T",
    ]
    var index = 0
    while index < name.count {
        guard isDigit(name[index]) else { return false }
        while index < name.count, isDigit(name[index]) { index += 1 }
        let start = index
        while index < name.count, !isDigit(name[index]) { index += 1 }
        guard units.contains(String(decoding: name[start..<index], as: UTF8.self)) else { return false }
    }
    return !name.isEmpty
}

/// `eth0`, `enp3s0f1`, `bond0`, `docker0`: devices that are named by their place and number.
private func isDevice(_ name: [UInt8]) -> Bool {
    let kinds: Set<String> = [
        "eth", "ens", "eno", "enp", "em", "bond", "br", "team", "wlan", "wlp", "wlo", "tun", "tap", "tunl", "sit",
        "gre",
        "gretap", "erspan", "ip6tnl", "ip6gre", "ip6_vti", "ip_vti", "dummy", "ifb", "vlan", "virbr", "docker", "cni",
        "wg", "ppp", "vmbr", "lxcbr", "lxdbr", "vxlan", "wwan", "ib", "if", "podman", "nerdctl", "veth",
    ]
    var index = 0
    while index < name.count, !isDigit(name[index]) { index += 1 }
    var kind = String(decoding: name[..<index], as: UTF8.self)
    // Kinds with a digit in them.
    for long in ["ip6tnl", "ip6gre", "ip6_vti"] where name.starts(with: long.utf8) {
        (kind, index) = (long, long.utf8.count)
    }
    guard index < name.count, kinds.contains(kind) else { return false }
    // Then numbers of at most four digits, with letters of a place between them; without them more is a hash.
    while index < name.count {
        let start = index
        while index < name.count, isDigit(name[index]) { index += 1 }
        guard index - start >= 1, index - start <= 4 else { return false }
        let letters = index
        while index < name.count, !isDigit(name[index]) { index += 1 }
        guard index == letters || kind.hasPrefix("en") || kind.hasPrefix("wl") else { return false }
        let place = String(decoding: name[letters..<index], as: UTF8.self)
        guard index == letters || ["s", "f", "d", "n", "np", "v", "u", "c", "i", "p"].contains(place) else {
            return false
        }
    }
    return true
}
