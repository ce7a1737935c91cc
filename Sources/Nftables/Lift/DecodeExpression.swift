internal import NetTypes
internal import RuleModel
internal import SourceText

// Attributes of one expression → what it does. Numbers of attributes are those of `enum nft_…_attributes`,
// include/uapi/linux/netfilter/nf_tables.h, Linux 6.18.
extension Lifter {
    /// The expressions of a list (`NFTA_LIST_ELEM`).
    mutating func expressions(_ list: Attributes, depth: Int = 0) -> [KernelExpression] {
        var result: [KernelExpression] = []
        for entry in list.entries where entry.type == 1 {
            result.append(expression(Attributes(entry.value), depth: depth))
        }
        return result
    }

    /// One expression: its name and its data.
    mutating func expression(_ attributes: Attributes, depth: Int) -> KernelExpression {
        guard let name = attributes.text(1) else { return .unknown(names.intern("an expression without a name")) }
        let data = attributes.nest(2) ?? Attributes([])
        let kind = String(decoding: name, as: UTF8.self)
        if let made = load(kind, data) ?? comparison(kind, data) ?? state(kind, data) ?? effect(kind, data, depth) {
            return made
        }
        return .unknown(names.intern(kind))
    }

    /// The word of registers that a register's number means: 1 to 4 are of 16 bytes, 8 to 23 of four.
    private func register(_ attributes: Attributes, _ type: Int) -> Int? {
        guard let number = attributes.word(type) else { return nil }
        switch number {
        case 1...4: return Int(number - 1) * 4
        case 8...23: return Int(number - 8)
        default: return nil
        }
    }

    private func value(_ attributes: Attributes, _ type: Int) -> [UInt8]? {
        guard let value = attributes.nest(type)?.bytes(1), !value.isEmpty, value.count <= 64 else { return nil }
        return Array(value)
    }

    mutating func verdict(_ attributes: Attributes) -> NativeVerdict? {
        guard let code = attributes.word(1) else { return nil }
        let chain = names.intern(Array(attributes.text(2) ?? []).span)
        switch Int32(bitPattern: code) {
        case 0: return .drop
        case 1: return .accept
        case -1: return .continue
        case -3 where chain != .empty: return .jump(chain)
        case -4 where chain != .empty: return .goto(chain)
        case -5: return .return
        default: return code & 0xff == 3 ? .queue(UInt16(truncatingIfNeeded: code >> 16)) : nil
        }
    }

    // MARK: What fills registers

    private mutating func load(_ kind: String, _ data: Attributes) -> KernelExpression? {
        switch kind {
        case "meta":
            guard let key = row(kernelMetaKeys, data.word(2)) else { return nil }
            if let to = register(data, 1) { return .load(.meta(key), register: to) }
            return register(data, 3).map { .setMeta(key, register: $0) }
        case "ct":
            guard let key = row(kernelConnectionKeys, data.word(2)) else { return nil }
            let direction = data.number(3).flatMap { ConnectionDirection(rawValue: UInt8(truncatingIfNeeded: $0)) }
            if let to = register(data, 1) { return .load(connection(key, direction), register: to) }
            return register(data, 4).map { .setConnection(key, direction, register: $0) }
        case "payload":
            guard let base = payloadBase(data.word(2)), let offset = data.word(3), let length = data.word(4),
                offset <= 0xffff, (1...64).contains(length)
            else { return nil }
            if let to = register(data, 1) {
                return .payload(base, offset: Int(offset), length: Int(length), register: to)
            }
            return register(data, 5).map {
                .setPayload(base, offset: Int(offset), length: Int(length), register: $0)
            }
        case "exthdr": return extensionHeader(data)
        case "rt":
            let keys: [RouteKey?] = [.classIdentifier, .nextHopV4, .nextHopV6, .mtu, .isSecured]
            guard let key = row(keys, data.word(2)), let to = register(data, 1)
            else { return nil }
            return .load(.route(key), register: to)
        case "fib":
            let results: [FibQuery.Result?] = [nil, .interfaceIndex, .interfaceName, .addressType]
            guard let result = row(results, data.word(2)), let flags = data.word(3), flags < 0x40,
                let to = register(data, 1)
            else { return nil }
            var query = FibQuery(flags: FibQuery.Flags(rawValue: UInt8(flags & 0x1f)), result: result)
            query.testsPresence = flags & 0x20 != 0
            return .load(.fib(query), register: to)
        case "socket":
            guard let to = register(data, 2) else { return nil }
            let level = UInt8(truncatingIfNeeded: data.word(3) ?? 0)
            let keys: [SocketKey?] = [.transparent, .mark, .wildcard, .cgroup2(level: level)]
            return row(keys, data.word(1)).map { .load(.socket($0), register: to) }
        case "osf":
            guard let to = register(data, 1), data.word(3) ?? 0 == 0 else { return nil }
            let timeToLive = UInt8(truncatingIfNeeded: data.number(2) ?? 0)
            return .load(.operatingSystem(ttl: timeToLive), register: to)
        case "numgen":
            guard let to = register(data, 1), let modulus = data.word(2), let type = data.word(3), type < 2 else {
                return nil
            }
            return .load(
                .numberGenerator(isRandom: type == 1, modulus: modulus, offset: data.word(4) ?? 0), register: to)
        case "hash":
            guard let to = register(data, 2), let modulus = data.word(4) else { return nil }
            let offset = data.word(6) ?? 0
            if data.word(7) == 1 { return .load(.symmetricHash(modulus: modulus, offset: offset), register: to) }
            guard let from = register(data, 1), let length = data.word(3), length <= 64 else { return nil }
            return .hash(
                register: from, length: Int(length), modulus: modulus, seed: data.word(5), offset: offset, to: to)
        case "immediate":
            if data.word(1) == 0 {
                return data.nest(2)?.nest(2).flatMap { verdict($0) }.map { .verdict($0) }
            }
            guard let to = register(data, 1), let bytes = value(data, 2) else { return nil }
            return .immediate(bytes, register: to)
        default: return nil
        }
    }

    private func row<Value>(_ rows: [Value?], _ number: UInt32?) -> Value? {
        guard let number, number < rows.count else { return nil }
        return rows[Int(number)]
    }

    private func payloadBase(_ number: UInt32?) -> PayloadBase? {
        let bases: [PayloadBase?] = [.link, .network, .transport, .inner]
        return row(bases, number)
    }

    /// In a table of one version a connection's address is of that.
    private func connection(_ key: ConnectionKey, _ direction: ConnectionDirection?) -> Expression {
        switch (key, family) {
        case (.source, .ip): .connection(.sourceV4, direction)
        case (.source, .ip6): .connection(.sourceV6, direction)
        case (.destination, .ip): .connection(.destinationV4, direction)
        case (.destination, .ip6): .connection(.destinationV6, direction)
        default: .connection(key, direction)
        }
    }

    private func extensionHeader(_ data: Attributes) -> KernelExpression? {
        let holders: [ExtensionField.Holder?] = [.ipv6, .tcpOption, .ipv4Option, .sctpChunk, .dccpOption]
        guard let kind = data.number(2), let offset = data.word(3), let length = data.word(4), kind <= 0xff,
            offset <= 0xff, let holder = row(holders, data.word(6) ?? 0)
        else { return nil }
        var field = ExtensionField(
            holder, kind: UInt8(kind), offset: Int(offset) * 8, bits: Int(min(length, 64)) * 8)
        if let source = register(data, 7) { return .setExtension(field, register: source) }
        guard let to = register(data, 1) else {
            // Nothing is written and nothing loaded: the option is taken out.
            return holder == .tcpOption && length == 0 ? .statement(.resetOption(UInt8(kind))) : nil
        }
        field.testsPresence = data.isSet(5, 1)
        if field.testsPresence { field.bits = 8 }
        return .load(.extensionHeader(field), register: to)
    }

    // MARK: What reads them

    private mutating func comparison(_ kind: String, _ data: Attributes) -> KernelExpression? {
        switch kind {
        case "cmp":
            let relations: [Comparison.Relation?] = [
                .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
            ]
            guard let from = register(data, 1), let relation = row(relations, data.word(2)),
                let bytes = value(data, 3)
            else { return nil }
            return .compare(register: from, relation, bytes)
        case "range":
            guard let from = register(data, 1), let operation = data.word(2), operation < 2,
                let low = value(data, 3), let high = value(data, 4), low.count == high.count
            else { return nil }
            return .range(register: from, isInverted: operation == 1, low, high)
        case "bitwise":
            guard let from = register(data, 1), let to = register(data, 2), data.word(3) ?? 0 <= 64 else {
                return nil
            }
            switch data.word(6) ?? 0 {
            case 0:
                guard let and = value(data, 4), let xor = value(data, 5), and.count == xor.count else { return nil }
                return .bitwise(from: from, to: to, and: and, xor: xor)
            case 1, 2:
                guard let bytes = value(data, 7), bytes.count == 4 else { return nil }
                let count = Int(truncatingIfNeeded: Attributes.native(bytes[...]) & 0xffff)
                return .shift(from: from, to: to, by: data.word(6) == 1 ? count : -count)
            default: return nil
            }
        case "byteorder":
            guard let from = register(data, 1), let to = register(data, 2) else { return nil }
            return .byteorder(from: from, to: to)
        case "lookup":
            guard let set = data.text(1), let from = register(data, 2) else { return nil }
            var answer = KernelExpression.Answer.none
            if let number = data.word(3) {
                guard let to = number == 0 ? 0 : register(data, 3) else { return nil }
                answer = number == 0 ? .verdict : .register(to)
            }
            return .lookup(
                set: names.intern(Array(set).span), register: from, answer,
                isInverted: data.isSet(5, 1))
        default: return nil
        }
    }

    // MARK: What changes something

    private mutating func effect(_ kind: String, _ data: Attributes, _ depth: Int) -> KernelExpression? {
        switch kind {
        case "dynset":
            let operations: [SetChange.Operation?] = [.add, .update, .delete]
            guard let set = data.text(1), let operation = row(operations, data.word(3)),
                let key = register(data, 4)
            else { return nil }
            // Sets that say `if it is not there`: nft writes none.
            if data.isSet(9, 1) { return nil }
            var states: [NativeStatement] = []
            if depth < 2 {
                var inner = data.nest(10).map { expressions($0, depth: depth + 1) } ?? []
                if inner.isEmpty, let one = data.nest(7) { inner = [expression(one, depth: depth + 1)] }
                for one in inner {
                    guard case .statement(let statement) = one else { return nil }
                    // Each element counts from 0.
                    if case .counter = statement { states.append(.counter(nil)) } else { states.append(statement) }
                }
            }
            return .changeSet(
                operation, set: names.intern(Array(set).span), key: key, value: register(data, 5),
                timeout: data.number(6).flatMap { $0 == 0 ? nil : $0 }, states)
        case "objref":
            if let name = data.text(2) {
                guard let object = row(kernelObjects, data.word(1)) else { return nil }
                return .statement(.object(object, names.intern(Array(name).span)))
            }
            guard let set = data.text(4), let from = register(data, 3) else { return nil }
            return .objectMap(register: from, set: names.intern(Array(set).span))
        case "nat":
            let kinds: [NativeTranslation.Kind?] = [.snat, .dnat]
            guard let kind = row(kinds, data.word(1)) else { return nil }
            var made = KernelExpression.Translation(kind: kind)
            made.family = data.word(2) ?? 0
            made.address = register(data, 3)
            made.lastAddress = register(data, 4)
            made.port = register(data, 5)
            made.lastPort = register(data, 6)
            made.flags = data.word(7) ?? 0
            return .translate(made)
        case "masq":
            var made = KernelExpression.Translation(kind: .masquerade)
            made.flags = data.word(1) ?? 0
            made.port = register(data, 2)
            made.lastPort = register(data, 3)
            return .translate(made)
        case "redir":
            var made = KernelExpression.Translation(kind: .redirect)
            made.port = register(data, 1)
            made.lastPort = register(data, 2)
            made.flags = data.word(3) ?? 0
            return .translate(made)
        case "tproxy":
            guard let version = data.word(1) else { return nil }
            return .tproxy(family: version, address: register(data, 2), port: register(data, 3))
        case "dup": return .duplicate(address: register(data, 1), device: register(data, 2))
        case "fwd":
            guard let device = register(data, 1) else { return nil }
            return .forward(address: register(data, 2), device: device, family: data.word(3) ?? 0)
        case "reject":
            guard let type = data.word(1), type < 3 else { return nil }
            return .reject(type: type, code: UInt8(truncatingIfNeeded: data.number(2) ?? 0))
        case "queue":
            let flags = data.word(3) ?? 0
            if let from = register(data, 4) {
                return .queue(register: from, bypass: flags & 1 != 0, fanout: flags & 2 != 0)
            }
            let first = data.number(1) ?? 0
            let total = data.number(2) ?? 1
            let low = Literal(first, .integer, bits: 16)
            var made = NativeQueue(.literal(low))
            if total > 1 { made.target = .range(low, Literal(first + total - 1, .integer, bits: 16)) }
            made.bypass = flags & 1 != 0
            made.fanout = flags & 2 != 0
            return .statement(.queue(made))
        default: return nil
        }
    }
}
