import HeaderSpace
import NetTypes
import SourceText
import Testing

/// Sets of packets as lists of cubes.
@Suite struct CubesTests {
    private func space() -> (space: PacketSpace, names: [Symbol?]) {
        var names = NameTable()
        let interfaces: [Symbol?] = [nil, names.intern("eth0"), names.intern("eth1"), names.intern("eth2")]
        let space = PacketSpace(.v4, interfaces: interfaces, free: [.state, .tcpFlags, .mark])
        return (space, interfaces)
    }

    /// A set made of random prefixes, ranges, flags and marks, each rule over those before.
    private func randomSet(_ space: PacketSpace, _ numbers: inout SeededNumbers) -> PacketSet {
        func pick(_ count: UInt64, _ numbers: inout SeededNumbers) -> UInt64 { numbers.next() % count }
        var set = PacketSet.none
        for _ in 0..<(1 + pick(12, &numbers)) {
            var rule = PacketSet.all
            func cut(_ part: PacketSet) { rule = space.and(rule, part) }
            if pick(2, &numbers) == 0 { cut(space.packets(.inInterface, UInt128(pick(4, &numbers)))) }
            if pick(2, &numbers) == 0 { cut(space.packets(.protocol, [1, 6, 17, 47][Int(pick(4, &numbers))])) }
            for field in [PacketField.source, .destination] where pick(2, &numbers) == 0 {
                let length = 8 + pick(25, &numbers)
                let mask: UInt128 = 0xffff_ffff << UInt128(32 - length) & 0xffff_ffff
                cut(space.packets(field, UInt128(0x0a00_0000 | pick(1 << 12, &numbers) << 12), mask: mask))
            }
            if pick(2, &numbers) == 0 {
                let first = UInt128(pick(1000, &numbers))
                cut(space.packets(.destinationPort, from: first, through: first + UInt128(pick(500, &numbers))))
            }
            if pick(4, &numbers) == 0 { cut(space.packets(.state, UInt128(pick(5, &numbers)))) }
            if pick(4, &numbers) == 0 {
                let mask = UInt128(pick(256, &numbers))
                cut(space.packets(.tcpFlags, UInt128(pick(256, &numbers)) & mask, mask: mask))
            }
            if pick(4, &numbers) == 0 { cut(space.packets(.mark, 0x10000, mask: 0x10000)) }
            if pick(3, &numbers) == 0 { rule = space.complement(rule) }
            set = pick(2, &numbers) == 0 ? space.or(set, rule) : space.subtract(set, rule)
        }
        return set
    }

    @Test func theyAreTogetherTheSet() {
        var numbers = SeededNumbers(seed: 11)
        var whole = 0
        for _ in 0..<200 {
            let (space, _) = space()
            let set = randomSet(space, &numbers)
            let asked = numbers.next() & 1 == 0 ? PacketSet.all : randomSet(space, &numbers)
            let care = space.and(asked, space.wellFormed)
            let list = space.cubes(of: set, within: care)
            let told = space.and(space.union(list.cubes.map { space.packets(in: $0) }), care)
            #expect(space.isSubset(told, of: set))
            #expect(space.or(told, list.rest) == space.and(set, care))
            if list.rest.isEmpty { whole += 1 }
            #expect(Set(list.cubes).count == list.cubes.count)
            #expect(space.cubes(of: set, within: care) == list, "the same again")
        }
        #expect(whole >= 190, "few sets are cut: \(whole) of 200 are whole")
    }

    @Test func theyAreCutWhereTheyAreTooMany() {
        let (space, _) = space()
        var sets: [PacketSet] = []
        for index in 0..<300 as Range<UInt128> {
            sets.append(
                space.and(
                    space.packets(.destination, index * 977),
                    space.and(
                        space.packets(.source, index * 1009), space.packets(.destinationPort, index * 3))))
        }
        let set = space.and(space.packets(.protocol, 6), space.union(sets))
        let list = space.cubes(of: set, limit: 50)
        #expect(list.cubes.count >= 50 && list.cubes.count < 300)
        #expect(!list.rest.isEmpty)
        let told = space.union(list.cubes.map { space.packets(in: $0) })
        #expect(space.and(space.or(told, list.rest), space.wellFormed) == space.and(set, space.wellFormed))
        #expect(space.cubes(of: set).cubes.count == 300)
    }

    /// `tcp port 22 from 10/8` and `port 80 of all` stay two: the partition by the first field would make three.
    @Test func whatHoldsOfAllIsSaidOnce() {
        let (space, _) = space()
        let web = space.and(space.packets(.protocol, 6), space.packets(.destinationPort, 80))
        let ssh = space.and(
            space.and(space.packets(.protocol, 6), space.packets(.destinationPort, 22)),
            space.packets(.destination, 0x0a00_0000, mask: 0xff00_0000))
        let list = space.cubes(of: space.or(web, ssh))
        #expect(list.cubes.count == 2)
        #expect(
            list.cubes.first.map { space.and(space.packets(in: $0), space.wellFormed) }
                == space.and(web, space.wellFormed))
    }

    @Test func neighboursAreOneCube() {
        let (space, _) = space()
        let ports = (20..<30 as Range<UInt128>).map { space.packets(.destinationPort, $0) }
        let set = space.and(space.packets(.protocol, 17), space.union(ports))
        let list = space.cubes(of: set)
        #expect(list.cubes.count == 1)
        let part = list.cubes.first?.parts[.destinationPort]
        #expect(part.map { space.terms(of: $0, .destinationPort).terms } == .ranges([20...29]))
    }

    @Test func mostAddressesAreToldByThoseLeftOut() {
        let (space, _) = space()
        let private8 = space.packets(.source, 0x0a00_0000, mask: 0xff00_0000)
        let terms = space.terms(of: space.complement(private8), .source)
        #expect(terms.isNegated)
        #expect(terms.terms == .ranges([0x0a00_0000...0x0aff_ffff]))
    }

    @Test func bitsAreToldAsPatterns() {
        let (space, _) = space()
        let marked = space.packets(.mark, 0x10000, mask: 0x10000)
        #expect(space.terms(of: marked, .mark).terms == .patterns([.init(value: 0x10000, mask: 0x10000)]))
    }

    /// What is not cared about makes no conditions: ICMP's type and a TCP port are the same bits.
    @Test func whatIsNotCaredAboutMakesNoConditions() {
        let (space, _) = space()
        let care = space.packets(.protocol, 6)
        let set = space.and(care, space.packets(.destinationPort, 80))
        let list = space.cubes(of: set, within: care)
        #expect(list.cubes.first?.fields == [.destinationPort])
    }

    @Test func portsAreOfProtocolsThatHaveSome() {
        let (space, _) = space()
        let list = space.cubes(of: space.packets(.destinationPort, from: 0, through: 1023))
        let fields = Set(list.cubes.map { $0.fields })
        #expect(
            fields == [[.protocol, .destinationPort], [.protocol]], "the protocols without ports have none to tell")
    }
}
