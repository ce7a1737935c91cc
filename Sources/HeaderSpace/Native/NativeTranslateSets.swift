internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// `snat`, `dnat`, `masquerade` and `redirect` of sets of packets: as `Evaluator.translate` does for one.
extension SetEvaluator {
    /// From where to where an address or port may be.
    private struct Ends {
        var low: [Bit?]
        var high: [Bit?]

        init(_ low: [Bit?], _ high: [Bit?]) { (self.low, self.high) = (low, high) }
        init(_ low: [UInt8], _ high: [UInt8]) { self.init(NativeWord.bits(low), NativeWord.bits(high)) }
    }

    /// Packets of which an address or port is one of these by chance, `nil` for nothing.
    private struct EndsCase {
        var packets: PacketSet
        /// `nil`: it is not known what it may be.
        var options: [(ends: Ends?, share: UInt64)]?
    }

    /// One translation that the statement may make; without a target its map has nothing, and the rule breaks.
    private struct Option {
        var nat: NATTarget?
        var address: FieldSource?
        var port: FieldSource?
    }

    func translate(_ translation: NativeTranslation, _ way: Way, _ asked: Asked) -> SetAction {
        var ways = StatementWays()
        let expressions = [translation.address, translation.port].compactMap { $0 }
        if let version = translation.version, version != space.version {
            // What is looked up is looked up all the same.
            let missing = space.union(
                expressions.flatMap { cases(of: $0, asked) }.filter { $0.word == .absent }.map { $0.packets })
            ways.missed.append(Way(packets: space.and(way.packets, missing), flow: way.flow))
            ways.onward.append(Way(packets: space.subtract(way.packets, missing), flow: way.flow))
            return ways.action
        }
        let addresses = translation.address.map { ends(of: $0, asked) }
        let ports = translation.port.map { ends(of: $0, asked) }
        let nothing = [EndsCase(packets: .all, options: [(nil, 1)])]
        for address in addresses ?? nothing {
            for port in ports ?? nothing {
                let packets = space.and(way.packets, space.and(address.packets, port.packets))
                if packets.isEmpty { continue }
                let own = Way(packets: packets, flow: way.flow)
                guard let first = address.options, let second = port.options else {
                    take(Option(nat: plain(translation), address: .unknown), translation, own, asked, &ways)
                    continue
                }
                var options: [Option] = []
                for one in first {
                    for other in second {
                        options.append(
                            option(
                                translation, addresses == nil ? nil : .some(one.ends),
                                ports == nil ? nil : .some(other.ends), way.flow, asked.context))
                    }
                }
                if options.count == 1 {
                    take(options[0], translation, own, asked, &ways)
                    continue
                }
                let texts = options.map { stages.text(of: $0.nat) }
                let name = "nat-address@\(cite(asked.rule))"
                for (index, part) in alternatives(name, texts, own, { "\(cite(asked.rule)) translates to \($0)" }) {
                    take(options[index], translation, part, asked, &ways)
                }
            }
        }
        return ways.action
    }

    private func take(
        _ option: Option, _ translation: NativeTranslation, _ way: Way, _ asked: Asked, _ ways: inout StatementWays
    ) {
        guard let nat = option.nat else { return ways.missed.append(way) }
        let target: Target =
            switch translation.kind {
            case .snat: .snat(nat)
            case .dnat: .dnat(nat)
            case .masquerade: .masquerade(nat)
            case .redirect: .redirect(nat)
            }
        let action = translate(
            target, asked.rule, way, asked.context, address: option.address, port: option.port)
        if case .end(let verdict) = action { ways.ends.append((verdict, way)) } else { add(action, &ways) }
    }

    private func plain(_ translation: NativeTranslation) -> NATTarget {
        var nat = NATTarget()
        nat.isRandom = translation.isRandom
        nat.isFullyRandom = translation.isFullyRandom
        nat.isPersistent = translation.isPersistent
        return nat
    }

    /// - Parameters:
    ///   - address: `nil`: none is written; `.some(nil)`: the map has none.
    private func option(
        _ translation: NativeTranslation, _ address: Ends??, _ port: Ends??, _ flow: Flow, _ context: Context
    ) -> Option {
        var option = Option(nat: plain(translation))
        if let address {
            let width = space.version.addressBits
            guard let address, address.low.count >= width, address.high.count >= width else { return Option() }
            let (low, high) = (Array(address.low.prefix(width)), Array(address.high.prefix(width)))
            if let first = number(low), let last = number(high) {
                let isDestination = context.hook == .prerouting || context.hook == .output
                let field = isDestination ? PacketField.destination : .source
                if translation.isPrefix {
                    // The leading bits that both ends have in common are replaced, the others stay.
                    let own = first ^ last
                    option.address = space.written(flow[field], of: field, keeping: own, xor: first & ~own)
                } else {
                    option.nat?.addresses = AddressRange(space.address(first), space.address(last))
                }
            } else {
                option.address = source(low, .destination)
            }
            if address.low.count >= width + 16 {
                take(Ends(Array(address.low.dropFirst(width)), Array(address.high.dropFirst(width))), &option)
            }
        }
        if let port {
            guard let port else { return Option() }
            take(port, &option)
        }
        return option
    }

    private func take(_ port: Ends, _ option: inout Option) {
        let (low, high) = (NativeWord.fitted(port.low, 16), NativeWord.fitted(port.high, 16))
        if let first = number(low), let last = number(high) {
            option.nat?.ports = PortRange(UInt16(truncatingIfNeeded: first), UInt16(truncatingIfNeeded: last))
        } else {
            option.nat?.ports = PortRange(0)
            option.port = source(low, .destinationPort)
        }
    }

    private func number(_ bits: [Bit?]) -> UInt128? {
        space.constant(bits).map { $0.reduce(0) { $0 << 8 | UInt128($1) } }
    }

    private func ends(of expression: Expression, _ asked: Asked) -> [EndsCase] {
        switch expression {
        case .range(let low, let high):
            return [EndsCase(packets: .all, options: [(Ends(low.bytes, high.bytes), 1)])]
        case .concatenation(let parts) where parts.count == 2:
            // An address and a port, each of which may be a range.
            return ends(of: parts[0], asked).flatMap { first in
                ends(of: parts[1], asked).compactMap { second -> EndsCase? in
                    let packets = space.and(first.packets, second.packets)
                    if packets.isEmpty { return nil }
                    guard let one = first.options, let other = second.options, one.count == 1, other.count == 1 else {
                        return EndsCase(packets: packets, options: nil)
                    }
                    guard let address = one[0].ends, let port = other[0].ends else {
                        return EndsCase(packets: packets, options: [(nil, 1)])
                    }
                    let both = Ends(
                        address.low + NativeWord.fitted(port.low, 16), address.high + NativeWord.fitted(port.high, 16))
                    return EndsCase(packets: packets, options: [(both, 1)])
                }
            }
        case .map(let key, let name):
            return lookUp(key, in: name, asked).map { found in
                let options: [(ends: Ends?, share: UInt64)]?
                switch found.hit {
                case .absent, .miss: options = [(nil, 1)]
                case .hit(let data, _): options = ends(of: data).map { [($0, UInt64(1))] }
                case .several(let several): options = drawn(several)
                case .open(let data): options = drawn(data.map { NativeOption(data: $0, share: 0) })
                case .unknown: options = nil
                }
                return EndsCase(packets: found.packets, options: options)
            }
        default:
            return cases(of: expression, asked).map { one in
                switch one.word {
                case .absent: return EndsCase(packets: one.packets, options: [(nil, 1)])
                case .unknown: return EndsCase(packets: one.packets, options: nil)
                case .bits(let bits):
                    return EndsCase(
                        packets: one.packets, options: bits.contains(nil) ? nil : [(Ends(bits, bits), UInt64(1))])
                case .choices(let choices):
                    return EndsCase(
                        packets: one.packets, options: choices.map { ($0.bytes.map { Ends($0, $0) }, $0.share) })
                }
            }
        }
    }

    private func drawn(_ options: [NativeOption]) -> [(ends: Ends?, share: UInt64)]? {
        var result: [(ends: Ends?, share: UInt64)] = []
        for one in options {
            guard let data = one.data else {
                result.append((nil, one.share))
                continue
            }
            guard let ends = ends(of: data) else { return nil }
            result.append((ends, one.share))
        }
        return result
    }

    private func ends(of data: NativeElements.Data) -> Ends? {
        switch data {
        case .literal(let bytes): Ends(bytes, bytes)
        case .range(let low, let high): Ends(low, high)
        case .none, .verdict, .object: nil
        }
    }
}
