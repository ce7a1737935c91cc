internal import RuleModel
internal import SourceText

// Extension headers of IPv6, options of IPv4 and TCP, chunks of SCTP.
// Source: nftables src/exthdr.c, src/tcpopt.c, src/ipopt.c, src/sctp_chunk.c, 1.0.6.
extension Reader {
    mutating func extensionHeaderKind() throws(NftFailure) -> UInt8 {
        let kind: UInt8
        switch word {
        case "hbh": kind = 0
        case "rt": kind = 43
        case "frag": kind = 44
        case "dst": kind = 60
        case "mh": kind = 135
        default:
            if token.kind == .number { return try number(UInt8.self) }
            throw unexpected("an extension header")
        }
        advance()
        return kind
    }

    mutating func extensionHeader() throws(NftFailure) -> Expression {
        let kind = try extensionHeaderKind()
        let name = word
        guard let row = extensionFields.first(where: { $0.kind == kind && $0.name == name }) else {
            throw unexpected("a field of this extension header")
        }
        advance()
        return .extensionHeader(
            ExtensionField(.ipv6, kind: kind, offset: row.offset, bits: row.bits, type: row.type))
    }

    /// Behind `tcp`, `ip`, `dccp` or `sctp`: at `option` or `chunk`.
    mutating func option(of header: HeaderKind) throws(NftFailure) -> Expression {
        advance()
        switch header {
        case .tcp: return try tcpOption()
        case .sctp: return try fieldOf(.sctpChunk, sctpChunks, "a chunk's type", presence: 0)
        case .dccp:
            var field = ExtensionField(.dccpOption, kind: try number(UInt8.self), offset: 0, bits: 8)
            field.testsPresence = true
            return .extensionHeader(field)
        default: return try fieldOf(.ipv4Option, ipOptions, "an option of IPv4", presence: 0)
        }
    }

    private mutating func tcpOption() throws(NftFailure) -> Expression {
        if take("@") {
            let kind = try number(UInt8.self)
            try expect(",")
            let offset = try number(UInt16.self)
            try expect(",")
            let bits = try number(UInt16.self)
            return .extensionHeader(ExtensionField(.tcpOption, kind: kind, offset: Int(offset), bits: Int(bits)))
        }
        if token.kind == .number {
            let kind = try number(UInt8.self)
            return commonField(.tcpOption, kind)
        }
        return try fieldOf(.tcpOption, tcpOptions, "an option of TCP", presence: 0)
    }

    private mutating func fieldOf(
        _ holder: ExtensionField.Holder, _ rows: [OptionRow], _ wanted: String, presence: Int
    ) throws(NftFailure) -> Expression {
        let name = word
        guard let kind = rows.first(where: { $0.option == name })?.kind else { throw unexpected(wanted) }
        advance()
        let fieldName = word
        if let row = rows.first(where: { $0.option == name && $0.name == fieldName }) {
            advance()
            return .extensionHeader(ExtensionField(holder, kind: kind, offset: row.offset, bits: row.bits))
        }
        return commonField(holder, kind)
    }

    /// What all options have: a kind and a length, or being there.
    private mutating func commonField(_ holder: ExtensionField.Holder, _ kind: UInt8) -> Expression {
        let isChunk = holder == .sctpChunk
        if take("kind") || take("type") {
            return .extensionHeader(ExtensionField(holder, kind: kind, offset: 0, bits: 8))
        }
        if isChunk, take("flags") {
            return .extensionHeader(ExtensionField(holder, kind: kind, offset: 8, bits: 8))
        }
        if take("length") {
            return .extensionHeader(
                ExtensionField(holder, kind: kind, offset: isChunk ? 16 : 8, bits: isChunk ? 16 : 8))
        }
        var field = ExtensionField(holder, kind: kind, offset: 0, bits: 8)
        field.testsPresence = true
        return .extensionHeader(field)
    }
}

struct ExtensionRow: Sendable {
    var kind: UInt8
    var name: String
    var offset: Int
    var bits: Int
    var type = DataType.integer
}

let extensionFields: [ExtensionRow] = [
    ExtensionRow(kind: 0, name: "nexthdr", offset: 0, bits: 8, type: .internetProtocol),
    ExtensionRow(kind: 0, name: "hdrlength", offset: 8, bits: 8),
    ExtensionRow(kind: 60, name: "nexthdr", offset: 0, bits: 8, type: .internetProtocol),
    ExtensionRow(kind: 60, name: "hdrlength", offset: 8, bits: 8),
    ExtensionRow(kind: 43, name: "nexthdr", offset: 0, bits: 8, type: .internetProtocol),
    ExtensionRow(kind: 43, name: "hdrlength", offset: 8, bits: 8),
    ExtensionRow(kind: 43, name: "type", offset: 16, bits: 8),
    ExtensionRow(kind: 43, name: "seg-left", offset: 24, bits: 8),
    ExtensionRow(kind: 44, name: "nexthdr", offset: 0, bits: 8, type: .internetProtocol),
    ExtensionRow(kind: 44, name: "reserved", offset: 8, bits: 8),
    ExtensionRow(kind: 44, name: "frag-off", offset: 16, bits: 13),
    ExtensionRow(kind: 44, name: "reserved2", offset: 29, bits: 2),
    ExtensionRow(kind: 44, name: "more-fragments", offset: 31, bits: 1),
    ExtensionRow(kind: 44, name: "id", offset: 32, bits: 32),
    ExtensionRow(kind: 135, name: "nexthdr", offset: 0, bits: 8, type: .internetProtocol),
    ExtensionRow(kind: 135, name: "hdrlength", offset: 8, bits: 8),
    ExtensionRow(kind: 135, name: "type", offset: 16, bits: 8, type: .mobilityType),
    ExtensionRow(kind: 135, name: "reserved", offset: 24, bits: 8),
    ExtensionRow(kind: 135, name: "checksum", offset: 32, bits: 16),
]

/// A field of an option or chunk; without a name the row only says that there is such an option.
struct OptionRow: Sendable {
    var option: String
    var kind: UInt8
    var name = ""
    var offset = 0
    var bits = 0
}

let tcpOptions: [OptionRow] = [
    OptionRow(option: "eol", kind: 0), OptionRow(option: "nop", kind: 1), OptionRow(option: "noop", kind: 1),
    OptionRow(option: "maxseg", kind: 2, name: "size", offset: 16, bits: 16),
    OptionRow(option: "mss", kind: 2, name: "size", offset: 16, bits: 16),
    OptionRow(option: "window", kind: 3, name: "count", offset: 16, bits: 8),
    OptionRow(option: "sack-perm", kind: 4), OptionRow(option: "sack-permitted", kind: 4),
    OptionRow(option: "sack", kind: 5, name: "left", offset: 16, bits: 32),
    OptionRow(option: "sack", kind: 5, name: "right", offset: 48, bits: 32),
    OptionRow(option: "sack0", kind: 5, name: "left", offset: 16, bits: 32),
    OptionRow(option: "sack0", kind: 5, name: "right", offset: 48, bits: 32),
    OptionRow(option: "sack1", kind: 5, name: "left", offset: 80, bits: 32),
    OptionRow(option: "sack1", kind: 5, name: "right", offset: 112, bits: 32),
    OptionRow(option: "sack2", kind: 5, name: "left", offset: 144, bits: 32),
    OptionRow(option: "sack2", kind: 5, name: "right", offset: 176, bits: 32),
    OptionRow(option: "sack3", kind: 5, name: "left", offset: 208, bits: 32),
    OptionRow(option: "sack3", kind: 5, name: "right", offset: 240, bits: 32),
    OptionRow(option: "echo", kind: 6),
    OptionRow(option: "timestamp", kind: 8, name: "tsval", offset: 16, bits: 32),
    OptionRow(option: "timestamp", kind: 8, name: "tsecr", offset: 48, bits: 32),
    OptionRow(option: "md5sig", kind: 19),
    OptionRow(option: "mptcp", kind: 30, name: "subtype", offset: 16, bits: 4),
    OptionRow(option: "fastopen", kind: 34),
]

let ipOptions: [OptionRow] = [
    OptionRow(option: "lsrr", kind: 131, name: "ptr", offset: 16, bits: 8),
    OptionRow(option: "lsrr", kind: 131, name: "addr", offset: 24, bits: 32),
    OptionRow(option: "rr", kind: 7, name: "ptr", offset: 16, bits: 8),
    OptionRow(option: "rr", kind: 7, name: "addr", offset: 24, bits: 32),
    OptionRow(option: "ssrr", kind: 137, name: "ptr", offset: 16, bits: 8),
    OptionRow(option: "ssrr", kind: 137, name: "addr", offset: 24, bits: 32),
    OptionRow(option: "ra", kind: 148, name: "value", offset: 16, bits: 16),
]

let sctpChunks: [OptionRow] = [
    OptionRow(option: "data", kind: 0, name: "tsn", offset: 32, bits: 32),
    OptionRow(option: "data", kind: 0, name: "stream", offset: 64, bits: 16),
    OptionRow(option: "data", kind: 0, name: "ssn", offset: 80, bits: 16),
    OptionRow(option: "data", kind: 0, name: "ppid", offset: 96, bits: 32),
    OptionRow(option: "init", kind: 1, name: "init-tag", offset: 32, bits: 32),
    OptionRow(option: "init", kind: 1, name: "a-rwnd", offset: 64, bits: 32),
    OptionRow(option: "init", kind: 1, name: "num-outbound-streams", offset: 96, bits: 16),
    OptionRow(option: "init", kind: 1, name: "num-inbound-streams", offset: 112, bits: 16),
    OptionRow(option: "init", kind: 1, name: "initial-tsn", offset: 128, bits: 32),
    OptionRow(option: "init-ack", kind: 2, name: "init-tag", offset: 32, bits: 32),
    OptionRow(option: "init-ack", kind: 2, name: "a-rwnd", offset: 64, bits: 32),
    OptionRow(option: "init-ack", kind: 2, name: "num-outbound-streams", offset: 96, bits: 16),
    OptionRow(option: "init-ack", kind: 2, name: "num-inbound-streams", offset: 112, bits: 16),
    OptionRow(option: "init-ack", kind: 2, name: "initial-tsn", offset: 128, bits: 32),
    OptionRow(option: "sack", kind: 3, name: "cum-tsn-ack", offset: 32, bits: 32),
    OptionRow(option: "sack", kind: 3, name: "a-rwnd", offset: 64, bits: 32),
    OptionRow(option: "sack", kind: 3, name: "num-gap-ack-blocks", offset: 96, bits: 16),
    OptionRow(option: "sack", kind: 3, name: "num-dup-tsns", offset: 112, bits: 16),
    OptionRow(option: "heartbeat", kind: 4), OptionRow(option: "heartbeat-ack", kind: 5),
    OptionRow(option: "abort", kind: 6),
    OptionRow(option: "shutdown", kind: 7, name: "cum-tsn-ack", offset: 32, bits: 32),
    OptionRow(option: "shutdown-ack", kind: 8), OptionRow(option: "error", kind: 9),
    OptionRow(option: "cookie-echo", kind: 10), OptionRow(option: "cookie-ack", kind: 11),
    OptionRow(option: "ecne", kind: 12, name: "lowest-tsn", offset: 32, bits: 32),
    OptionRow(option: "cwr", kind: 13, name: "lowest-tsn", offset: 32, bits: 32),
    OptionRow(option: "shutdown-complete", kind: 14),
    OptionRow(option: "asconf", kind: 0xc1, name: "seqno", offset: 32, bits: 32),
    OptionRow(option: "asconf-ack", kind: 0x80, name: "seqno", offset: 32, bits: 32),
    OptionRow(option: "forward-tsn", kind: 0xc0, name: "new-cum-tsn", offset: 32, bits: 32),
]
