internal import NetTypes
internal import RuleModel
internal import SourceText

/// Makes the matches and the target of iptables out of a rule's expressions: those that iptables-nft writes for
/// `-s -d -i -o -p -f`, for ports, flags, marks, limits, verdicts, TRACE and NFLOG, and data of x_tables for the others.
///
/// What is none of these becomes an unknown match or target. Source: iptables 1.8.9, iptables/nft-shared.c, nft.c,
/// nft-ipv4.c, nft-ipv6.c.
struct IptablesRuleReader {
    let version: IPVersion
    let sets: SetNames
    var names = NameTable()

    var result = IptablesRule()
    /// `-s -d -i -o -p -f`
    var generic = [Match?](repeating: nil, count: 6)
    var matches: [Match] = []
    var target: Target?
    var registers: [Int: Held] = [:]
    /// Where in `matches` the ports and flags that are compared one by one are put together.
    var transport: Int?

    struct Held {
        enum Source {
            case meta(MetaKey)
            case connectionState
            case payload(PayloadBase, offset: Int, length: Int)
            case constant([UInt8])
        }

        var source: Source
        var mask: [UInt8]?
        /// Beside the mask: bits that are turned round.
        var xor: [UInt8]?
    }

    init(version: IPVersion, sets: SetNames) {
        self.version = version
        self.sets = sets
    }

    mutating func read(_ expressions: [KernelExpression], comment: Symbol) -> IptablesRule {
        var index = 0
        while index < expressions.count {
            if index + 1 < expressions.count, let range = portRange(expressions[index], expressions[index + 1]) {
                if !readPorts(range.register, range.ports, isNegated: false) { addUnknown(expressions[index]) }
                index += 2
                continue
            }
            if !read(expressions[index]) { addUnknown(expressions[index]) }
            index += 1
        }
        if comment != .empty { matches.append(.comment(comment)) }
        result.statements = (generic.compactMap { $0 } + matches).map { .match($0) }
        if let target { result.statements.append(.target(target)) }
        return result
    }

    /// `>= first`, `<= last` of one register, two bytes each.
    private func portRange(
        _ one: KernelExpression, _ other: KernelExpression
    ) -> (register: Int, ports: PortRange)? {
        guard case .compare(let register, .greaterOrEqual, let low) = one,
            case .compare(register, .lessOrEqual, let high) = other, low.count == 2, high.count == 2
        else { return nil }
        return (register, PortRange(half(low), half(high)))
    }

    /// Reads one expression; false where iptables has no like of it.
    private mutating func read(_ expression: KernelExpression) -> Bool {
        // iptables asks first and acts then.
        if target != nil, expression.asks { return false }
        switch expression {
        case .load(.meta(let key), let register): registers[register] = Held(source: .meta(key))
        case .load(.connection(.state, nil), let register): registers[register] = Held(source: .connectionState)
        case .payload(let base, let offset, let length, let register):
            registers[register] = Held(source: .payload(base, offset: offset, length: length))
        case .immediate(let bytes, let register): registers[register] = Held(source: .constant(bytes))
        case .bitwise(let from, let to, let and, let xor):
            guard var held = registers[from], held.mask == nil, and.count == xor.count else {
                registers[to] = nil
                return false
            }
            held.mask = and
            if xor.contains(where: { $0 != 0 }) { held.xor = xor }
            registers[to] = held
        case .compare(let register, let relation, let bytes):
            guard let held = registers[register] else { return false }
            return compare(held, register, relation, bytes)
        case .range(let register, let isInverted, let low, let high):
            guard low.count == 2, high.count == 2 else { return false }
            return readPorts(register, PortRange(half(low), half(high)), isNegated: isInverted)
        case .setMeta(.traces, let register):
            return constant(register)?.first == 1 && put(.trace)
        case .setMeta(.mark, let register): return foreign { $0.setMark(register) }
        case .translate(let translation): return foreign { $0.translate(translation) }
        case .reject(let type, let code): return foreign { $0.reject(type, code) }
        case .verdict(let verdict): return read(verdict)
        case .statement(let statement): return read(statement)
        case .xtables(let extended): return read(extended)
        case .load, .hash, .shift, .byteorder, .lookup, .changeSet, .setMeta, .setConnection, .setPayload,
            .setExtension, .objectMap, .tproxy, .duplicate, .forward, .queue, .unknown:
            // What lay in the registers may be overwritten.
            registers.removeAll()
            return false
        }
        return true
    }

    mutating func put(_ target: Target) -> Bool {
        guard self.target == nil else { return false }
        self.target = target
        return true
    }

    private mutating func read(_ verdict: NativeVerdict) -> Bool {
        switch verdict {
        case .accept: put(.accept)
        case .drop: put(.drop)
        case .return: put(.return)
        case .jump(let chain): put(.jump(chain))
        case .goto(let chain): put(.goto(chain))
        case .queue(let number): number == 0 && put(.queue)
        case .continue: true
        }
    }

    private mutating func read(_ statement: NativeStatement) -> Bool {
        switch statement {
        case .counter(let counters):
            if result.counters == nil { result.counters = counters }
            return true
        case .limit(let limit):
            guard !limit.countsBytes, !limit.isOver, limit.rate > 0, limit.per > 0 else { return false }
            var match = LimitMatch()
            match.rate = LimitRate(cost: UInt32(truncatingIfNeeded: 10_000 * UInt64(limit.per) / limit.rate))
            match.burst = limit.burst
            guard match.rate.cost > 0 else { return false }
            matches.append(.limit(match))
            return true
        case .log(let log):
            guard let group = log.group else { return foreign { $0.putLog(log) } }
            guard log.flags.isEmpty, log.level == nil else { return false }
            var target = NFLogTarget()
            target.group = group
            target.prefix = log.prefix
            target.size = log.snapLength
            target.threshold = log.queueThreshold ?? 0
            return put(.nfLog(target))
        case .notrack: return foreign { $0.put(.notrack) }
        case .queue(let queue): return foreign { $0.put(queue) }
        case .continue, .verdictMap, .quota, .connectionCount, .last, .object, .objectMap, .assign, .translate, .reject,
            .duplicate, .forward, .tproxy, .synproxy, .changeSet, .flow, .resetOption, .xtables, .unknown:
            return false
        }
    }

    private mutating func read(_ extended: KernelExpression.Extension) -> Bool {
        result.hasExtensions = true
        let data = XtablesData(extended.data, revision: extended.revision, version: version)
        let name = names.text(extended.name)
        if extended.isMatch {
            guard let match = data.match(name, sets, &names) else { return false }
            matches.append(match)
            return true
        }
        guard let target = data.target(name, sets, &names) else { return false }
        return put(target)
    }

    // MARK: Comparisons

    private mutating func compare(
        _ held: Held, _ register: Int, _ relation: Comparison.Relation, _ bytes: [UInt8]
    ) -> Bool {
        let isNegated = relation == .notEqual
        let isEquality = isNegated || relation == .equal
        if let mask = held.mask, mask.count != bytes.count { return false }
        guard held.xor == nil else { return false }
        switch held.source {
        case .constant: return false
        case .connectionState:
            guard isEquality, let mask = held.mask, bytes.allSatisfy({ $0 == 0 }) else { return false }
            return foreign { $0.compareState(mask, isNegated: !isNegated) }
        case .meta(let key):
            guard isEquality else { return false }
            return compare(key, mask: held.mask, bytes, isNegated)
        case .payload(.transport, _, 2) where held.mask == nil && bytes.count == 2:
            guard let ports = ports(relation, half(bytes)) else { return false }
            return readPorts(register, ports, isNegated: isNegated)
        case .payload(.transport, let offset, let length):
            guard isEquality, length == bytes.count else { return false }
            return compareTransport(offset, mask: held.mask, bytes, isNegated)
        case .payload(.network, let offset, let length):
            if offset == (version == .v4 ? 8 : 7), length == 1, bytes.count == 1, held.mask == nil {
                return readTimeToLive(relation, bytes[0])
            }
            guard isEquality, length == bytes.count else { return false }
            return compareNetwork(offset, mask: held.mask, bytes, isNegated)
        case .payload: return false
        }
    }

    private mutating func set(_ rank: Int, _ match: Match) -> Bool {
        guard generic[rank] == nil else { return false }
        generic[rank] = match
        return true
    }

    private mutating func compare(_ key: MetaKey, mask: [UInt8]?, _ bytes: [UInt8], _ isNegated: Bool) -> Bool {
        switch key {
        case .inName where mask == nil:
            return interface(bytes, isNegated).map { set(2, .inInterface($0)) } ?? false
        case .outName where mask == nil:
            return interface(bytes, isNegated).map { set(3, .outInterface($0)) } ?? false
        case .layer4Protocol where mask == nil && bytes.count == 1:
            return set(4, .protocol(negatable(ProtocolTest(IPProtocol(bytes[0])), isNegated)))
        case .mark:
            guard bytes.count == 4 else { return false }
            let value = UInt32(truncatingIfNeeded: Attributes.native(bytes[...]))
            let bits = mask.map { UInt32(truncatingIfNeeded: Attributes.native($0[...])) } ?? .max
            matches.append(.mark(negatable(MaskedWord(value, mask: bits), isNegated)))
            return true
        default: return false
        }
    }

    /// A whole name with its final zero, or the beginning of one. `! -i +`, which holds for no packet, is a name that
    /// no interface has.
    private mutating func interface(_ bytes: [UInt8], _ isNegated: Bool) -> Negatable<InterfacePattern>? {
        if bytes == Array("INVAL/D".utf8) + [0], !isNegated {
            return .not(InterfacePattern(name: .empty, isPrefix: true))
        }
        let name = Array(bytes.prefix { $0 != 0 })
        guard !name.isEmpty, bytes[name.count...].allSatisfy({ $0 == 0 }) else { return nil }
        // nft compares all sixteen bytes.
        if bytes.count - name.count > 1 { result.isForeign = true }
        return negatable(
            InterfacePattern(name: names.intern(name.span), isPrefix: name.count == bytes.count), isNegated)
    }

    private mutating func compareNetwork(_ offset: Int, mask: [UInt8]?, _ bytes: [UInt8], _ isNegated: Bool) -> Bool {
        let (source, destination, size) = version == .v4 ? (12, 16, 4) : (8, 24, 16)
        if offset == source || offset == destination, bytes.count <= size {
            let address = address(bytes, size)
            let bits = self.address(mask ?? [UInt8](repeating: 0xff, count: bytes.count), size)
            guard address.high & ~bits.high == 0, address.low & ~bits.low == 0 else { return false }
            let isSource = offset == source
            if version == .v4 {
                let small = V4Mask(address: address.v4Bits, mask: bits.v4Bits, isNegated: isNegated)
                return isSource ? set(0, .sourceV4(small)) : set(1, .destinationV4(small))
            }
            let large = negatable(AddressMask(address, mask: bits), isNegated)
            return isSource ? set(0, .source(large)) : set(1, .destination(large))
        }
        if offset == (version == .v4 ? 9 : 6), bytes.count == 1, mask == nil {
            return set(4, .protocol(negatable(ProtocolTest(IPProtocol(bytes[0])), isNegated)))
        }
        // The fragment's offset is not 0, or is.
        if version == .v4, offset == 6, mask == [0x1f, 0xff], bytes == [0, 0] {
            return set(5, .laterFragment(isNegated: !isNegated))
        }
        return false
    }

    /// The address that so many of its bytes begin.
    func address(_ bytes: [UInt8], _ size: Int) -> IPAddress {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<size {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(index < bytes.count ? bytes[index] : 0)
        }
        return IPAddress(version, high: high, low: low)
    }

    private mutating func readTimeToLive(_ relation: Comparison.Relation, _ value: UInt8) -> Bool {
        var match = TimeToLiveMatch()
        match.version = version
        match.value = value
        switch relation {
        case .equal: match.comparison = .equal
        case .notEqual: match.comparison = .notEqual
        case .less: match.comparison = .less
        case .greater: match.comparison = .greater
        case .lessOrEqual, .greaterOrEqual, .anyBit, .noBit: return false
        }
        matches.append(.timeToLive(match))
        return true
    }
}
