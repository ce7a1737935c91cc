internal import NetTypes
internal import RuleModel
internal import SourceText

// A rule's expressions → its statements.
extension Lifter {
    /// The statements of a rule; what has no name here is kept as unknown and told.
    mutating func statements(_ expressions: [KernelExpression]) -> [Statement] {
        rule = RuleState()
        switch family {
        case .ip: rule.network = .v4
        case .ip6: rule.network = .v6
        case .arp: rule.network = .arp
        case .inet, .bridge, .netdev: break
        }
        var index = 0
        while index < expressions.count {
            let one = expressions[index]
            // Two comparisons that are the ends of a range.
            if case .compare(let register, .greaterOrEqual, let low) = one, index + 1 < expressions.count,
                case .compare(register, .lessOrEqual, let high) = expressions[index + 1], low.count == high.count
            {
                index += 1
                if !compare(register, isInverted: false, low, high) { addUnknown("cmp") }
            } else if case .unknown(let name) = one {
                addUnknown(names.text(name))
            } else if !lift(one) {
                addUnknown(one.name)
            }
            index += 1
        }
        for load in rule.loads where !load.isUsed {
            rule.statements.append(.target(.native(.unknown(load.name))))
            unknowns.append(load.name)
        }
        return rule.statements.compactMap { $0 }
    }

    private mutating func addUnknown(_ name: String) {
        let symbol = names.intern(name)
        rule.statements.append(.target(.native(.unknown(symbol))))
        unknowns.append(symbol)
    }

    private mutating func add(_ statement: NativeStatement) { rule.statements.append(.target(.native(statement))) }

    /// Reads one expression; false where it can't be told.
    private mutating func lift(_ expression: KernelExpression) -> Bool {
        switch expression {
        case .load(let loaded, let register):
            load(.expression(loaded), length: (loaded.bits + 7) / 8, name: names.intern(expression.name), to: register)
        case .payload(let base, let offset, let length, let register):
            let name = names.intern("@\(base.name),\(offset * 8),\(length * 8)")
            load(.payload(base, offset: offset, length: length), length: length, name: name, to: register)
        case .immediate(let bytes, let register):
            load(.constant(bytes), length: bytes.count, name: names.intern("immediate"), to: register)
        case .hash(let register, let length, let modulus, let seed, let offset, let to):
            guard let parts = key(register, length: length) else { return false }
            load(
                .expression(.hash(joined(parts), modulus: modulus, seed: seed, offset: offset)), length: 4,
                name: names.intern("jhash"), to: to)
        case .bitwise(let from, let to, let and, let xor): return change(from, to, .mask(and: and, xor: xor))
        case .shift(let from, let to, let count): return change(from, to, .shift(count))
        case .byteorder(let from, let to): return change(from, to, nil)
        case .compare(let register, let relation, let bytes): return compare(register, relation, bytes)
        case .range(let register, let isInverted, let low, let high):
            return compare(register, isInverted: isInverted, low, high)
        case .lookup(let set, let register, let answer, let isInverted):
            return lookup(set, register, answer, isInverted)
        case .verdict(let verdict): add(verdict)
        case .statement(let statement):
            if case .counter(let counters?) = statement, rule.counters == nil { rule.counters = counters }
            // nft leaves a length of 0 out.
            if case .log(var log) = statement, log.snapLength == 0 {
                log.snapLength = nil
                add(.log(log))
            } else {
                add(statement)
            }
        case .xtables(let extended):
            hasExtensions = true
            let kind = extended.isMatch ? "match" : "target"
            add(.xtables(names.intern("xt \(kind) \"\(names.text(extended.name))\"")))
        case .setMeta(let key, let register): return assign(.meta(key), .meta(key), register)
        case .setConnection(let key, let direction, let register):
            return assign(.connection(key, direction), .connection(key, direction), register)
        case .setExtension(let field, let register):
            return assign(.extensionHeader(field), .extensionHeader(field), register)
        case .setPayload(let base, let offset, let length, let register):
            return write(base, offset, length, register)
        case .changeSet(let operation, let set, let key, let value, let timeout, let states):
            return change(operation, set, key, value, timeout, states)
        case .objectMap(let register, let set):
            guard let known = sets[SetKey(table: table, name: set)], case .object(let kind) = known.value,
                let parts = key(register, length: known.keyLength)
            else { return false }
            noteUse(set, parts)
            add(.objectMap(kind, joined(parts), set))
        case .translate(let translation): return translate(translation)
        case .reject(let type, let code): return reject(type, code)
        case .tproxy(let version, let address, let port): return tproxy(version, address, port)
        case .duplicate(let address, let device): return duplicate(address, device)
        case .forward(let address, let device, let version): return forward(address, device, version)
        case .queue(let register, let bypass, let fanout):
            guard let target = operand(register, .integer, bits: 16) else { return false }
            var made = NativeQueue(target)
            made.bypass = bypass
            made.fanout = fanout
            add(.queue(made))
        case .unknown: return false
        }
        return true
    }

    private mutating func add(_ verdict: NativeVerdict) {
        switch verdict {
        case .accept: rule.statements.append(.target(.accept))
        case .drop: rule.statements.append(.target(.drop))
        case .return: rule.statements.append(.target(.return))
        case .jump(let chain): rule.statements.append(.target(.jump(chain)))
        case .goto(let chain): rule.statements.append(.target(.goto(chain)))
        case .continue: add(NativeStatement.continue)
        case .queue(let number): add(.queue(NativeQueue(.literal(Literal(UInt64(number), .integer, bits: 16)))))
        }
    }

    private mutating func change(_ from: Int, _ to: Int, _ step: RegisterValue.Step?) -> Bool {
        guard var held = rule.registers[from] else { return false }
        if let step {
            held.steps.append(step)
        } else {
            // Constants are turned round by nft itself.
            guard held.steps.isEmpty else { return false }
            held.isSwapped.toggle()
        }
        rule.put(held, at: to)
        return true
    }

    func joined(_ parts: [LiftedValue]) -> Expression {
        parts.count == 1 ? parts[0].expression : .concatenation(parts.map { $0.expression })
    }

    private mutating func lookup(
        _ set: Symbol, _ register: Int, _ answer: KernelExpression.Answer, _ isInverted: Bool
    ) -> Bool {
        guard let known = sets[SetKey(table: table, name: set)], let parts = key(register, length: known.keyLength)
        else { return false }
        noteUse(set, parts)
        let key = joined(parts)
        switch answer {
        case .none: add(Comparison(key, isInverted ? .notEqual : .equal, .set(set)))
        case .verdict: add(.verdictMap(key, set))
        case .register(let to):
            load(
                .answer(.map(key, set), set: set), length: known.dataLength, name: names.intern("map"), to: to)
        }
        return true
    }

    private mutating func assign(_ target: Assignable, _ named: Expression, _ register: Int) -> Bool {
        let wanted = LiftedValue(expression: named, length: (named.bits + 7) / 8)
        if let bytes = constant(register) {
            add(.assign(target, .literal(literal(bytes, for: wanted))))
            return true
        }
        guard let value = value(register) else { return false }
        if case .extensionHeader = named { use(named) }
        add(.assign(target, value.expression))
        return true
    }

    private mutating func write(_ base: PayloadBase, _ offset: Int, _ length: Int, _ register: Int) -> Bool {
        // Some bits of a word that was loaded, changed and is put back.
        if let held = rule.registers[register], case .payload(base, offset, length) = held.source,
            held.steps.count == 1, case .mask(let and, let xor)? = held.steps.first,
            let run = bitRun(and.map { ~$0 }), let header = header(base),
            let field = field(header, offset: offset * 8 + run.lead, bits: run.count),
            zip(and, xor).allSatisfy({ $0 & $1 == 0 })
        {
            rule.loads[held.load].isUsed = true
            use(.field(field))
            let value = literal(xor, field.row.type, bits: field.row.bits, false, run.trail)
            add(.assign(.field(field), .literal(value)))
            return true
        }
        guard let header = header(base), let field = field(header, offset: offset * 8, bits: length * 8) else {
            let raw = Expression.payload(base, offset: offset * 8, bits: length * 8)
            return assign(.payload(base, offset: offset * 8, bits: length * 8), raw, register)
        }
        use(.field(field))
        return assign(.field(field), .field(field), register)
    }

    private mutating func change(
        _ operation: SetChange.Operation, _ set: Symbol, _ register: Int, _ value: Int?, _ timeout: UInt64?,
        _ states: [NativeStatement]
    ) -> Bool {
        guard let known = sets[SetKey(table: table, name: set)], let parts = key(register, length: known.keyLength)
        else { return false }
        noteUse(set, parts)
        var made = SetChange(operation, set: set, key: joined(parts))
        if let value {
            let type = known.dataTypes.first ?? .integer
            guard let data = operand(value, type, bits: type.bits > 0 ? type.bits : known.dataLength * 8) else {
                return false
            }
            made.value = data
        }
        made.timeout = timeout
        made.states = states
        add(.changeSet(made))
        return true
    }
}

extension KernelExpression {
    /// What it is called where nothing better is known.
    var name: String {
        switch self {
        case .load(let expression, _):
            switch expression {
            case .meta(let key): "meta \(key.name)"
            case .connection(let key, _): "ct \(key.name)"
            case .extensionHeader: "exthdr"
            case .route(let key): "rt \(key.name)"
            case .fib: "fib"
            case .socket: "socket"
            case .operatingSystem: "osf"
            case .numberGenerator: "numgen"
            default: "load"
            }
        case .payload, .setPayload: "payload"
        case .hash: "hash"
        case .immediate, .verdict: "immediate"
        case .bitwise, .shift: "bitwise"
        case .byteorder: "byteorder"
        case .compare: "cmp"
        case .range: "range"
        case .lookup: "lookup"
        case .changeSet: "dynset"
        case .setMeta(let key, _): "meta \(key.name) set"
        case .setConnection(let key, _, _): "ct \(key.name) set"
        case .setExtension: "exthdr set"
        case .objectMap: "objref"
        case .translate: "nat"
        case .reject: "reject"
        case .tproxy: "tproxy"
        case .duplicate: "dup"
        case .forward: "fwd"
        case .queue: "queue"
        case .statement: "statement"
        case .xtables: "xt"
        case .unknown: "unknown"
        }
    }
}
