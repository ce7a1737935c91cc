import NetTypes
import SourceText
import Testing

@testable import Redaction

/// A key of a test: never one of a redaction.
let testKey = RedactionKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

@Suite struct AddressMapTests {
    /// The first vector of SipHash's authors (siphash-2-4, 64 bits, vectors.h), and the last.
    @Test func theHashIsSipHash() {
        #expect(testKey.hash([]) == 0x726f_db47_dd0e_0e31)
        #expect(testKey.hash((0..<15).map { UInt8($0) }) == 0xa129_ca61_49be_45e5)
        let words: [UInt64] = [1, 2, 3]
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) } }
        #expect(testKey.hash(1, 2, 3) == testKey.hash(bytes))
    }

    private func hardware(_ text: String) throws -> MACAddress {
        let bytes = Array(text.utf8)
        let mac = MACAddress(bytes.span)
        return try #require(mac)
    }

    private func commonLength(_ a: IPAddress, _ b: IPAddress) -> Int {
        let width = a.version.addressBits
        return (0..<width).first { a.number >> UInt128(width - 1 - $0) != b.number >> UInt128(width - 1 - $0) } ?? width
    }

    private static let some = [
        "10.0.0.1", "10.0.0.2", "10.0.1.1", "10.128.3.4", "11.0.0.1", "8.8.8.8", "8.8.4.4", "172.16.5.5", "172.31.5.5",
        "172.32.0.1", "192.168.1.1", "192.168.200.7", "192.0.2.10", "192.0.3.10", "198.51.100.7", "203.0.113.200",
        "100.64.0.1", "239.1.2.3", "2001:db8::1", "2001:db8::2", "2001:db8:1::1", "2a00:1450:4001:8::200e", "fd00:1::7",
        "fd00:2::7", "fe80::1", "fe80::2", "ff05::1:3", "ff02::2",
    ].compactMap { IPAddress($0) }

    @Test func addressesThatShareAPrefixStillDo() {
        let map = AddressMap(key: testKey)
        #expect(Self.some.count == 28)
        for a in Self.some {
            for b in Self.some where a.version == b.version {
                #expect(commonLength(map.map(a), map.map(b)) == commonLength(a, b), "\(a) \(b)")
            }
        }
        #expect(Self.some.filter { map.map($0) == $0 }.count < 4)
    }

    @Test func anotherKeyGivesOtherAddresses() {
        let (a, b) = (AddressMap(key: testKey), AddressMap(key: RedactionKey(1, 2)))
        #expect(Self.some.filter { a.map($0) == b.map($0) }.count < 8)
    }

    @Test(arguments: [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.2.0/24", "198.51.100.0/24",
        "203.0.113.0/24", "198.18.0.0/15", "224.0.0.0/4", "fe80::/64", "fc00::/7", "2001:db8::/32", "2000::/3",
        "ff02::/16",
        "64:ff9b::/96", "::ffff:0:0/96",
    ]) func aKindOfAddressKeepsItsPlace(_ text: String) throws {
        let kind = try #require(IPPrefix(text))
        let map = AddressMap(key: testKey)
        #expect(map.map(kind).address == kind.address || kind.length > 64)
        for step in UInt64(0)..<200 {
            let bits = testKey.hash(step, 0, 0)
            let free = IPAddress(
                kind.address.version, high: kind.address.version == .v4 ? 0 : bits, low: testKey.hash(step, 1, 0))
            let mask = IPPrefix.mask(kind.address.version, length: kind.length)
            let inside = IPAddress(
                kind.address.version, high: kind.address.high | free.high & ~mask.high,
                low: kind.address.low | free.low & ~mask.low)
            #expect(kind.contains(map.map(inside)), "\(inside)")
        }
    }

    @Test(arguments: [
        "0.0.0.0", "127.0.0.1", "127.0.0.53", "169.254.1.1", "255.255.255.255", "255.255.255.0", "224.0.0.5", "::",
        "::1",
        "ff02::1", "ff02::1:2",
    ]) func whatIsNobodysHostStays(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressMap(key: testKey).map(address) == address)
    }

    @Test(arguments: ["10.1.2.0/24", "192.168.7.64/26", "2001:db8:5::/64", "10.0.0.4/31"])
    func theEndsOfASubnetStayItsEnds(_ text: String) throws {
        let subnet = try #require(IPPrefix(text))
        var map = AddressMap(key: testKey)
        map.keepEnds(subnet)
        #expect(map.map(subnet.address) == map.map(subnet).address)
        #expect(map.map(subnet.last) == map.map(subnet).last)
    }

    @Test(arguments: [
        ("10.0.3.7", "10.0.9.250"), ("8.8.8.8", "8.8.8.9"), ("2001:db8::5", "2001:db8::1:0"),
        ("10.0.0.0", "10.0.0.255"),
    ])
    func aRangeStaysARange(_ ends: (String, String)) throws {
        let (first, last) = (try #require(IPAddress(ends.0)), try #require(IPAddress(ends.1)))
        var map = AddressMap(key: testKey)
        map.keepRange(first, last)
        let (low, high) = (map.map(first), map.map(last))
        #expect(low < high)
        #expect(high.number - low.number == last.number - first.number)
        for step in UInt64(0)..<400 {
            let offset = UInt128(testKey.hash(step, 7, 7) % 6000)
            for near in [first.number &+ offset, first.number &- offset] {
                let address = IPAddress(
                    first.version, high: UInt64(truncatingIfNeeded: near >> 64), low: UInt64(truncatingIfNeeded: near))
                let isInside = address >= first && address <= last
                let mapped = map.map(address)
                #expect((mapped >= low && mapped <= high) == isInside, "\(address)")
            }
        }
    }

    @Test func whatIsCopiedFromOnePrefixToAnotherStays() throws {
        var map = AddressMap(key: testKey)
        let (from, to) = (try #require(IPPrefix("10.5.0.0/16")), try #require(IPPrefix("192.168.0.0/16")))
        for prefix in [from, to] { map.freeze(prefix) }
        let inner = try #require(IPAddress("10.5.7.9"))
        #expect(map.map(inner).number & 0xffff == 0x0709)
        #expect(map.map(to).address == to.address)
    }

    /// EUI-64 (RFC 4291, appendix A): the address still is made of the hardware's.
    @Test func anAddressThatIsMadeOfAMACStaysSo() throws {
        let map = AddressMap(key: testKey)
        let mac = try hardware("0a:de:fe:51:08:f7")
        let address = try #require(IPAddress("fe80::8de:feff:fe51:8f7"))
        let mapped = map.map(mac)
        #expect(mapped != mac && mapped.bits >> 40 & 3 == mac.bits >> 40 & 3)
        let low = (mapped.bits >> 24) << 40 | 0xff_fe00_0000 | mapped.bits & 0xff_ffff
        #expect(map.map(address) == IPAddress(v6High: 0xfe80 << 48, low: low ^ 1 << 57))
    }

    @Test(arguments: ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "ee:ee:ee:ee:ee:ee", "01:80:c2:00:00:0e"])
    func knownHardwareStays(_ text: String) throws {
        let mac = try hardware(text)
        #expect(AddressMap(key: testKey).map(mac) == mac)
    }

    @Test func groupsOfHardwareStayGroups() throws {
        let map = AddressMap(key: testKey)
        for (text, kept) in [("01:00:5e:01:02:03", 24), ("33:33:ff:51:08:f7", 16)] {
            let mac = try hardware(text)
            #expect(map.map(mac).bits >> UInt64(48 - kept) == mac.bits >> UInt64(48 - kept))
            #expect(map.map(mac) != mac)
        }
    }

    @Test func addressesWithinAddressesAreThoseOfIPv4() throws {
        let map = AddressMap(key: testKey)
        let inner = map.map(try #require(IPAddress("10.1.2.3")))
        #expect(map.map(try #require(IPAddress("::ffff:10.1.2.3"))).low & 0xffff_ffff == inner.low)
        #expect(map.map(try #require(IPAddress("64:ff9b::10.1.2.3"))).low & 0xffff_ffff == inner.low)
    }
}
