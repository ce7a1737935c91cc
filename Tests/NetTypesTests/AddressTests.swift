import NetTypes
import Testing

@Suite struct AddressTests {
    @Test(
        "IPv4 addresses are four decimal numbers",
        arguments: [
            ("0.0.0.0", 0), ("255.255.255.255", 0xffff_ffff), ("192.0.2.10", 0xc000_020a), ("010.0.0.1", 0x0a00_0001),
            ("1.2.3", nil), ("1.2.3.4.5", nil), ("256.0.0.1", nil), ("1.2.3.", nil), (".1.2.3", nil), ("1..2.3", nil),
            ("1.2.3.0004", nil), ("", nil), ("1.2.3.4 ", nil), ("0x1.2.3.4", nil), ("-1.2.3.4", nil),
        ] as [(String, UInt32?)])
    func v4(text: String, bits: UInt32?) {
        #expect(IPAddress(text) == bits.map { IPAddress(v4: $0) })
    }

    /// The expected text is what glibc's inet_ntop prints.
    @Test(
        "IPv6 addresses are read in every form and printed in the shortest",
        arguments: [
            ("::", 0, 0, "::"), ("::1", 0, 1, "::1"), ("1::", 0x1_0000_0000_0000, 0, "1::"),
            ("2001:DB8::1", 0x2001_0db8_0000_0000, 1, "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", 0x2001_0db8_0000_0000, 1, "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", 0x2001_0db8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", 0x2001_0000_0000_0001, 1, "2001:0:0:1::1"),
            ("2001:db8::1:0:0:1", 0x2001_0db8_0000_0000, 0x0001_0000_0000_0001, "2001:db8::1:0:0:1"),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000, "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008, "0:2:3:4:5:6:7:8"),
            ("::ffff:1.2.3.4", 0, 0xffff_0102_0304, "::ffff:1.2.3.4"), ("::1.2.3.4", 0, 0x0102_0304, "::1.2.3.4"),
            ("64:ff9b::192.0.2.33", 0x0064_ff9b_0000_0000, 0xc000_0221, "64:ff9b::c000:221"),
            ("fe80::8de:feff:fe51:8f7", 0xfe80_0000_0000_0000, 0x08de_feff_fe51_08f7, "fe80::8de:feff:fe51:8f7"),
            ("::2", 0, 2, "::2"), ("::1:0", 0, 0x1_0000, "::0.1.0.0"),
        ] as [(String, UInt64, UInt64, String)])
    func v6(text: String, high: UInt64, low: UInt64, printed: String) {
        let address = IPAddress(text)
        #expect(address == IPAddress(v6High: high, low: low))
        #expect(address?.description == printed)
    }

    @Test(
        "what is no IPv6 address is refused",
        arguments: [
            ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::",
            "g::", "::1.2.3", "::1.2.3.4.5", "1:2:3:4:5:6:7:1.2.3.4", "::1%eth0", "fe80::1/64", "1.2.3.4::",
            "::256.1.1.1",
        ])
    func notV6(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test func addressesAreOrderedByVersionThenValue() {
        let texts = ["0.0.0.1", "10.0.0.0", "255.255.255.255", "::", "::1", "1::", "ffff::"]
        let addresses = texts.compactMap { IPAddress($0) }
        #expect(addresses.count == texts.count)
        #expect(addresses.shuffled().sorted() == addresses)
    }

    @Test func theNextAddressCarries() {
        #expect(IPAddress("10.0.0.255")?.successor == IPAddress("10.0.1.0"))
        #expect(IPAddress("255.255.255.255")?.successor == nil)
        #expect(IPAddress("::ffff:ffff:ffff:ffff")?.successor == IPAddress("0:0:0:1::"))
        #expect(IPAddress("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")?.successor == nil)
    }

    @Test func bytesAreInTheOrderOfTheWire() {
        #expect(IPAddress("1.2.3.4")?.bytes == [1, 2, 3, 4])
        #expect(IPAddress("102:304::f")?.bytes == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15])
    }

    @Test func kindsOfAddressesAreTold() throws {
        for text in ["224.0.0.1", "239.255.255.255", "ff02::1"] { #expect(try #require(IPAddress(text)).isMulticast) }
        for text in ["223.255.255.255", "240.0.0.1", "fe80::1"] { #expect(try !#require(IPAddress(text)).isMulticast) }
        for text in ["127.0.0.1", "127.255.0.1", "::1"] { #expect(try #require(IPAddress(text)).isLoopback) }
        for text in ["128.0.0.1", "::2", "::"] { #expect(try !#require(IPAddress(text)).isLoopback) }
        for text in ["169.254.0.1", "fe80::1", "febf::1"] { #expect(try #require(IPAddress(text)).isLinkLocal) }
        for text in ["169.255.0.1", "fec0::1"] { #expect(try !#require(IPAddress(text)).isLinkLocal) }
    }
}

@Suite struct PrefixTests {
    @Test(
        "prefixes lose their host bits",
        arguments: [
            ("10.1.2.3/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("0.0.0.0/0", "0.0.0.0/0"),
            ("255.255.255.255/31", "255.255.255.254/31"), ("2001:db8:ffff::1/33", "2001:db8:8000::/33"),
            ("2001:db8::ff/120", "2001:db8::/120"), ("2001:db8::1", "2001:db8::1/128"), ("::/0", "::/0"),
            ("1.2.3.4/33", nil), ("::/129", nil), ("1.2.3.4/", nil), ("1.2.3.4/-1", nil), ("1.2.3.4/8x", nil),
            ("1.2.3.4/255.0.0.0", nil), ("/8", nil), ("10/8", nil), ("1.2.3.4/0008", nil),
        ] as [(String, String?)])
    func reads(text: String, expected: String?) { #expect(IPPrefix(text)?.description == expected) }

    @Test func containmentAgreesWithEveryBitComparison() {
        let edges: [UInt32] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 0x0a00_0001]
        for length in UInt8(0)...32 {
            for network in edges {
                let prefix = IPPrefix(IPAddress(v4: network), length: length)
                for other in edges {
                    let expected = length == 0 || (other ^ network) >> (32 - UInt32(length)) == 0
                    #expect(prefix.contains(IPAddress(v4: other)) == expected, "\(prefix) \(other)")
                }
            }
        }
    }

    @Test func containmentOfIPv6CrossesTheHalves() throws {
        for length in UInt8(0)...128 {
            let base = try #require(IPAddress("2001:db8:1:2:3:4:5:6"))
            let prefix = IPPrefix(base, length: length)
            #expect(prefix.contains(base))
            #expect(prefix.contains(prefix.last))
            #expect(prefix.isHost == (length == 128))
            // The first bit behind the prefix may differ, the last one in it may not.
            func flipped(_ bit: Int) -> IPAddress {
                bit < 64
                    ? IPAddress(v6High: base.high ^ (1 << UInt64(63 - bit)), low: base.low)
                    : IPAddress(v6High: base.high, low: base.low ^ (1 << UInt64(127 - bit)))
            }
            if length < 128 { #expect(prefix.contains(flipped(Int(length)))) }
            if length > 0 { #expect(!prefix.contains(flipped(Int(length) - 1))) }
        }
        #expect(!IPPrefix(.zero(.v4), length: 0).contains(.zero(.v6)))
    }

    @Test func theLastAddressIsTheBroadcast() {
        #expect(IPPrefix("10.0.0.0/24")?.last == IPAddress("10.0.0.255"))
        #expect(IPPrefix("2001:db8::/32")?.last == IPAddress("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"))
        #expect(IPPrefix("10.0.0.1/32")?.last == IPAddress("10.0.0.1"))
    }

    @Test func aMaskTellsItsLengthOnlyWhenItIsARun() throws {
        for length in UInt8(0)...32 {
            let mask = IPPrefix.mask(.v4, length: length)
            #expect(AddressMask(mask, mask: mask).prefixLength == length)
        }
        for length in UInt8(0)...128 {
            let mask = IPPrefix.mask(.v6, length: length)
            #expect(AddressMask(mask, mask: mask).prefixLength == length)
        }
        let holes = try #require(IPAddress("255.0.255.255"))
        #expect(AddressMask(holes, mask: holes).prefixLength == nil)
    }

    @Test func aMaskWithHolesTestsItsBitsAlone() throws {
        let mask = AddressMask(try #require(IPAddress("10.9.0.1")), mask: try #require(IPAddress("255.0.255.255")))
        #expect(mask.address == IPAddress("10.0.0.1"))
        #expect(mask.contains(try #require(IPAddress("10.77.0.1"))))
        #expect(!mask.contains(try #require(IPAddress("10.77.0.2"))))
    }

    @Test func rangesHoldBothEnds() throws {
        let range = AddressRange(try #require(IPAddress("10.0.0.5")), try #require(IPAddress("10.0.0.7")))
        #expect(
            try ["10.0.0.4", "10.0.0.5", "10.0.0.7", "10.0.0.8", "::5"].map {
                range.contains(try #require(IPAddress($0)))
            }
                == [false, true, true, false, false])
    }
}
