import Testing

@testable import NetTypes

/// Packets as bytes, and bytes as packets.
@Suite struct PacketBytesTests {
    static let protocols: [IPProtocol] = [
        .icmp, .igmp, .ipip, .tcp, .udp, .dccp, .ipv6, .gre, .esp, .ah, .icmpv6, .noNextHeader, IPProtocol(89), .ipcomp,
        .sctp, .mobility, .udplite, IPProtocol(253),
    ]

    static func packet(_ version: IPVersion, _ ipProtocol: IPProtocol) -> Packet {
        var packet = Packet(
            source: version == .v4 ? IPAddress(v4: 0xc000_0207) : IPAddress(v6High: 0x2001_0db8_0002_0000, low: 7),
            destination: version == .v4 ? IPAddress(v4: 0xc633_6409) : IPAddress(v6High: 0x2001_0db8_0009_0000, low: 9),
            protocol: ipProtocol)
        if ipProtocol.hasPorts {
            packet.sourcePort = 40000
            packet.destinationPort = 443
        }
        if ipProtocol.isICMP {
            packet.icmpType = ipProtocol == .icmp ? 8 : 128
            packet.icmpIdentifier = 77
        }
        if ipProtocol == .tcp {
            packet.tcpFlags = [.syn, .ece]
            packet.tcpSequence = 0x1234_5678
            packet.tcpAcknowledgement = 0x9abc_def0
            packet.maximumSegmentSize = 1460
        }
        packet.ttl = 17
        packet.tos = 0xb9
        packet.length = 133
        packet.dontFragment = version == .v4
        return packet
    }

    static func read(_ bytes: [UInt8]) -> Packet? { Packet(decoding: bytes.span) }

    /// The sum over everything a checksum covers, itself included: 0xffff where it is right.
    static func sum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            sum += index % 2 == 0 ? UInt32(byte) * 256 : UInt32(byte)
            if sum > 0xffff { sum -= 0xffff }
        }
        return sum
    }

    static func transportSum(_ bytes: [UInt8], header: Int, _ ipProtocol: UInt8) -> UInt32 {
        let body = Array(bytes[header...])
        if ipProtocol == 1 || ipProtocol == 2 { return sum(body) }
        let addresses = header == 20 ? Array(bytes[12..<20]) : Array(bytes[8..<40])
        return sum(addresses + [0, ipProtocol, UInt8(body.count >> 8), UInt8(body.count & 0xff)] + body)
    }

    @Test("every protocol reads back", arguments: [IPVersion.v4, .v6], protocols)
    func roundTrip(version: IPVersion, ipProtocol: IPProtocol) throws {
        let packet = PacketBytesTests.packet(version, ipProtocol)
        let bytes = packet.encoded(identification: 0x1234)
        #expect(bytes.count == 133)
        var read = try #require(PacketBytesTests.read(bytes))
        #expect(read.bytes == bytes)
        #expect(read.encoded() == bytes)
        read.bytes = []
        var expected = packet
        // The kernel looks for IPv6's transport behind AH.
        if version == .v6, ipProtocol == .ah { expected.protocol = .noNextHeader }
        #expect(read == expected)
        let place = version == .v4 ? 4 : 2
        #expect(bytes[place] == 0x12 && bytes[place + 1] == 0x34)
    }

    @Test("checksums are right", arguments: [IPVersion.v4, .v6], [1, 6, 17, 33, 58, 135, 136] as [UInt8])
    func checksums(version: IPVersion, ipProtocol: UInt8) {
        var packet = PacketBytesTests.packet(version, IPProtocol(ipProtocol))
        let header = version == .v4 ? 20 : 40
        for length in [0, 61, 132, 1500] as [UInt32] {
            packet.length = length
            let bytes = packet.encoded()
            if version == .v4 { #expect(PacketBytesTests.sum(Array(bytes[..<20])) == 0xffff) }
            #expect(PacketBytesTests.transportSum(bytes, header: header, ipProtocol) == 0xffff)
        }
    }

    @Test func aChecksumOfZeroIsWrittenAsAllOnes() {
        var packet = PacketBytesTests.packet(.v4, .udp)
        var seen: Set<UInt16> = []
        for port in UInt16.min...UInt16.max {
            packet.sourcePort = port
            seen.insert(packet.encoded().word16(at: 26) ?? 0)
        }
        #expect(seen.contains(0xffff) && !seen.contains(0))
    }

    /// RFC 9260, appendix A; the check value of CRC-32C is well known.
    @Test func theChecksumOfSCTPIsACRC() {
        #expect(castagnoli(Array("123456789".utf8), from: 0) == 0xe306_9283)
        let bytes = PacketBytesTests.packet(.v4, .sctp).encoded()
        var without = bytes
        without.put32(0, at: 28)
        #expect(bytes.word32(at: 28) == castagnoli(without, from: 20).byteSwapped)
        // The INIT chunk takes all that follows the common header.
        #expect(bytes[32] == 1 && bytes.word16(at: 34) == 133 - 32)
    }

    @Test func fragmentsHaveTheirPlace() throws {
        for version in [IPVersion.v4, .v6] {
            var packet = PacketBytesTests.packet(version, .udp)
            packet.dontFragment = false
            packet.moreFragments = true
            var read = try #require(PacketBytesTests.read(packet.encoded()))
            #expect(read.moreFragments && read.fragmentOffset == 0 && read.destinationPort == 443)
            packet.fragmentOffset = 185
            let bytes = packet.encoded(identification: 7)
            read = try #require(PacketBytesTests.read(bytes))
            #expect(read.moreFragments && read.fragmentOffset == 185 && read.protocol == .udp)
            #expect(read.unknown == [.sourcePort, .destinationPort])
            #expect(read.encoded() == bytes)
        }
    }

    // MARK: Given bytes

    /// IPv6 from its payload on: hop-by-hop (16 bytes), routing, destination options, AH, fragment, UDP.
    static let chain: [UInt8] =
        [0x60, 0x12, 0x34, 0x56, 0, 72, 0, 64] + IPAddress(v6High: 0x2001_0db8_0002_0000, low: 7).bytes
        + IPAddress(v6High: 0x2001_0db8_0009_0000, low: 9).bytes
        + [43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] + [60, 0, 4, 0, 0, 0, 0, 0] + [51, 0, 1, 4, 0, 0, 0, 0]
        + [44, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 9, 9, 9, 9] + [17, 0, 0, 1, 0, 0, 0, 5]
        + [0, 53, 0, 54, 0, 16, 0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8]

    @Test func theTransportIsFoundBehindExtensionHeaders() throws {
        let layout = try #require(PacketLayout(PacketBytesTests.chain))
        #expect(layout.extensions.map(\.kind) == [.hopByHop, .routing, .destinationOptions, .ah, .fragment])
        #expect(layout.extensions.map(\.offset) == [40, 56, 64, 72, 88])
        #expect(layout.transport.kind == .udp && layout.transport.offset == 96 && layout.isComplete)
        let packet = try #require(PacketBytesTests.read(PacketBytesTests.chain))
        #expect(packet.protocol == .udp && packet.sourcePort == 53 && packet.destinationPort == 54)
        #expect(packet.tos == 0x01 && packet.moreFragments && packet.unknown.isEmpty)
        #expect(packet.encoded() == PacketBytesTests.chain)
    }

    @Test("a packet cut short anywhere still reads", arguments: [IPVersion.v4, .v6], protocols)
    func truncation(version: IPVersion, ipProtocol: IPProtocol) {
        let bytes = PacketBytesTests.packet(version, ipProtocol).encoded()
        for count in 0...bytes.count { PacketBytesTests.expectSound(Array(bytes[..<count])) }
    }

    @Test func aChainCutShortAnywhereStillReads() {
        let chain = PacketBytesTests.chain
        for count in 0...chain.count {
            PacketBytesTests.expectSound(Array(chain[..<count]))
            // The same with a length that tells it.
            guard count >= 40 else { continue }
            var short = Array(chain[..<count])
            short.put16(UInt16(count - 40), at: 4)
            PacketBytesTests.expectSound(short)
            let packet = PacketBytesTests.read(short)
            #expect(packet?.length == UInt32(count))
            #expect(packet?.unknown.contains(.protocol) == (count < 92))
        }
    }

    /// Bytes read as nothing or as a packet that encodes to them again, and any length may be asked of it.
    static func expectSound(_ bytes: [UInt8]) {
        guard var packet = PacketBytesTests.read(bytes) else {
            #expect(bytes.count < 40)
            return
        }
        #expect(packet.currentBytes == bytes)
        for length in [0, 19, 21, 41, 47, 60, 99, 200, .max] as [UInt32] {
            packet.length = length
            packet.ttl = UInt8(truncatingIfNeeded: length)
            #expect(packet.encoded().count >= 20)
        }
    }

    @Test func whatIsMissingIsUnknown() throws {
        var bytes = PacketBytesTests.packet(.v4, .tcp).encoded()
        bytes.put16(26, at: 2)
        let short = try #require(PacketBytesTests.read(bytes))
        #expect(short.length == 26 && short.bytes.count == 26)
        #expect(short.destinationPort == 443 && short.unknown == [.tcpFlags, .tcpOptions])
        let captured = Array(PacketBytesTests.packet(.v4, .tcp).encoded()[..<44])
        let packet = try #require(PacketBytesTests.read(captured))
        #expect(packet.length == 133 && packet.unknown == .payload && packet.maximumSegmentSize == 1460)
    }

    @Test func fieldsAreWrittenOverTheBytes() throws {
        for version in [IPVersion.v4, .v6] {
            for ipProtocol in [IPProtocol.tcp, .udp, .dccp, .sctp, .icmp, .icmpv6] {
                let first = PacketBytesTests.packet(version, ipProtocol)
                var bytes = first.encoded(identification: 99)
                bytes[bytes.count - 1] = 0xee
                var packet = try #require(PacketBytesTests.read(bytes))
                var expected = first
                for change in [0, 1] {
                    let source = IPAddress(version, high: 1, low: 0x0a00_0001)
                    if change == 0 { packet.source = source } else { expected.source = source }
                    func alter(_ packet: inout Packet) {
                        packet.ttl = 3
                        packet.tos = 0x20
                        if ipProtocol.hasPorts { packet.destinationPort = 8443 }
                        if ipProtocol == .tcp { packet.maximumSegmentSize = 1200 }
                    }
                    if change == 0 { alter(&packet) } else { alter(&expected) }
                }
                var wanted = expected.encoded(identification: 99)
                wanted[wanted.count - 1] = 0xee
                wanted = try #require(PacketBytesTests.read(wanted)).encoded()
                #expect(packet.encoded() == wanted)
                // What NAT carries along comes to the same, but for what was wrong before. Of DCCP Linux 6.18 knows no more.
                bytes = try #require(PacketBytesTests.read(bytes)).encoded()
                packet.bytes = bytes
                #expect((packet.currentBytes == wanted) == (ipProtocol != .dccp))
            }
        }
    }
}
