internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// What expressions of native rules come to for sets of packets: `Evaluator.value` with classes instead of one packet.
extension SetEvaluator {
    /// The words that `expression` comes to, each with its packets. Together they hold all of `asked.packets`, and none
    /// has one of another's.
    func cases(of expression: Expression, _ asked: Asked) -> [NativeCase] {
        switch expression {
        case .literal(let literal): return [NativeCase(packets: .all, word: NativeWord(literal.bytes))]
        case .field(let field): return cases(of: field, asked)
        case .payload(let base, let offset, let bits): return cases(of: base, offset, bits, within: .all, asked)
        case .extensionHeader: return byProtocol(expression, within: .all, asked)
        case .meta(let key): return cases(of: key, asked)
        case .connection(let key, let direction): return cases(of: key, direction, asked)
        case .route(let key): return cases(of: key, asked)
        case .fib(let query): return cases(of: query, asked)
        case .socket: return bySocket(expression, asked)
        case .operatingSystem:
            let hasFingerprint = space.and(isOf(.tcp, asked.flow), flags(asked.flow, mask: .syn, value: .syn))
            return split(hasFingerprint, .hidden(128), .absent)
        case .unknown, .range: return [NativeCase(packets: .all, word: .unknown)]
        case .numberGenerator(_, let modulus, let offset), .symmetricHash(let modulus, let offset):
            return [NativeCase(packets: .all, word: generated(modulus, offset))]
        case .hash(let key, let modulus, _, let offset):
            return cases(of: key, asked).map { one in
                switch one.word {
                case .absent: return one
                case .unknown: return NativeCase(packets: one.packets, word: .unknown)
                case .choices: return NativeCase(packets: one.packets, word: generated(modulus, offset))
                case .bits(let bits):
                    // Of one key the hash is known; over many it is as good as drawn.
                    if space.constant(bits) != nil, let known = valueOfOne(expression, one.packets, asked) {
                        return NativeCase(packets: one.packets, word: known)
                    }
                    return NativeCase(packets: one.packets, word: generated(modulus, offset))
                }
            }
        case .concatenation(let parts): return concatenated(parts.map { ($0, nil) }, asked)
        case .masked(let inner, let mask, let xor):
            return grouped(
                cases(of: inner, asked).map {
                    NativeCase(packets: $0.packets, word: $0.word.masked(mask.bytes, xor.bytes))
                })
        case .shifted(let inner, let count):
            return grouped(
                cases(of: inner, asked).map { NativeCase(packets: $0.packets, word: $0.word.shifted(count)) })
        case .map(let key, let name): return mapped(key, name, asked)
        }
    }

    /// The parts one after another, each as wide as said.
    func concatenated(_ parts: [(expression: Expression, width: Int?)], _ asked: Asked) -> [NativeCase] {
        var result = [NativeCase(packets: .all, word: .bits([]))]
        for part in parts {
            let own = cases(of: part.expression, asked).map { one in
                NativeCase(packets: one.packets, word: part.width.map { one.word.fitted(to: $0) } ?? one.word)
            }
            if own.count == 1, own[0].packets == .all {
                result = result.map {
                    NativeCase(packets: $0.packets, word: .concatenated($0.word, own[0].word))
                }
                continue
            }
            var next: [NativeCase] = []
            for before in result {
                for one in own {
                    let packets = space.and(before.packets, one.packets)
                    if packets.isEmpty || space.and(packets, asked.packets).isEmpty { continue }
                    next.append(NativeCase(packets: packets, word: .concatenated(before.word, one.word)))
                }
            }
            result = grouped(next)
        }
        return result
    }

    /// Cases of one word as one.
    func grouped(_ cases: [NativeCase]) -> [NativeCase] {
        if cases.count < 2 { return cases }
        var places: [NativeWord: Int] = [:]
        var result: [(word: NativeWord, sets: [PacketSet])] = []
        for one in cases {
            if let place = places[one.word] {
                result[place].sets.append(one.packets)
            } else {
                places[one.word] = result.count
                result.append((one.word, [one.packets]))
            }
        }
        return result.map { NativeCase(packets: space.union($0.sets), word: $0.word) }
    }

    func split(_ packets: PacketSet, _ inside: NativeWord, _ outside: NativeWord) -> [NativeCase] {
        [
            NativeCase(packets: packets, word: inside),
            NativeCase(packets: space.complement(packets), word: outside),
        ].filter { !$0.packets.isEmpty }
    }

    private func generated(_ modulus: UInt32, _ offset: UInt32) -> NativeWord {
        guard modulus > 0, modulus <= 4096 else { return .hidden(32) }
        func bytes(_ number: UInt32) -> [UInt8] { Literal(UInt64(number &+ offset), .integer, bits: 32).bytes }
        if modulus == 1 { return NativeWord(bytes(0)) }
        return .choices((0..<modulus).map { NativeChoice(bytes: bytes($0), share: 1) })
    }

    // MARK: Asking one packet

    /// What `expression` comes to for one packet of those in `packets`; `nil` where there is none.
    func valueOfOne(_ expression: Expression, _ packets: PacketSet, _ asked: Asked) -> NativeWord? {
        let way = Way(packets: space.and(asked.packets, packets), flow: asked.flow)
        return situation(way, asked.context.hook).map { NativeWord(stages.value(of: expression, asked.rule, $0)) }
    }

    /// What one packet of each region tells of all in it. Regions are what lies in each of `cuts` or outside.
    func byAsking(_ expression: Expression, cuts: [PacketSet] = [], _ asked: Asked) -> [NativeCase] {
        grouped(
            regions(cuts, asked).compactMap { region in
                valueOfOne(expression, region, asked).map { NativeCase(packets: region, word: $0) }
            })
    }

    /// Parts of all packets by `cuts`, without those that none of `asked` is in.
    func regions(_ cuts: [PacketSet], _ asked: Asked) -> [PacketSet] {
        var result = [PacketSet.all]
        for cut in cuts where cut != .all && !cut.isEmpty {
            result = result.flatMap { [space.and($0, cut), space.subtract($0, cut)] }
                .filter { !space.and($0, asked.packets).isEmpty }
        }
        return result
    }

    /// One packet of each interface that packets come by is asked.
    func byInInterface(_ expression: Expression, cuts: [PacketSet] = [], _ asked: Asked) -> [NativeCase] {
        guard asked.context.hasInInterface, !asked.flow.arrivesByLo else {
            return byAsking(expression, cuts: cuts, asked)
        }
        return grouped(
            interfaces.indices.flatMap { number -> [NativeCase] in
                let own = space.packets(.inInterface, UInt128(number))
                var part = asked
                part.packets = space.and(asked.packets, own)
                if part.packets.isEmpty { return [] }
                return byAsking(expression, cuts: cuts, part).map {
                    NativeCase(packets: space.and($0.packets, own), word: $0.word)
                }
            })
    }

    // MARK: Sockets

    /// Where none of the host's sockets can have the packet there is nothing to load.
    private func bySocket(_ expression: Expression, _ asked: Asked) -> [NativeCase] {
        grouped(
            socketClasses(asked).compactMap { part in
                valueOfOne(expression, part, asked).map { NativeCase(packets: part, word: $0) }
            })
    }
}
