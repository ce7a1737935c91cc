import HostText
import NetTypes
public import SourceText

/// A snapshot without the names and addresses of the host it is of, and what of it was left out.
public struct RedactedSnapshot: Sendable {
    public struct LeftOut: Hashable, Sendable {
        /// The path as it was.
        public var path: String
        public var line: Int
        public var lineCount: Int
        /// What it is, for a person.
        public var what: String
    }

    /// With the lines where they were: what was left out leaves empty ones.
    public var files: [SourceFile]
    public var leftOut: [LeftOut]
    /// How many matches and statements of rules were replaced by one that is not known.
    public var unknownParts: Int
    /// Whether rules choose by a hash of addresses: of other addresses they may choose otherwise.
    public var hasHashes = false
}

/// Replaces addresses and names in the texts of a snapshot, in all of them by the same ones.
///
/// A word stays only where it is known to tell nothing of a host; a line only where it is of a listing that is read.
public struct Redactor: Sendable {
    private var addresses: AddressMap
    private var names: NameMap
    private var written: [String: String] = [:]
    private var unknownParts = 0
    private var hasHashes = false

    public init(key: RedactionKey) {
        addresses = AddressMap(key: key)
        names = NameMap(key: key)
    }

    /// Redacts the files of one snapshot, or of several that shall be comparable. To be called once.
    public mutating func redact(_ files: [SourceFile]) -> RedactedSnapshot {
        let texts = files.map(Text.init)
        for text in texts { for line in text.lines { learn(line) } }
        for text in texts {
            for line in text.lines where line.kind != nil {
                for token in tokens(of: line.bytes) where token.kind == .name {
                    names.learn(Array(line.bytes[token.range]))
                }
            }
        }
        var result = RedactedSnapshot(files: [], leftOut: [], unknownParts: 0)
        for (file, text) in zip(files, texts) {
            var bytes: [UInt8] = []
            for line in text.lines {
                bytes += line.kind.map { redacted(line.bytes, $0) } ?? []
                if line.isEnded { bytes.append(UInt8(ascii: "\n")) }
            }
            result.files.append(SourceFile(path: redact(file.path), bytes: bytes))
            result.leftOut += text.leftOut(file.path)
        }
        result.unknownParts = unknownParts
        result.hasHashes = hasHashes
        return result
    }

    /// Any text with the names and addresses that stand for those in it.
    public mutating func redact(_ text: String) -> String {
        String(decoding: replaced(Array(text.utf8), tokens(of: Array(text.utf8))), as: UTF8.self)
    }

    /// What stands for what, in the order of the originals.
    public var replacements: [(original: String, replacement: String)] {
        var pairs = written
        for (name, other) in names.names {
            pairs[String(decoding: name, as: UTF8.self)] = String(decoding: other, as: UTF8.self)
        }
        return pairs.filter { $0.key != $0.value }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    // MARK: what must hold beside prefixes

    private mutating func learn(_ line: Line) {
        guard let kind = line.kind else { return }
        let found = tokens(of: line.bytes)
        let isTranslated = line.has("NAT --to-") || line.has("nat to ") || line.has("nat ip to ")
        for word: StaticString in ["jhash ", "-j HMARK ", "-m cluster "] where line.has(word) { hasHashes = true }
        let isCopied = line.has("NETMAP") || line.has(" prefix to ")
        let isSubnet = kind.showsSubnets && !line.has(" via ")
        for token in found {
            switch token.kind {
            case .range(let first, let last, _):
                addresses.keepRange(first, last)
                if isTranslated { hasHashes = true }
            case .prefix(let address, let length, _):
                let prefix = IPPrefix(address, length: length)
                if length >= 8, Int(length) < address.version.addressBits {
                    if isCopied { addresses.freeze(prefix) }
                    if isSubnet { addresses.keepEnds(prefix) }
                }
            case .address(let address):
                // `"local":"192.0.2.1","prefixlen":24`
                let rest = line.bytes[token.range.upperBound...].prefix(40)
                guard rest.starts(with: "\",\"prefixlen\":".utf8) else { continue }
                let digits = rest.dropFirst(14).prefix { $0 >= 0x30 && $0 <= 0x39 }
                if let length = UInt8(String(decoding: digits, as: UTF8.self)), length >= 8,
                    Int(length) < address.version.addressBits
                {
                    addresses.keepEnds(IPPrefix(address, length: length))
                }
            case .name:
                // `-i web+`, `iifname "web*"`
                let next = token.range.upperBound
                if next < line.bytes.count,
                    line.bytes[next] == UInt8(ascii: "+") || line.bytes[next] == UInt8(ascii: "*")
                {
                    names.add(stem: Array(line.bytes[token.range]))
                }
            case .dottedAddress, .masked, .hardware, .numbers: break
            }
        }
    }

    // MARK: replacing

    private mutating func redacted(_ line: [UInt8], _ kind: ListingKind) -> [UInt8] {
        switch kind {
        case .sysctl:
            guard let setting = Setting(line) else { return [] }
            return Array(line[..<setting.name.lowerBound])
                + replaced(Array(line[setting.name]), tokens(of: Array(line[setting.name])))
                + Array(line[setting.name.upperBound..<setting.value])
                + replaced(Array(line[setting.value...]), tokens(of: Array(line[setting.value...])))
        case .iptablesSave, .iptablesRules:
            let known = withoutRawMatches(line, &unknownParts)
            return replaced(known, tokens(of: known))
        case .nftText:
            let known = withoutRawExpressions(line, &unknownParts)
            return replaced(known, withMaskedPrefixes(known, tokens(of: known)))
        case .routeTable: return replaced(line, withGenmask(tokens(of: line)))
        case .netstat: return replaced(line, tokensOfNetstat(line))
        default: return replaced(line, tokens(of: line))
        }
    }

    private mutating func replaced(_ line: [UInt8], _ tokens: [Token]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        func gap(_ end: Int) -> [UInt8] {
            // Nothing but blanks hides between words.
            line[index..<max(index, end)].map {
                $0 < 0x20 && $0 != 9 && $0 != 13 || $0 == 0x7f ? UInt8(ascii: "?") : $0
            }
        }
        for token in tokens {
            result += gap(token.range.lowerBound)
            let original = Array(line[token.range])
            index = token.range.upperBound
            let other: String
            switch token.kind {
            case .name:
                result += names.map(original)
                continue
            case .address(let address): other = "\(addresses.map(address))"
            case .dottedAddress(let address):
                other = String("\(addresses.map(address))".map { $0 == ":" ? "." : $0 })
            case .prefix(let address, let length, let tail):
                let prefix = IPPrefix(address, length: length)
                let isNetwork = prefix.address == address && Int(length) < address.version.addressBits
                let mapped = isNetwork ? addresses.map(prefix).address : addresses.map(address)
                other = "\(mapped)" + String(decoding: line[tail], as: UTF8.self)
            case .range(let first, let last, let middle):
                let between = String(decoding: line[middle], as: UTF8.self)
                other = "\(addresses.map(first))\(between)\(addresses.map(last))"
            case .hardware(let mac): other = "\(addresses.map(mac))"
            case .masked: other = "redacted"
            case .numbers:
                result += original.map { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") ? $0 : UInt8(ascii: "0") }
                continue
            }
            written[String(decoding: original, as: UTF8.self)] = other
            result += other.utf8
        }
        return result + gap(line.count)
    }
}

extension ListingKind {
    /// Whether prefixes in it are subnets that the host is in.
    fileprivate var showsSubnets: Bool {
        self == .addresses || self == .addressLines || self == .addressesBrief || self == .routes
            || self == .addressesJSON
            || self == .routesJSON
    }
}
