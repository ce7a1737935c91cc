internal import NetTypes
internal import RuleModel
internal import SourceText

/// What an option word of the frame is: those that every rule may have.
enum Option {
    case source, destination, inInterface, outInterface, `protocol`, fragment
    case match, jump, goto, counters, version4, version6
    /// An option of a match or target, or none at all.
    case other

    /// Source: iptables 1.8.9, iptables/xshared.h and the `original_opts` of iptables/iptables.c.
    init(_ word: Span<UInt8>) {
        self = .other
        if word.count == 2, word[0] == UInt8(ascii: "-") {
            switch word[1] {
            case UInt8(ascii: "s"): self = .source
            case UInt8(ascii: "d"): self = .destination
            case UInt8(ascii: "i"): self = .inInterface
            case UInt8(ascii: "o"): self = .outInterface
            case UInt8(ascii: "p"): self = .protocol
            case UInt8(ascii: "f"): self = .fragment
            case UInt8(ascii: "m"): self = .match
            case UInt8(ascii: "j"): self = .jump
            case UInt8(ascii: "g"): self = .goto
            case UInt8(ascii: "c"): self = .counters
            case UInt8(ascii: "4"): self = .version4
            case UInt8(ascii: "6"): self = .version6
            default: break
            }
            return
        }
        guard word.count >= 5, word[1] == UInt8(ascii: "-") else { return }
        for (name, option) in Option.long where word.equals(name) {
            self = option
            return
        }
    }

    private static let long: [(StaticString, Option)] = [
        ("--source", .source), ("--src", .source), ("--destination", .destination), ("--dst", .destination),
        ("--in-interface", .inInterface), ("--out-interface", .outInterface), ("--protocol", .protocol),
        ("--proto", .protocol), ("--fragment", .fragment), ("--fragments", .fragment), ("--match", .match),
        ("--jump", .jump), ("--goto", .goto), ("--set-counters", .counters), ("--ipv4", .version4),
        ("--ipv6", .version6),
    ]
}

extension RuleReader {
    /// Reads the value of `-s -d -i -o -p -f`; the option is taken, its part began at word `start`.
    mutating func readGeneric(_ option: Option, _ start: Int) throws(RuleFailure) {
        let isNegated = negation()
        switch option {
        case .source:
            try refuseSecond(rank: 0)
            append(.match(try readAddresses(isSource: true, isNegated)), .generic, rank: 0, from: start)
        case .destination:
            try refuseSecond(rank: 1)
            append(.match(try readAddresses(isSource: false, isNegated)), .generic, rank: 1, from: start)
        case .inInterface:
            try refuseSecond(rank: 2)
            append(
                .match(.inInterface(Negatable(try interface(), isNegated: isNegated))), .generic, rank: 2, from: start)
        case .outInterface:
            try refuseSecond(rank: 3)
            append(
                .match(.outInterface(Negatable(try interface(), isNegated: isNegated))), .generic, rank: 3, from: start)
        case .protocol:
            try refuseSecond(rank: 4)
            let test = try protocolTest()
            if !isNegated { protocolMatch = MatchModule(implicitFor: test.number) }
            append(.match(.protocol(Negatable(test, isNegated: isNegated))), .generic, rank: 4, from: start)
        case .fragment where !isV6:
            try refuseSecond(rank: 5)
            append(.match(.laterFragment(isNegated: isNegated)), .generic, rank: 5, from: start)
        default:
            throw optionFailure(.unknownOption)
        }
    }

    private func refuseSecond(rank: UInt8) throws(RuleFailure) {
        if hasSeen(rank: rank) { throw optionFailure(.repeatedOption) }
    }

    /// Takes `-s` or `-d`'s value: one address with a mask, or several between commas, each a rule of its own.
    private mutating func readAddresses(isSource: Bool, _ isNegated: Bool) throws(RuleFailure) -> Match {
        let range = try value()
        if let match = addressMatch(range, isSource, isNegated) { return match }
        guard !isNegated, range.count < 10_000, let choices = list(range), choices.count > 1 else {
            throw bad(.address, isV6 ? "an IPv6 address" : "an IPv4 address")
        }
        var statements: [Statement] = []
        for choice in choices {
            guard let match = addressMatch(choice, isSource, false) else {
                throw bad(.address, isV6 ? "a list of IPv6 addresses" : "a list of IPv4 addresses")
            }
            statements.append(.match(match))
        }
        guard case .match(let first)? = statements.first else { throw bad(.address, "an address") }
        if isSource { sourceChoices = statements } else { destinationChoices = statements }
        return first
    }

    private func addressMatch(_ range: Range<Int>, _ isSource: Bool, _ isNegated: Bool) -> Match? {
        guard let address = readAddressMask(range) else { return nil }
        if !isV6 {
            let small = V4Mask(address: address.address.v4Bits, mask: address.mask.v4Bits, isNegated: isNegated)
            return isSource ? .sourceV4(small) : .destinationV4(small)
        }
        let large = Negatable(address, isNegated: isNegated)
        return isSource ? .source(large) : .destination(large)
    }
}

extension MatchModule {
    /// The match whose options may follow `-p` without `-m`.
    /// Source: iptables 1.8.9, iptables/xshared.c `find_proto`.
    init?(implicitFor number: IPProtocol) {
        switch number {
        case .tcp: self = .tcp
        case .udp: self = .udp
        case .icmp: self = .icmp
        case .icmpv6: self = .icmp6
        case .sctp: self = .sctp
        case .dccp: self = .dccp
        case .udplite: self = .udplite
        case .esp: self = .esp
        case .ah: self = .ah
        case .ipcomp: self = .ipcomp
        case .mobility: self = .mh
        default: return nil
        }
    }
}

extension RuleWriter {
    /// iptables-save leaves out a test that every packet passes.
    mutating func writeAddress(_ name: StaticString, _ address: Negatable<AddressMask>) {
        if !address.isNegated, address.value.mask.isZero { return }
        option(name, isNegated: address.isNegated)
        put(" ")
        put(address.value)
    }

    mutating func writeAddress(_ name: StaticString, _ address: V4Mask) {
        let mask = AddressMask(IPAddress(v4: address.address), mask: IPAddress(v4: address.mask))
        writeAddress(name, Negatable(mask, isNegated: address.isNegated))
    }

    mutating func writeInterface(_ name: StaticString, _ interface: Negatable<InterfacePattern>) {
        let isAny = interface.value.isPrefix && interface.value.name == .empty
        if isAny, !interface.isNegated { return }
        option(name, isNegated: interface.isNegated)
        put(" ")
        put(interface.value)
    }

    mutating func writeProtocol(_ test: Negatable<ProtocolTest>) {
        if test.value.number.rawValue == 0, !test.isNegated { return }
        option("-p", isNegated: test.isNegated)
        put(" ")
        put(test.value)
    }
}
