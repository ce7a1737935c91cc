internal import RuleModel
internal import SourceText

/// What lies in a register: where it came from, and what was done to it since.
struct RegisterValue: Sendable {
    enum Source: Sendable {
        case expression(Expression)
        case payload(PayloadBase, offset: Int, length: Int)
        case constant([UInt8])
        /// A map's answer, with the bytes of one.
        case answer(Expression, set: Symbol)
    }

    enum Step: Sendable {
        /// In the order in which the bytes lie in the register.
        case mask(and: [UInt8], xor: [UInt8])
        case shift(Int)
    }

    var source: Source
    var steps: [Step] = []
    /// Whether the bytes were turned round to those of the wire.
    var isSwapped = false
    /// Bytes, as far as they are known.
    var length: Int
    /// Which load of the rule it was.
    var load: Int
}

/// The registers while a rule is read, and what comes of it.
struct RuleState: Sendable {
    /// By word.
    var registers: [Int: RegisterValue] = [:]
    /// `nil`: a statement that nft leaves out.
    var statements: [Statement?] = []
    /// Of each load whether something used it, and how it is called where nothing does.
    var loads: [(isUsed: Bool, name: Symbol)] = []
    var counters: Counters?

    /// The protocol behind the IP header, where the rule has asked for it.
    var transport: UInt8?
    /// Which IP version the packet has, where the rule has asked for it or the table says it.
    var network: NetworkKind?
    var link: LinkKind?

    /// Statements that ask only for what a later field asks for too.
    var transportDependency: Dependency?
    var networkDependency: Dependency?
    var linkDependency: Dependency?

    enum NetworkKind: Sendable { case v4, v6, arp }
    enum LinkKind: Sendable { case ether, vlan }

    struct Dependency: Sendable {
        var index: Int
        /// Whether a field of the header asks, and not `meta`.
        var isField: Bool
    }

    /// What lay in the words that the value takes is gone.
    mutating func put(_ value: RegisterValue, at register: Int) {
        for word in register..<register + max(1, (value.length + 3) / 4) { registers[word] = nil }
        registers[register] = value
    }

    mutating func dropTransportDependency() {
        drop(transportDependency)
        transportDependency = nil
    }

    mutating func dropNetworkDependency() {
        drop(networkDependency)
        networkDependency = nil
    }

    mutating func dropLinkDependency() {
        drop(linkDependency)
        linkDependency = nil
    }

    private mutating func drop(_ dependency: Dependency?) {
        if let index = dependency?.index, index < statements.count { statements[index] = nil }
    }
}

/// A value of a rule with its names.
struct LiftedValue: Sendable {
    var expression: Expression
    /// How far what it is compared with lies to the left of the field's own bits.
    var literalShift = 0
    var isSwapped = false
    /// Bytes in the register.
    var length: Int

    /// Whether constants for it are in this machine's order.
    var isHostOrder: Bool { !isSwapped && expression.isHostOrder }
}

extension Lifter {
    /// Notes that something is loaded into a register.
    mutating func load(_ source: RegisterValue.Source, length: Int, name: Symbol, to register: Int) {
        rule.loads.append((false, name))
        rule.put(
            RegisterValue(source: source, length: length, load: rule.loads.count - 1), at: register)
    }

    /// The value of a register with its names; marks it as used.
    mutating func value(_ register: Int) -> LiftedValue? {
        guard let held = rule.registers[register] else { return nil }
        rule.loads[held.load].isUsed = true
        guard let value = lifted(held) else { return nil }
        use(value.expression)
        return value
    }

    /// The bytes of a register that a constant was put into.
    mutating func constant(_ register: Int) -> [UInt8]? {
        guard let held = rule.registers[register], case .constant(let bytes) = held.source, held.steps.isEmpty else {
            return nil
        }
        rule.loads[held.load].isUsed = true
        return bytes
    }

    /// The key of `length` bytes that begins in a register: one value, or several behind one another.
    mutating func key(_ register: Int, length: Int) -> [LiftedValue]? {
        var parts: [LiftedValue] = []
        var word = register
        var rest = length
        while rest > 0 {
            guard let part = value(word) else { return nil }
            let words = (part.length + 3) / 4
            guard words > 0, parts.count < 16 else { return nil }
            parts.append(part)
            word += words
            rest -= words * 4
        }
        return parts.isEmpty ? nil : parts
    }

    func lifted(_ held: RegisterValue) -> LiftedValue? {
        var steps = held.steps[...]
        var result: LiftedValue
        switch held.source {
        case .constant: return nil
        case .answer(let expression, _): result = LiftedValue(expression: expression, length: held.length)
        case .expression(.extensionHeader(let field)):
            let named = extensionField(field, &steps)
            result = LiftedValue(
                expression: .extensionHeader(named.0), literalShift: named.shift, length: held.length)
        case .expression(let expression): result = LiftedValue(expression: expression, length: held.length)
        case .payload(let base, let offset, let length):
            let named = payload(base, offset: offset, length: length, &steps)
            result = LiftedValue(expression: named.0, literalShift: named.shift, length: length)
        }
        result.isSwapped = held.isSwapped
        for step in steps {
            switch step {
            case .shift(let count): result.expression = .shifted(result.expression, by: count)
            case .mask(let and, let xor):
                result.expression = .masked(
                    result.expression, and: literal(and, for: result), xor: literal(xor, for: result))
            }
        }
        return result
    }

    /// The field that a mask cuts out of bytes of the packet, or the one that they are, or else the bytes.
    private func payload(
        _ base: PayloadBase, offset: Int, length: Int, _ steps: inout ArraySlice<RegisterValue.Step>
    ) -> (Expression, shift: Int) {
        if case .mask(let and, let xor)? = steps.first, xor.allSatisfy({ $0 == 0 }),
            let run = bitRun(and), let header = header(base),
            let field = field(header, offset: offset * 8 + run.lead, bits: run.count)
        {
            steps.removeFirst()
            // In a key of several parts the field's bits are moved to the low end.
            if run.trail > 0, case .shift(let count)? = steps.first, count == -run.trail {
                steps.removeFirst()
                return (.field(field), 0)
            }
            return (.field(field), run.trail)
        }
        if let header = header(base), let field = field(header, offset: offset * 8, bits: length * 8) {
            return (.field(field), 0)
        }
        return (.payload(base, offset: offset * 8, bits: length * 8), 0)
    }

    /// The field of an extension header or option that a mask cuts out of what was loaded.
    private func extensionField(
        _ loaded: ExtensionField, _ steps: inout ArraySlice<RegisterValue.Step>
    ) -> (ExtensionField, shift: Int) {
        guard !loaded.testsPresence else { return (loaded, 0) }
        if case .mask(let and, let xor)? = steps.first, xor.allSatisfy({ $0 == 0 }), let run = bitRun(and),
            run.count < loaded.bits
        {
            var cut = loaded
            cut.offset += run.lead
            cut.bits = run.count
            if let known = named(cut) {
                steps.removeFirst()
                if run.trail > 0, case .shift(let count)? = steps.first, count == -run.trail {
                    steps.removeFirst()
                    return (known, 0)
                }
                return (known, run.trail)
            }
        }
        return (named(loaded) ?? loaded, 0)
    }

    /// The field of this place, with its type, where nft has a name for it.
    private func named(_ field: ExtensionField) -> ExtensionField? {
        func matches(_ row: OptionRow) -> Bool {
            row.kind == field.kind && row.offset == field.offset && row.bits == field.bits
        }
        switch field.holder {
        case .ipv6:
            guard
                let row = extensionFields.first(where: {
                    $0.kind == field.kind && $0.offset == field.offset && $0.bits == field.bits
                })
            else { return nil }
            var known = field
            known.type = row.type
            return known
        case .tcpOption: return tcpOptions.contains(where: matches) ? field : nil
        case .ipv4Option: return ipOptions.contains(where: matches) ? field : nil
        case .sctpChunk: return sctpChunks.contains(where: matches) ? field : nil
        case .dccpOption: return nil
        }
    }

    /// The bits that are set, where they are one run.
    func bitRun(_ mask: [UInt8]) -> (lead: Int, count: Int, trail: Int)? {
        var bits: [Bool] = []
        for byte in mask {
            for bit in UInt8(0)..<8 { bits.append(byte & (0x80 >> bit) != 0) }
        }
        guard let first = bits.firstIndex(of: true), let last = bits.lastIndex(of: true),
            !bits[first...last].contains(false)
        else { return nil }
        return (first, last - first + 1, bits.count - 1 - last)
    }

    /// The header that an offset is counted in, as far as the rule and the table say it.
    func header(_ base: PayloadBase) -> HeaderKind? {
        switch base {
        case .link:
            switch rule.link {
            case .vlan: .vlan
            case .ether: .ether
            // Elsewhere nft asks for an Ethernet interface before it names such a field.
            case nil: family == .bridge || family == .netdev ? .ether : nil
            }
        case .network:
            switch rule.network {
            case .v4: .ip
            case .v6: .ip6
            case .arp: .arp
            case nil: nil
            }
        case .transport:
            if let transport = rule.transport {
                HeaderKind.allCases.first { $0.transport == transport }
            } else {
                .th
            }
        case .inner: nil
        }
    }

    /// A field of the header, or of the Ethernet header that lies before a tag.
    func field(_ header: HeaderKind, offset: Int, bits: Int) -> HeaderField? {
        if let found = HeaderField(header, offset: offset, bits: bits) { return found }
        return header == .vlan ? HeaderField(.ether, offset: offset, bits: bits) : nil
    }

    // MARK: Constants

    /// A constant for a value, out of a register's bytes.
    func literal(_ bytes: [UInt8], for value: LiftedValue) -> Literal {
        let expression = value.expression
        var type = expression.comparedType
        var bits = expression.bits
        if case .map(_, let set) = expression, let data = sets[SetKey(table: table, name: set)]?.dataTypes.first {
            type = data
            bits = data.bits
        }
        // A connection's address of either version.
        if case .connection(let key, _) = expression, key == .source || key == .destination {
            type = bytes.count == 4 ? .ipv4Address : .ipv6Address
            bits = bytes.count * 8
        }
        return literal(bytes, type, bits: bits > 0 ? bits : bytes.count * 8, value.isHostOrder, value.literalShift)
    }

    func literal(
        _ bytes: [UInt8], _ type: DataType, bits: Int, _ isHostOrder: Bool, _ shift: Int = 0
    ) -> Literal {
        switch type {
        case .interfaceIndex:
            let number = isHostOrder ? Attributes.native(bytes[...]) : bytes.reduce(0) { $0 << 8 | UInt64($1) }
            return name(interfaces[UInt32(truncatingIfNeeded: number)] ?? Array(String(number).utf8), type, 16)
        case .interfaceName, .string:
            let width = Reader.width(type, bits: bits)
            return name(Array(bytes.prefix(width)), type, width)
        default: break
        }
        var value = isHostOrder && Attributes.isLittleEndian ? bytes.reversed() : bytes
        for _ in 0..<max(0, shift) {
            var carry: UInt8 = 0
            for index in value.indices {
                let next = value[index] & 1
                value[index] = value[index] >> 1 | carry << 7
                carry = next
            }
        }
        let width = Reader.width(type, bits: bits)
        let kept = value.suffix(width)
        return Literal([UInt8](repeating: 0, count: width - kept.count) + kept, type, bits: bits)
    }

    private func name(_ text: [UInt8], _ type: DataType, _ width: Int) -> Literal {
        Literal(text.prefix(width) + [UInt8](repeating: 0, count: max(0, width - text.count)), type, bits: width * 8)
    }
}
