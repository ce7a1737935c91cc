internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// What `expression` of `rule` comes to for the packet in `state`.
    func value(of expression: Expression, _ state: WalkState, _ rule: RuleReference) -> NativeValue {
        switch expression {
        case .literal(let literal): return NativeValue(indexed(literal).bytes)
        case .field(let field): return fieldValue(field, state)
        case .payload(let base, let offset, let bits): return payloadValue(base, offset: offset, bits: bits, state)
        case .extensionHeader(let field): return extensionValue(field, state)
        case .meta(let key): return metaValue(key, state)
        case .connection(let key, let direction): return connectionValue(key, direction, state)
        case .route(let key): return routeValue(key, state)
        case .fib(let query): return fibValue(query, state)
        case .socket: return socketValue(state)
        case .operatingSystem:
            // Source: net/netfilter/nft_osf.c: a packet that is no TCP breaks the rule, one that is no SYN too.
            guard isOf(.tcp, state.packet), state.packet.fragmentOffset == 0 else { return .absent }
            if !state.packet.unknown.contains(.tcpFlags), !state.packet.tcpFlags.contains(.syn) { return .absent }
            return .hidden(bits: 128)
        case .unknown: return .unknown
        case .numberGenerator(_, let modulus, let offset): return generated(modulus, offset)
        case .hash(let key, let modulus, let seed, let offset):
            return hashed(value(of: key, state, rule), key, modulus, seed, offset)
        // Which of a connection's packets' fields are hashed is known, the kernel's secret is not.
        case .symmetricHash(let modulus, let offset): return generated(modulus, offset)
        case .concatenation(let parts): return .concatenated(parts.map { value(of: $0, state, rule) })
        case .masked(let inner, let mask, let xor):
            return value(of: inner, state, rule).masked(mask.bytes, xor.bytes)
        case .shifted(let inner, let count): return value(of: inner, state, rule).shifted(count)
        case .map(let key, let name): return mapped(key, name, state, rule)
        case .range: return .unknown
        }
    }

    /// Each of `modulus` numbers is as likely as another: of `inc` it is not known where its counter stands.
    /// Source: net/netfilter/nft_numgen.c.
    private func generated(_ modulus: UInt32, _ offset: UInt32) -> NativeValue {
        guard modulus > 0, modulus <= 4096 else { return .hidden(bits: 32) }
        if modulus == 1 { return NativeValue(UInt64(offset), bits: 32) }
        return .choices(
            (0..<modulus).map {
                NativeChoice(bytes: Literal(UInt64($0 &+ offset), .integer, bits: 32).bytes, share: 1)
            })
    }

    /// Source: net/netfilter/nft_hash.c `nft_jhash_eval`; include/linux/jhash.h `jhash`.
    private func hashed(
        _ key: NativeValue, _ expression: Expression, _ modulus: UInt32, _ seed: UInt32?, _ offset: UInt32
    ) -> NativeValue {
        if key == .absent { return .absent }
        // The number of an interface is not in the model, its name is.
        let hasIndex = expression.contains { $0.type == .interfaceIndex }
        guard let seed, !hasIndex, let bytes = key.exact, modulus > 0 else {
            if case .unknown = key { return .unknown }
            return generated(modulus, offset)
        }
        let hash = jenkinsHash(bytes: registerBytes(bytes, expression), seed: seed)
        return NativeValue((UInt64(hash) * UInt64(modulus)) >> 32 + UInt64(offset), bits: 32)
    }

    /// The bytes of a value as they lie in the kernel's registers: each part of a concatenation begins a register of
    /// four bytes, and numbers of the machine's order have their lowest byte first.
    private func registerBytes(_ bytes: [UInt8], _ expression: Expression) -> [UInt8] {
        guard case .concatenation(let parts) = expression else { return ordered(bytes, expression) }
        var result: [UInt8] = []
        var start = 0
        for part in parts {
            let width = min(self.width(of: part), bytes.count - start)
            result += ordered(Array(bytes[start..<start + width]), part)
            start += width
            while result.count % 4 != 0 { result.append(0) }
        }
        return result
    }

    private func ordered(_ bytes: [UInt8], _ expression: Expression) -> [UInt8] {
        let type = expression.type
        let isText = type == .interfaceName || type == .string
        return type.isHostOrder && !isText ? bytes.reversed() : bytes
    }

    /// Bytes of the value of `expression`.
    func width(of expression: Expression) -> Int {
        switch expression {
        case .literal(let literal), .range(let literal, _): literal.bytes.count
        case .field(let field): (field.row.bits + 7) / 8
        case .payload(_, _, let bits): (bits + 7) / 8
        case .extensionHeader(let field): (field.bits + 7) / 8
        case .meta(.inIndex), .meta(.outIndex), .meta(.slaveInIndex): 16
        case .meta(let key): (key.bits + 7) / 8
        case .masked(let inner, _, _), .shifted(let inner, _): width(of: inner)
        case .concatenation(let parts): parts.reduce(0) { $0 + width(of: $1) }
        case .numberGenerator, .hash, .symmetricHash: 4
        case .connection(let key, _):
            switch key {
            case .source, .destination: 0
            case .sourcePort, .destinationPort, .zone: 2
            case .direction, .networkProtocol, .protocol: 1
            case .packets, .bytes, .averagePacket: 8
            case .helper: 16
            case .state, .status, .mark, .expiration, .label, .eventMask, .identifier, .sourceV4, .destinationV4,
                .sourceV6, .destinationV6:
                key.type.bits / 8
            }
        case .fib(let query): query.testsPresence ? 1 : query.result == .addressType ? 4 : 16
        case .route(let key): key == .mtu ? 2 : key.type.bits / 8
        case .socket(let key): key.type.bits / 8
        case .operatingSystem: 16
        case .unknown, .map: 0
        }
    }
}

/// Source: include/linux/jhash.h `jhash`, Linux 6.18, which reads words with the machine's lowest byte first.
func jenkinsHash(bytes: [UInt8], seed: UInt32) -> UInt32 {
    let words = stride(from: 0, to: bytes.count, by: 4).map { place in
        bytes[place..<min(place + 4, bytes.count)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    return jenkinsHash(words, length: bytes.count, seed: seed)
}
