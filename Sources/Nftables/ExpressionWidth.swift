internal import RuleModel

extension Expression {
    /// Bits of its value; 0 where it has none of its own.
    var bits: Int {
        switch self {
        case .literal(let literal): literal.bits
        case .field(let field): field.row.bits
        case .payload(_, _, let bits): bits
        case .extensionHeader(let field): field.testsPresence ? 8 : field.bits
        case .meta(let key): key.bits
        case .connection(let key, _): key.bits
        case .route(let key): key == .mtu ? 16 : key.type.bits
        case .fib(let query): query.testsPresence ? 8 : query.result.type.bits
        case .socket(let key): key.type.bits
        case .operatingSystem: 128
        case .unknown(_, let type): type == .integer ? 32 : type.bits
        case .numberGenerator, .hash, .symmetricHash: 32
        case .concatenation: 0
        case .masked(let value, _, _), .shifted(let value, _): value.bits
        case .map: 0
        case .range(let low, _): low.bits
        }
    }

    /// What values it is compared with: whether something is there is asked with a truth value.
    var comparedType: DataType {
        switch self {
        case .fib(let query) where query.testsPresence: .boolean
        case .extensionHeader(let field) where field.testsPresence: .boolean
        default: type
        }
    }

    /// The parts of a key.
    var keyParts: [(type: DataType, bits: Int)] {
        if case .concatenation(let parts) = self { return parts.map { ($0.comparedType, $0.bits) } }
        return [(comparedType, bits)]
    }
}

extension ConnectionKey {
    var bits: Int {
        switch self {
        case .packets, .bytes, .averagePacket: 64
        case .zone: 16
        case .identifier: 32
        case .expiration: 32
        case .helper: 128
        case .source, .destination: 128
        default: type.bits
        }
    }
}

extension HeaderField {
    /// Bits of its last byte that are behind it.
    var trailingBits: Int { (8 - (row.offset + row.bits) % 8) % 8 }
}
