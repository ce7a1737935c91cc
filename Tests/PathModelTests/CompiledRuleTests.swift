import NetTypes
import PathModel
import RuleModel
import SourceText
import Testing

/// The prefilter: never wrong about a rule that would match.
@Suite struct CompiledRuleTests {
    func packet(_ source: String, _ destination: String, dport: UInt16 = 80, mark: UInt32 = 0) throws -> Packet {
        var packet = Packet(
            source: try #require(IPAddress(source)), destination: try #require(IPAddress(destination)), protocol: .tcp)
        packet.destinationPort = dport
        packet.mark = mark
        return packet
    }

    func rule(_ matches: Match...) -> CompiledRule {
        CompiledRule(Rule(statements: matches.map { .match($0) }, place: .none))
    }

    /// 32 bytes: two rules to a cache line.
    @Test func aRuleTakes32Bytes() {
        #expect(MemoryLayout<CompiledRule>.stride == 32)
    }

    @Test func addressesPortsProtocolAndMarkAreTested() throws {
        var tcp = TCPMatch()
        tcp.destinationPorts = PortRange(80, 90)
        let own = rule(
            .sourceV4(V4Mask(address: 0x0a00_0000, mask: 0xff00_0000)), .protocol(.is(ProtocolTest(.tcp))), .tcp(tcp),
            .mark(.is(MaskedWord(0x4000, mask: 0x4000))))
        #expect(own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 0x4001))))
        #expect(!own.mayMatch(PacketKey(try packet("11.1.2.3", "192.0.2.1", dport: 85, mark: 0x4001))))
        #expect(!own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 91, mark: 0x4001))))
        #expect(!own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 0x8000))))
        var udp = try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 0x4001)
        udp.protocol = .udp
        #expect(!own.mayMatch(PacketKey(udp)))
    }

    @Test func negatedConditionsAreLeftToTheEvaluator() throws {
        var tcp = TCPMatch()
        tcp.destinationPorts = PortRange(80)
        tcp.inversion = .destinationPorts
        let own = rule(.sourceV4(V4Mask(address: 0x0a00_0001, mask: .max, isNegated: true)), .tcp(tcp))
        #expect(own == CompiledRule())
        #expect(own.mayMatch(PacketKey(try packet("10.0.0.2", "192.0.2.1", dport: 81))))
    }

    /// A limit before a failing match consumes a token: nothing behind it may be skipped on.
    @Test func nothingBehindAMatchWithAnEffectIsTaken() {
        let own = rule(.limit(LimitMatch()), .destinationV4(V4Mask(address: 1, mask: .max)))
        #expect(own == CompiledRule())
    }

    /// A value with bits outside its mask never matches, which the evaluator says, not the prefilter.
    @Test func aMarkThatCanNotMatchIsLeftToTheEvaluator() {
        #expect(rule(.mark(.is(MaskedWord(0x3, mask: 0x1)))) == CompiledRule())
    }

    @Test func onlyTheLast32BitsOfIPv6AddressesAreTested() throws {
        let net = try #require(IPPrefix("2001:db8::/32"))
        let host = try #require(IPPrefix("2001:db8::7"))
        #expect(rule(.destination(.is(AddressMask(net)))) == CompiledRule())
        let own = rule(.destination(.is(AddressMask(host))))
        #expect(own.destination == 7)
        #expect(own.destinationMask == .max)
    }

    private func native(_ left: Expression, _ relation: Comparison.Relation, _ right: Comparison.Operand) -> Match {
        .native(Comparison(left, relation, right))
    }

    /// Native comparisons with one value, a prefix or a range of ports; nothing else is taken.
    @Test func nativeComparisonsAreTested() throws {
        func field(_ header: HeaderKind, _ name: String) throws -> Expression {
            .field(try #require(HeaderField(header, name)))
        }
        func port(_ number: UInt64) -> Literal { Literal(number, .internetService, bits: 16) }
        let (source, destinationPort) = (try field(.ip, "saddr"), try field(.tcp, "dport"))
        let first = Literal([10, 0, 0, 0], .ipv4Address, bits: 32)
        let last = Literal([10, 255, 255, 255], .ipv4Address, bits: 32)
        let own = rule(
            native(source, .equal, .range(first, last)), native(destinationPort, .equal, .range(port(80), port(90))),
            native(.meta(.mark), .equal, .literal(Literal(5, .mark, bits: 32))))
        #expect(own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 5))))
        #expect(!own.mayMatch(PacketKey(try packet("11.1.2.3", "192.0.2.1", dport: 85, mark: 5))))
        #expect(!own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 91, mark: 5))))
        #expect(!own.mayMatch(PacketKey(try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 4))))
        var udp = try packet("10.1.2.3", "192.0.2.1", dport: 85, mark: 5)
        udp.protocol = .udp
        #expect(!own.mayMatch(PacketKey(udp)))
        let others = rule(
            native(source, .notEqual, .literal(first)), native(destinationPort, .greater, .literal(port(1000))),
            native(.meta(.mark), .anyBit, .literal(Literal(5, .mark, bits: 32))))
        #expect(others == CompiledRule())
    }

    /// What stands behind a statement does not keep it from being done.
    @Test func nothingBehindAStatementIsTaken() throws {
        let field = try #require(HeaderField(.tcp, "dport"))
        let port = Comparison(
            .field(field), .equal, .literal(Literal(81, .internetService, bits: 16)))
        let mark = NativeStatement.assign(.meta(.mark), .literal(Literal(1, .mark, bits: 32)))
        let own = CompiledRule(
            Rule(statements: [.target(.native(mark)), .match(.native(port))], place: .none))
        #expect(own == CompiledRule())
    }
}
