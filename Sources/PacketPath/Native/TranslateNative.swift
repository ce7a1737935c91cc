internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// One translation that a statement may make; `nil`: its map has nothing, and the rule breaks.
    private struct Option {
        var nat: NATTarget?
        var share: UInt64
    }

    /// Source: net/netfilter/nft_nat.c, nft_masq.c, nft_redir.c, Linux 6.18. Packets of the other version than that of
    /// the address pass the statement by.
    func translate(
        _ translation: NativeTranslation, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        if let version = translation.version, version != state.packet.version {
            // What is looked up is looked up all the same.
            let expressions = [translation.address, translation.port].compactMap { $0 }
            return expressions.contains { value(of: $0, state, rule) == .absent } ? .miss : .continue
        }
        guard let options = options(translation, state, rule) else {
            let isSource = translation.kind == .snat || translation.kind == .masquerade
            state.packet.unknown.insert(isSource ? .source : .destination)
            return translate(translation, plain(translation), rule, &state, &changes)
        }
        if options.count == 1 { return translate(translation, options[0].nat, rule, &state, &changes) }
        let unknowns = choices(
            "nat-address@\(cite(rule))", options.map { (text(of: $0.nat), $0.share) },
            yes: { "\(cite(rule)) translates to \($0)" }, no: { "\(cite(rule)) does not translate to \($0)" })
        return .several(
            split(unknowns, state).map { way in
                var state = way.state
                var own = changes
                let action = translate(translation, options[way.option].nat, rule, &state, &own)
                return NativeWay(state: state, action: action, changes: own)
            })
    }

    private func translate(
        _ translation: NativeTranslation, _ nat: NATTarget?, _ rule: RuleReference, _ state: inout WalkState,
        _ changes: inout [Change]
    ) -> Action {
        guard let nat else { return .miss }
        let target: Target =
            switch translation.kind {
            case .snat: .snat(nat)
            case .dnat: .dnat(nat)
            case .masquerade: .masquerade(nat)
            case .redirect: .redirect(nat)
            }
        return translate(target, nat, rule, &state, &changes)
    }

    private func plain(_ translation: NativeTranslation) -> NATTarget {
        var nat = NATTarget()
        nat.isRandom = translation.isRandom
        nat.isFullyRandom = translation.isFullyRandom
        nat.isPersistent = translation.isPersistent
        return nat
    }

    /// `10.0.0.1:80`, as unknowns name what a rule translates to.
    func text(of nat: NATTarget?) -> String {
        guard let nat else { return "nothing" }
        var text = nat.addresses.map { $0.isSingle ? "\($0.first)" : "\($0.first)-\($0.last)" } ?? ""
        if let ports = nat.ports { text += ":" + span(ports) }
        return text.isEmpty ? "itself" : text
    }

    /// `nil` where it is not known what the address or the port may be.
    private func options(_ translation: NativeTranslation, _ state: WalkState, _ rule: RuleReference) -> [Option]? {
        var result = [Option(nat: plain(translation), share: 1)]
        if let address = translation.address {
            guard let ends = ends(of: address, state, rule) else { return nil }
            result = ends.map { end in
                guard let (low, high) = end.ends else { return Option(nat: nil, share: end.share) }
                var nat = plain(translation)
                let width = state.packet.version.addressBits / 8
                guard let first = IPAddress(bytes: low.prefix(width)), let last = IPAddress(bytes: high.prefix(width)),
                    first.version == state.packet.version
                else { return Option(nat: nil, share: end.share) }
                nat.addresses =
                    translation.isPrefix ? moved(first, last, state) : AddressRange(first, last)
                if low.count >= width + 2 { nat.ports = ports(low.dropFirst(width), high.dropFirst(width)) }
                return Option(nat: nat, share: end.share)
            }
        }
        guard let port = translation.port else { return result }
        guard let ends = ends(of: port, state, rule) else { return nil }
        return result.flatMap { own in
            ends.map { end in
                guard var nat = own.nat, let (low, high) = end.ends else {
                    return Option(nat: nil, share: own.share * end.share)
                }
                nat.ports = ports(low[...], high[...])
                return Option(nat: nat, share: own.share * max(end.share, ends.count == 1 ? 1 : 0))
            }
        }
    }

    private func ports(_ low: ArraySlice<UInt8>, _ high: ArraySlice<UInt8>) -> PortRange {
        func number(_ bytes: ArraySlice<UInt8>) -> UInt16 {
            bytes.suffix(2).reduce(0) { $0 << 8 | UInt16($1) }
        }
        return PortRange(number(low), number(high))
    }

    /// The packet's address with the leading bits that both ends have in common. Source: net/netfilter/nft_nat.c
    /// `nft_nat_setup_netmap`.
    private func moved(_ first: IPAddress, _ last: IPAddress, _ state: WalkState) -> AddressRange {
        let isDestination = Manipulation(state.context.hook) == .destination
        let own = isDestination ? state.packet.destination : state.packet.source
        let hostBits = (high: first.high ^ last.high, low: first.low ^ last.low)
        let address = IPAddress(
            own.version, high: own.high & hostBits.high | first.high & ~hostBits.high,
            low: own.low & hostBits.low | first.low & ~hostBits.low)
        return AddressRange(address, address)
    }

    /// What an address or port may be: from one value to another, or nothing.
    private struct Ends {
        var ends: ([UInt8], [UInt8])?
        var share: UInt64
    }

    private func ends(of expression: Expression, _ state: WalkState, _ rule: RuleReference) -> [Ends]? {
        switch expression {
        case .range(let low, let high): return [Ends(ends: (low.bytes, high.bytes), share: 1)]
        case .concatenation(let parts) where parts.count == 2:
            // An address and a port, each of which may be a range.
            guard let first = ends(of: parts[0], state, rule), let second = ends(of: parts[1], state, rule),
                first.count == 1, second.count == 1
            else { return nil }
            guard let address = first[0].ends, let port = second[0].ends else { return [Ends(ends: nil, share: 1)] }
            let ports = [port.0, port.1].map { RuleWidth.fitted($0, 2) }
            return [Ends(ends: (address.0 + ports[0], address.1 + ports[1]), share: 1)]
        case .map(let key, let name):
            let value = self.key(key, for: name, state, rule)
            if value == .absent { return [Ends(ends: nil, share: 1)] }
            switch lookUp(value, in: name, state, rule) {
            case .miss: return [Ends(ends: nil, share: 1)]
            case .hit(let data, _): return ends(of: data).map { [Ends(ends: $0, share: 1)] }
            case .several(let possibilities):
                var result: [Ends] = []
                for one in possibilities {
                    guard let data = one.data else {
                        result.append(Ends(ends: nil, share: one.share))
                        continue
                    }
                    guard let ends = ends(of: data) else { return nil }
                    result.append(Ends(ends: ends, share: one.share))
                }
                return result
            case .unknown: return nil
            }
        default:
            switch value(of: expression, state, rule) {
            case .absent: return [Ends(ends: nil, share: 1)]
            case .unknown: return nil
            case .bytes(let bytes, let known):
                return known.allSatisfy { $0 == 0xff } ? [Ends(ends: (bytes, bytes), share: 1)] : nil
            case .choices(let choices):
                return choices.map { Ends(ends: $0.bytes.map { ($0, $0) }, share: $0.share) }
            }
        }
    }

    private func ends(of data: NativeElements.Data) -> ([UInt8], [UInt8])? {
        switch data {
        case .literal(let bytes): (bytes, bytes)
        case .range(let low, let high): (low, high)
        case .none, .verdict, .object: nil
        }
    }
}
