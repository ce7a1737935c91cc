internal import RuleModel
internal import SourceText

// What a packet is asked for: one word or a few of nft's.
extension Reader {
    /// Whether an expression begins here, and not a constant.
    func isAtExpression() -> Bool {
        if isAt("@") {
            switch word(ahead: 1) {
            case "ll", "nh", "th", "ih": return isAt(",", ahead: 2)
            default: return false
            }
        }
        guard token.kind == .word else { return false }
        switch word {
        case "meta", "ct", "fib", "numgen", "jhash", "symhash", "socket", "osf", "ipsec", "exthdr": return true
        case "mark", "iif", "iifname", "iiftype", "oif", "oifname", "oiftype", "skuid", "skgid", "nftrace",
            "rtclassid", "ibrname", "obrname", "ibridgename", "obridgename", "ibriport", "obriport", "pkttype", "cpu",
            "iifgroup", "oifgroup", "cgroup":
            return true
        case "rt", "rt0", "rt2", "rt4", "srh", "hbh", "frag", "dst", "mh":
            return token(ahead: 1).kind == .word && (isExtensionField || isRouteField)
        case "gretap", "vxlan", "geneve":
            return token(ahead: 1).kind == .word
        default: break
        }
        guard let header = headerKind(word) else { return false }
        switch word(ahead: 1) {
        case "option": return header == .tcp || header == .ip || header == .dccp
        case "chunk": return header == .sctp
        case "": return false
        default: return field(header, ahead: 1) != nil
        }
    }

    private var isExtensionField: Bool {
        switch word(ahead: 1) {
        case "nexthdr", "hdrlength", "type", "seg-left", "reserved", "frag-off", "reserved2", "more-fragments", "id",
            "checksum", "last-entry", "flags", "tag", "sid", "addr":
            true
        default: false
        }
    }

    private var isRouteField: Bool {
        switch word(ahead: 1) {
        case "classid", "nexthop", "mtu", "ipsec": true
        case "ip", "ip6": isAt("nexthop", ahead: 2)
        default: false
        }
    }

    func headerKind(_ name: String) -> HeaderKind? { HeaderKind.allCases.first { $0.name == name } }

    /// The field named by the words from `ahead`, and how many words that takes.
    private func field(_ header: HeaderKind, ahead: Int) -> (field: HeaderField, words: Int)? {
        let name = word(ahead: ahead)
        if header == .arp, name == "saddr" || name == "daddr",
            let found = HeaderField(header, name + " " + word(ahead: ahead + 1))
        {
            return (found, 2)
        }
        switch (header, name) {
        case (.vlan, "cfi"): return HeaderField(header, "dei").map { ($0, 1) }
        case (.arp, "op"): return HeaderField(header, "operation").map { ($0, 1) }
        case (.comp, "cpi"), (.icmpv6, "parameter-problem"): break
        default: break
        }
        return HeaderField(header, name).map { ($0, 1) }
    }

    /// Reads one expression; `isAtExpression` holds.
    mutating func primaryExpression() throws(NftFailure) -> Expression {
        let first = source.position
        if take("@") { return try rawPayload() }
        let name = word
        switch name {
        case "meta":
            advance()
            return try metaExpression(first)
        case "ct":
            advance()
            return try connectionExpression()
        case "fib":
            advance()
            return try fibExpression()
        case "numgen":
            advance()
            let isRandom = isAt("random")
            guard take("random") || take("inc") else { throw unexpected("'inc' or 'random'") }
            try expect("mod")
            let modulus = try number(UInt32.self)
            return .numberGenerator(isRandom: isRandom, modulus: modulus, offset: try offset())
        case "jhash":
            advance()
            let key = try runtimeExpression()
            try expect("mod")
            let modulus = try number(UInt32.self)
            let seed = take("seed") ? try number(UInt32.self) : nil
            return .hash(key, modulus: modulus, seed: seed, offset: try offset())
        case "symhash":
            advance()
            try expect("mod")
            let modulus = try number(UInt32.self)
            return .symmetricHash(modulus: modulus, offset: try offset())
        case "socket":
            advance()
            return .socket(try socketKey())
        case "osf": return try operatingSystem(first)
        case "ipsec": return try security(first)
        case "exthdr":
            advance()
            var field = ExtensionField(.ipv6, kind: try extensionHeaderKind(), offset: 0, bits: 8)
            field.testsPresence = true
            return .extensionHeader(field)
        case "rt" where isRouteField:
            advance()
            return .route(try routeKey())
        case "rt", "hbh", "frag", "dst", "mh": return try extensionHeader()
        case "rt0", "rt2", "rt4", "srh":
            advance()
            let isAddress = isAt("addr") || isAt("sid")
            advance()
            if take("[") {
                _ = try number()
                try expect("]")
            }
            return .unknown(text(from: first), isAddress ? .ipv6Address : .integer)
        case "gretap", "vxlan", "geneve": return try tunnelled(first)
        default: break
        }
        if let header = headerKind(name) {
            advance()
            if header == .gre, word == "ip" || word == "ip6" { return try tunnelled(first) }
            if isAt("option") || isAt("chunk") { return try option(of: header) }
            guard let found = field(header, ahead: 0) else { throw unexpected("a field of \(name)") }
            for _ in 0..<found.words { advance() }
            return .field(found.field)
        }
        // A key of `meta` without that word.
        return try metaExpression(first)
    }

    /// A field of what lies in a tunnel: known by its words only.
    private mutating func tunnelled(_ first: Int) throws(NftFailure) -> Expression {
        if word != "ip", word != "ip6" { advance() }
        guard isAtExpression() else {
            if token.kind == .word {
                advance()
                return .unknown(text(from: first), .integer)
            }
            throw unexpected("a field")
        }
        let inner = try primaryExpression()
        return .unknown(text(from: first), inner.type)
    }

    private mutating func offset() throws(NftFailure) -> UInt32 { take("offset") ? try number(UInt32.self) : 0 }

    /// The text from a token to here, blanks as they are.
    mutating func text(from first: Int) -> Symbol {
        let last = max(first, source.position - 1)
        return names.intern(source.bytes, Int(source.tokens[first].start)..<Int(source.tokens[last].finish))
    }

    private mutating func rawPayload() throws(NftFailure) -> Expression {
        let base: PayloadBase
        switch word {
        case "ll": base = .link
        case "nh": base = .network
        case "th": base = .transport
        default: base = .inner
        }
        advance()
        try expect(",")
        let offset = try number(UInt16.self)
        try expect(",")
        let first = source.position
        let bits = try number(UInt16.self)
        guard bits > 0, bits <= 2048 else {
            throw NftFailure("bad-number", "\(bits) bits can't be loaded", at: place(from: first))
        }
        return .payload(base, offset: Int(offset), bits: Int(bits))
    }

    private mutating func metaExpression(_ first: Int) throws(NftFailure) -> Expression {
        let name = word
        for key in MetaKey.allCases where key.name == name {
            advance()
            return .meta(key)
        }
        let key: MetaKey
        switch name {
        case "ibridgename", "ibriport": key = .bridgeInName
        case "obridgename", "obriport": key = .bridgeOutName
        case "secpath": key = .isSecured
        case "secmark":
            advance()
            return .unknown(text(from: first), .integer)
        default: throw unexpected("a key of meta")
        }
        advance()
        return .meta(key)
    }

    private mutating func connectionExpression() throws(NftFailure) -> Expression {
        var direction: ConnectionDirection?
        if take("original") { direction = .original } else if take("reply") { direction = .reply }
        if isAt("ip") || isAt("ip6") {
            let isV6 = isAt("ip6")
            advance()
            if take("saddr") { return .connection(isV6 ? .sourceV6 : .sourceV4, direction) }
            if take("daddr") { return .connection(isV6 ? .destinationV6 : .destinationV4, direction) }
            throw unexpected("'saddr' or 'daddr'")
        }
        let name = word
        for key in ConnectionKey.allCases where key.name == name {
            advance()
            // In a table of one version the address is of that.
            switch (key, family) {
            case (.source, .ip): return .connection(.sourceV4, direction)
            case (.source, .ip6): return .connection(.sourceV6, direction)
            case (.destination, .ip): return .connection(.destinationV4, direction)
            case (.destination, .ip6): return .connection(.destinationV6, direction)
            default: return .connection(key, direction)
            }
        }
        if name == "secmark" {
            let first = source.position - 1
            advance()
            return .unknown(text(from: first), .integer)
        }
        throw unexpected("a key of ct")
    }

    private mutating func fibExpression() throws(NftFailure) -> Expression {
        var flags: FibQuery.Flags = []
        repeat {
            switch word {
            case "saddr": flags.insert(.source)
            case "daddr": flags.insert(.destination)
            case "mark": flags.insert(.mark)
            case "iif": flags.insert(.inInterface)
            case "oif": flags.insert(.outInterface)
            default: throw unexpected("saddr, daddr, mark, iif or oif")
            }
            advance()
        } while take(".")
        let result: FibQuery.Result
        var presence = false
        switch word {
        case "oif": result = .interfaceIndex
        case "oifname": result = .interfaceName
        case "type": result = .addressType
        case "check":
            result = .interfaceIndex
            presence = true
        default: throw unexpected("oif, oifname or type")
        }
        advance()
        var query = FibQuery(flags: flags, result: result)
        query.testsPresence = presence || (result != .addressType && (isAt("exists") || isAt("missing")))
        return .fib(query)
    }

    private mutating func socketKey() throws(NftFailure) -> SocketKey {
        switch word {
        case "transparent":
            advance()
            return .transparent
        case "mark":
            advance()
            return .mark
        case "wildcard":
            advance()
            return .wildcard
        case "cgroupv2":
            advance()
            try expect("level")
            return .cgroup2(level: try number(UInt8.self))
        default: throw unexpected("a key of socket")
        }
    }

    private mutating func operatingSystem(_ first: Int) throws(NftFailure) -> Expression {
        advance()
        var timeToLive: UInt8 = 0
        if take("ttl") {
            if take("loose") {
                timeToLive = 1
            } else if take("skip") {
                timeToLive = 2
            } else {
                throw unexpected("'loose' or 'skip'")
            }
        }
        if take("name") { return .operatingSystem(ttl: timeToLive) }
        if take("version") { return .unknown(text(from: first), .string) }
        throw unexpected("'name' or 'version'")
    }

    private mutating func security(_ first: Int) throws(NftFailure) -> Expression {
        advance()
        guard take("in") || take("out") else { throw unexpected("'in' or 'out'") }
        if take("spnum") { _ = try number() }
        var type = DataType.integer
        if isAt("ip") || isAt("ip6") {
            type = isAt("ip") ? .ipv4Address : .ipv6Address
            advance()
            guard take("saddr") || take("daddr") else { throw unexpected("'saddr' or 'daddr'") }
        } else {
            guard take("spi") || take("reqid") else { throw unexpected("a key of ipsec") }
        }
        return .unknown(text(from: first), type)
    }

    private mutating func routeKey() throws(NftFailure) -> RouteKey {
        switch word {
        case "classid":
            advance()
            return .classIdentifier
        case "mtu":
            advance()
            return .mtu
        case "ipsec":
            advance()
            return .isSecured
        case "nexthop":
            advance()
            return family == .ip6 ? .nextHopV6 : .nextHopV4
        default:
            let isV6 = isAt("ip6")
            advance()
            try expect("nexthop")
            return isV6 ? .nextHopV6 : .nextHopV4
        }
    }
}
