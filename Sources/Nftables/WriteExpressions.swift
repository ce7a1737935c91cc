internal import RuleModel
internal import SourceText

extension Writer {
    mutating func write(_ comparison: Comparison) {
        if let text = maskedFlags(comparison) { return put(text) }
        write(comparison.left)
        put(" ")
        switch comparison.relation {
        case .equal:
            // Without an operator a set of flags would be asked for any of them, and behind a mask one must stand.
            if needsOperator(comparison) { put("== ") }
        case .notEqual: put("!= ")
        case .less: put("< ")
        case .lessOrEqual: put("<= ")
        case .greater: put("> ")
        case .greaterOrEqual: put(">= ")
        case .anyBit: break
        case .noBit: put("! ")
        }
        let isList = comparison.relation == .anyBit || comparison.relation == .noBit
        switch comparison.right {
        case .literal(let literal):
            // nft takes a socket's properties for numbers.
            if case .socket = comparison.left { return put(numberText(literal)) }
            put(flagText(literal, separator: isList ? "," : " | "))
        case .range(let low, let high): put(rangeText(low, high))
        case .set(let name): reference(name)
        case .expression(let right): write(right)
        }
    }

    private func needsOperator(_ comparison: Comparison) -> Bool {
        switch comparison.right {
        case .literal: break
        case .range, .set, .expression: return false
        }
        switch comparison.left {
        case .masked, .shifted: return true
        default: return comparison.left.comparedType.isBitmask
        }
    }

    /// `tcp flags syn / fin,syn`
    private func maskedFlags(_ comparison: Comparison) -> String? {
        guard case .masked(let value, let mask, let xor) = comparison.left, value.type.isBitmask, xor.number == 0,
            case .literal(let literal) = comparison.right, literal.number ?? 0 != 0,
            comparison.relation == .equal || comparison.relation == .notEqual
        else { return nil }
        var writer = self
        writer.bytes = []
        writer.write(value)
        writer.put(comparison.relation == .notEqual ? " != " : " ")
        writer.put(flagText(literal, separator: ",") + " / " + flagText(mask, separator: ","))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    mutating func write(_ expression: Expression) {
        switch expression {
        case .literal(let literal): put(flagText(literal, separator: ","))
        case .field(let field): put("\(field.row.header.name) \(field.row.name)")
        case .payload(let base, let offset, let bits): put("@\(base.name),\(offset),\(bits)")
        case .extensionHeader(let field): put(optionText(field))
        case .meta(let key): put(key.standsAlone ? key.name : "meta \(key.name)")
        case .connection(let key, let direction): put(connectionText(key, direction))
        case .route(let key): put("rt \(key.name)")
        case .fib(let query): put(fibText(query))
        case .socket(let key): put("socket \(key.text)")
        case .operatingSystem(let timeToLive):
            put(timeToLive == 0 ? "osf name" : "osf ttl \(timeToLive == 1 ? "loose" : "skip") name")
        case .unknown(let text, _): put(text)
        case .numberGenerator(let isRandom, let modulus, let offset):
            put("numgen \(isRandom ? "random" : "inc") mod \(modulus)\(offsetText(offset))")
        case .hash(let key, let modulus, let seed, let offset):
            put("jhash ")
            write(key)
            put(" mod \(modulus)")
            if let seed { put(" seed 0x\(String(seed, radix: 16))") }
            put(offsetText(offset))
        case .symmetricHash(let modulus, let offset): put("symhash mod \(modulus)\(offsetText(offset))")
        case .concatenation(let parts):
            for (index, part) in parts.enumerated() {
                if index > 0 { put(" . ") }
                write(part)
            }
        case .masked(let value, let mask, let xor): writeMasked(value, mask, xor)
        case .shifted(let value, let count):
            if case .masked = value {
                put("(")
                write(value)
                put(")")
            } else {
                write(value)
            }
            put(count < 0 ? " >> \(-count)" : " << \(count)")
        case .map(let key, let name):
            write(key)
            put(" map ")
            reference(name)
        case .range(let low, let high): put(rangeText(low, high))
        }
    }

    private func offsetText(_ offset: UInt32) -> String { offset == 0 ? "" : " offset \(offset)" }

    func connectionText(_ key: ConnectionKey, _ direction: ConnectionDirection?) -> String {
        let lead =
            switch direction {
            case .original: "original "
            case .reply: "reply "
            case nil: ""
            }
        return "ct \(lead)\(key.name)"
    }

    private mutating func writeMasked(_ value: Expression, _ mask: Literal, _ xor: Literal) {
        write(value)
        let isPlain = xor.bytes.allSatisfy { $0 == 0 }
        if isPlain { return put(" & " + operandText(mask)) }
        var rest = mask
        var isSetting = true
        for index in mask.bytes.indices where index < xor.bytes.count {
            rest.bytes[index] = mask.bytes[index] | xor.bytes[index]
            if mask.bytes[index] & xor.bytes[index] != 0 { isSetting = false }
        }
        if isSetting {
            if !isOnes(rest) { put(" & " + operandText(rest)) }
            put(" | " + operandText(xor))
        } else {
            if !isOnes(mask) { put(" & " + operandText(mask)) }
            put(" ^ " + operandText(xor))
        }
    }

    private func isOnes(_ literal: Literal) -> Bool {
        let lead = literal.bytes.count * 8 - literal.bits
        for (index, byte) in literal.bytes.enumerated() {
            let wanted: UInt8 = index == 0 && lead > 0 && lead < 8 ? 0xff >> UInt8(lead) : 0xff
            if byte != wanted { return false }
        }
        return true
    }

    private func operandText(_ literal: Literal) -> String {
        switch literal.type {
        case .ipv4Address, .ipv6Address, .mark: return constantText(literal)
        case .etherAddress, .linkAddress: return constantText(literal)
        default: break
        }
        let text = flagText(literal, separator: " | ")
        if text.utf8.contains(UInt8(ascii: "|")) { return "(\(text))" }
        return literal.type.isBitmask ? text : hexadecimalText(literal)
    }

    private func fibText(_ query: FibQuery) -> String {
        var parts: [String] = []
        if query.flags.contains(.source) { parts.append("saddr") }
        if query.flags.contains(.destination) { parts.append("daddr") }
        if query.flags.contains(.mark) { parts.append("mark") }
        if query.flags.contains(.inInterface) { parts.append("iif") }
        if query.flags.contains(.outInterface) { parts.append("oif") }
        return "fib \(parts.joined(separator: " . ")) \(query.result.name)"
    }

    func optionText(_ field: ExtensionField) -> String {
        switch field.holder {
        case .ipv6:
            let name =
                switch field.kind {
                case 0: "hbh"
                case 43: "rt"
                case 44: "frag"
                case 60: "dst"
                case 135: "mh"
                default: "\(field.kind)"
                }
            if field.testsPresence { return "exthdr \(name)" }
            let row = extensionFields.first {
                $0.kind == field.kind && $0.offset == field.offset && $0.bits == field.bits
            }
            return "\(name) \(row?.name ?? "nexthdr")"
        case .tcpOption: return "tcp option " + fieldText(field, tcpOptions)
        case .ipv4Option: return "ip option " + fieldText(field, ipOptions)
        case .sctpChunk: return "sctp chunk " + fieldText(field, sctpChunks)
        case .dccpOption: return "dccp option \(field.kind)"
        }
    }

    private func fieldText(_ field: ExtensionField, _ rows: [OptionRow]) -> String {
        let isChunk = field.holder == .sctpChunk
        if !field.testsPresence,
            let row = rows.first(where: {
                $0.kind == field.kind && !$0.name.isEmpty && $0.offset == field.offset && $0.bits == field.bits
            })
        {
            return "\(row.option) \(row.name)"
        }
        let name = rows.first { $0.kind == field.kind }?.option
        if field.testsPresence { return name ?? "\(field.kind)" }
        if isChunk {
            switch (field.offset, field.bits) {
            case (0, 8): return "\(name ?? "data") type"
            case (8, 8): return "\(name ?? "data") flags"
            default: return "\(name ?? "data") length"
            }
        }
        if field.holder == .ipv4Option {
            return field.offset == 0 ? "\(name ?? "ra") type" : "\(name ?? "ra") length"
        }
        if field.offset == 8, field.bits == 8 { return "\(name ?? "\(field.kind)") length" }
        return "@\(field.kind),\(field.offset),\(field.bits)"
    }
}

extension SocketKey {
    var text: String {
        switch self {
        case .transparent: "transparent"
        case .mark: "mark"
        case .wildcard: "wildcard"
        case .cgroup2(let level): "cgroupv2 level \(level)"
        }
    }
}
