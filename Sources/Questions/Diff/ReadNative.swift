internal import NetTypes
internal import RuleModel
internal import SourceText

extension StatementReader {
    mutating func comparison(_ given: Comparison) -> Comparison {
        var own = given
        own.left = expression(given.left)
        switch given.right {
        case .literal(let literal): own.right = .literal(self.literal(literal))
        case .range(let low, let high):
            let (first, last) = range(low, high)
            own.right = .range(first, last)
        case .set(let symbol): own.right = .set(set(symbol))
        case .expression(let right): own.right = .expression(expression(right))
        }
        return own
    }

    /// What a statement of nft's own means; `nil` where it does nothing to a packet.
    mutating func native(_ statement: NativeStatement) -> NativeStatement? {
        switch statement {
        case .counter, .last: return nil
        case .quota(var quota):
            quota.used = 0
            return .quota(quota)
        case .verdictMap(let key, let map): return .verdictMap(expression(key), set(map))
        case .object(let kind, let object): return .object(kind, name(object))
        case .objectMap(let kind, let key, let map): return .objectMap(kind, expression(key), set(map))
        case .assign(let place, let value): return .assign(place, expression(value))
        case .translate(var own):
            own.address = optional(own.address)
            own.port = optional(own.port)
            return .translate(own)
        case .log(var own):
            own.prefix = name(own.prefix)
            return .log(own)
        case .queue(var own):
            own.target = expression(own.target)
            return .queue(own)
        case .duplicate(let address, let device):
            return .duplicate(address: optional(address), device: optional(device))
        case .forward(let address, let device, let version):
            return .forward(address: optional(address), device: expression(device), version)
        case .tproxy(let version, let address, let port):
            return .tproxy(version, address: optional(address), port: optional(port))
        case .changeSet(var own):
            own.set = set(own.set)
            own.key = expression(own.key)
            own.value = optional(own.value)
            var states: [NativeStatement] = []
            for state in own.states { if let read = native(state) { states.append(read) } }
            own.states = states
            return .changeSet(own)
        case .flow(let table): return .flow(name(table))
        case .xtables(let module): return .xtables(name(module))
        case .unknown(let text): return .unknown(name(text))
        case .continue, .limit, .connectionCount, .reject, .synproxy, .notrack, .resetOption: return statement
        }
    }

    private mutating func optional(_ given: Expression?) -> Expression? {
        guard let given else { return nil }
        return expression(given)
    }

    mutating func expression(_ given: Expression) -> Expression {
        switch given {
        case .literal(let literal): return .literal(self.literal(literal))
        case .unknown(let text, let type): return .unknown(name(text), type)
        case .hash(let key, let modulus, let seed, let offset):
            return .hash(expression(key), modulus: modulus, seed: seed, offset: offset)
        case .concatenation(let parts):
            var own: [Expression] = []
            for part in parts { own.append(expression(part)) }
            return .concatenation(own)
        case .masked(let value, let and, let xor): return .masked(expression(value), and: and, xor: xor)
        case .shifted(let value, let bits): return .shifted(expression(value), by: bits)
        case .map(let key, let map): return .map(expression(key), set(map))
        case .range(let low, let high):
            let (first, last) = range(low, high)
            return .range(first, last)
        case .field, .payload, .extensionHeader, .meta, .connection, .route, .fib, .socket, .operatingSystem,
            .numberGenerator, .symmetricHash:
            return given
        }
    }

    mutating func literal(_ given: Literal) -> Literal {
        Literal(bytes(given.bytes, given.type), given.type, bits: given.bits)
    }

    private mutating func range(_ low: Literal, _ high: Literal) -> (Literal, Literal) {
        guard replacesLocal, low.type == .ipv4Address || low.type == .ipv6Address,
            let first = IPAddress(bytes: low.bytes), let last = IPAddress(bytes: high.bytes)
        else { return (low, high) }
        let own = range(AddressRange(first, last))
        return (
            Literal(own.first.bytes, low.type, bits: low.bits), Literal(own.last.bytes, high.type, bits: high.bits)
        )
    }

    /// A value of `type` with what is local in it replaced.
    mutating func bytes(_ bytes: [UInt8], _ type: DataType) -> [UInt8] {
        guard replacesLocal else { return bytes }
        switch type {
        case .ipv4Address, .ipv6Address:
            guard let given = IPAddress(bytes: bytes) else { return bytes }
            return address(given).bytes
        case .interfaceName, .interfaceIndex:
            let name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            guard let tag = local.tag(ofInterface: name) else { return bytes }
            replace(by: tag)
            return []
        default: return bytes
        }
    }

    /// An element of a set or map whose keys have these types.
    mutating func element(_ index: Int, of set: NativeSet) -> NativeElementMeaning {
        let elements = set.elements
        var low = Array(elements.low(index))
        var high = Array(elements.high(index))
        if replacesLocal, !elements.isRange(index) {
            low = key(low, set)
            high = []
        }
        return NativeElementMeaning(low: low, high: high, data: data(elements.value(index), of: set))
    }

    private mutating func key(_ given: [UInt8], _ set: NativeSet) -> [UInt8] {
        var own: [UInt8] = []
        var start = 0
        for (width, type) in zip(set.elements.widths, set.key) where start + width <= given.count {
            own += bytes(Array(given[start..<start + width]), type)
            start += width
        }
        return own + given[start...]
    }

    mutating func data(_ data: NativeElements.Data, of set: NativeSet) -> NativeElements.Data {
        switch data {
        case .none, .range: return data
        case .verdict(.jump(let chain)): return .verdict(.jump(self.chain(chain)))
        case .verdict(.goto(let chain)): return .verdict(.goto(self.chain(chain)))
        case .verdict: return data
        case .object(let object): return .object(name(object))
        case .literal(let given):
            guard case .data(let type, _) = set.value else { return data }
            return .literal(bytes(given, type))
        }
    }
}
