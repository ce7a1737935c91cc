import CaptureFilter
import NetTypes
import PacketCapture
import Testing

func frame(_ bytes: [UInt8], _ type: LinkType = .ethernet, length: Int? = nil) -> CapturedFrame {
    CapturedFrame(
        number: 1, interface: CaptureInterface(linkType: type), length: length ?? bytes.count, bytes: bytes)
}

private func failure(_ frame: CapturedFrame) -> FrameFailure? {
    do throws(FrameFailure) {
        _ = try FramePacket(frame)
        return nil
    } catch {
        return error
    }
}

@Suite struct FramePacketTests {
    static let segment = ipv4(6, tcp())

    @Test func linksOfAllKindsLeadToTheSamePacket() throws {
        let frames = [
            frame(ethernet(0x0800, Self.segment)), frame(ethernet(0x0800, Self.segment, tags: [10])),
            frame(ethernet(0x0800, Self.segment, tags: [7, 0x2000 | 12])), frame(Self.segment, .raw),
            frame(Self.segment, .ipv4), frame(cooked(0x0800, 0, Self.segment), .linuxCooked),
            frame(cooked2(0x0800, 4, index: 3, Self.segment), .linuxCooked2), frame(little32(2) + Self.segment, .null),
            frame(big32(2) + Self.segment, .loop),
            frame(ethernet(0x0800, Self.segment + [UInt8](repeating: 0, count: 6))),
        ]
        for frame in frames {
            let seen = try FramePacket(frame)
            #expect(seen.packet.bytes == Self.segment)
            #expect(seen.packet.sourcePort == 40000)
            #expect(seen.packet.tcpFlags == .syn)
            #expect(seen.checksums == .fine)
            #expect(!seen.isCut)
        }
        let links = try frames.map { try FramePacket($0).link }
        #expect(links[0].source == MACAddress(bits: 0x0200_0000_0099))
        #expect(links[0].destination == MACAddress(bits: 0x0200_0000_0001))
        #expect(links[1].vlans == [10])
        #expect(links[2].vlans == [7, 12])
        #expect(links[5].type == .unicast)
        #expect(links[6].type == .outgoing)
        #expect(links[6].interfaceIndex == 3)
        #expect(links[3].source == nil)
    }

    @Test func whatIsNoPacketSaysWhatItIs() {
        #expect(failure(frame(ethernet(0x0806, [0, 1]))) == .notIP("ARP"))
        #expect(
            failure(frame(ethernet(0x0026, [0x42, 0x42, 3]))) == .notIP("802.3 with LLC (spanning tree and the like)"))
        #expect(failure(frame(ethernet(0x88b5, []))) == .notIP("EtherType 0x88b5"))
        #expect(failure(frame([1, 2], LinkType(rawValue: 105))) == .linkType(LinkType(rawValue: 105)))
        #expect(failure(frame([1, 2, 3])) == .short(part: .linkHeader, isCut: false))
        #expect(failure(frame([1, 2, 3], length: 60)) == .short(part: .linkHeader, isCut: true))
        #expect(failure(frame(ethernet(0x0800, [0x45, 0]), length: 60)) == .short(part: .ipHeader, isCut: true))
        #expect(failure(frame(ethernet(0x0800, []))) == .short(part: .ipHeader, isCut: false))
        #expect(failure(frame(ethernet(0x86dd, Self.segment))) == .wrongVersion(4))
        #expect(failure(frame([0x10, 0], .raw)) == .wrongVersion(1))
        #expect(failure(frame(ethernet(0x8100, [0]))) == .short(part: .linkHeader, isCut: false))
        // Shorter on the wire than the IP header says: 54 bytes where it says 40 behind 14.
        #expect(
            failure(frame(ethernet(0x0800, Array(Self.segment.dropLast(4))))) == .short(part: .packet, isCut: false))
    }

    @Test func whatTheCaptureCutOffIsNotKnown() throws {
        let whole = ethernet(0x0800, ipv4(6, tcp(payload: [UInt8](repeating: 1, count: 100))))
        let headers = try FramePacket(frame(Array(whole.prefix(54)), length: whole.count))
        #expect(headers.isCut)
        #expect(headers.packet.length == 140)
        #expect(headers.packet.destinationPort == 22)
        #expect(headers.packet.unknown.contains(.payload))
        #expect(!headers.packet.unknown.contains(.tcpFlags))
        let ports = try FramePacket(frame(Array(whole.prefix(38)), length: whole.count))
        #expect(ports.packet.destinationPort == 22)
        #expect(ports.packet.unknown.isSuperset(of: [.tcpFlags, .tcpOptions, .payload]))
        let none = try FramePacket(frame(Array(whole.prefix(34)), length: whole.count))
        #expect(none.packet.unknown.isSuperset(of: [.sourcePort, .destinationPort]))
    }

    @Test func checksumsThatACardWouldWriteAreRight() throws {
        let left = folded(pseudoHeader(6, 20))
        let seen = try FramePacket(frame(ethernet(0x0800, ipv4(6, tcp(checksum: left)))))
        #expect(seen.checksums == .leftToCard)
        #expect(seen.packet.bytes == Self.segment)
        #expect(try FramePacket(frame(ethernet(0x0800, ipv4(6, tcp(checksum: 0x1234))))).checksums == .wrongTransport)
        // UDP without a checksum is fine.
        #expect(try FramePacket(frame(ethernet(0x0800, ipv4(17, udp(1, 53, [1]))))).checksums == .fine)
        // SCTP leaves nothing: ports, tag, checksum 0.
        let sctp = try FramePacket(frame(ethernet(0x0800, ipv4(132, big16(1) + big16(2) + big32(0) + big32(0)))))
        #expect(sctp.checksums == .leftToCard)
        var header = Self.segment
        header[10] ^= 1
        var wrong = try FramePacket(frame(header, .raw))
        #expect(wrong.checksums == .wrongHeader)
        wrong.rightenChecksums()
        #expect(wrong.packet.bytes == Self.segment)
        #expect(wrong.wasRightened)
        (header[10], header[11]) = (0, 0)
        #expect(try FramePacket(frame(header, .raw)).packet.bytes == Self.segment)
        // A fragment's checksum is that of the whole, and one that was cut off can't be judged.
        #expect(try FramePacket(frame(ipv4(6, tcp(checksum: 9), flags: 0x2000), .raw)).checksums == .fine)
        let cut = ipv4(6, tcp(payload: [1, 2, 3], checksum: 9))
        #expect(try FramePacket(frame(Array(cut.dropLast()), .raw, length: cut.count)).checksums == .fine)
    }

    @Test func aPacketThatACardCutsInPiecesHasTheLengthOfItsFrame() throws {
        var big = ipv4(6, tcp(payload: [UInt8](repeating: 1, count: 3000), checksum: folded(pseudoHeader(6, 3020))))
        (big[2], big[3]) = (0, 0)
        let seen = try FramePacket(frame(big, .raw))
        #expect(seen.hadNoLength)
        #expect(seen.packet.length == 3040)
        #expect(seen.checksums == .leftToCard)
        let longer = failure(frame(big, .raw, length: 70000))
        #expect(longer == .badHeader("longer than an IP header can say (BIG TCP), which is not read"))
        // IPv6 without a payload is a packet by itself.
        #expect(try FramePacket(frame(ethernet(0x86dd, ipv6(59, []) + [0, 0, 0, 0, 0, 0]))).packet.length == 40)
    }

    @Test func extensionHeaders() throws {
        let hop: [UInt8] = [44, 0, 1, 4, 0, 0, 0, 0]
        let fragment: [UInt8] = [17, 0] + big16(1) + big32(5)
        let seen = try FramePacket(frame(ethernet(0x86dd, ipv6(0, hop + fragment + udp(5, 53, [])))))
        #expect(seen.packet.protocol == .udp)
        #expect(seen.packet.destinationPort == 53)
        #expect(seen.packet.moreFragments)
    }

    @Test func laterFragments() throws {
        let later = try FramePacket(frame(ipv4(17, [1, 2, 3, 4, 5, 6, 7, 8], flags: 0x2001), .raw))
        #expect(later.packet.fragmentOffset == 1)
        #expect(later.packet.unknown.contains(.destinationPort))
    }

    @Test func optionsOfIPv4() throws {
        let options = try FramePacket(frame(ipv4(1, [8, 0, 0xf7, 0xff, 0, 0, 0, 0], options: [1, 1, 1, 0]), .raw))
        #expect(options.packet.icmpType == 8)
        #expect(options.packet.length == 32)
    }

    @Test func whatTunnelsCarry() throws {
        let inner = ipv4(6, tcp(), from: [10, 244, 1, 5], to: [10, 244, 2, 7])
        let vxlan = udp(50000, 4789, [8, 0, 0, 0] + [0, 0x10, 0, 0] + ethernet(0x0800, inner))
        let seen = try FramePacket(frame(ethernet(0x0800, ipv4(17, vxlan))))
        let carried = try #require(seen.carried(vxlanPorts: [4789]))
        #expect(carried.packet.packet.bytes == inner)
        #expect(carried.identifier == 4096)
        #expect(seen.carried(vxlanPorts: [8472]) == nil)
        let ipip = try FramePacket(frame(ipv4(4, inner), .raw))
        #expect(ipip.carried(vxlanPorts: [])?.packet.packet.bytes == inner)
        #expect(try FramePacket(frame(Self.segment, .raw)).carried(vxlanPorts: [4789]) == nil)
        // Cut within the inner IP header.
        let cut = ethernet(0x0800, ipv4(17, vxlan))
        #expect(try FramePacket(frame(Array(cut.prefix(80)), length: cut.count)).carried(vxlanPorts: [4789]) == nil)
        // Without the flag that there is a number.
        let other = ipv4(17, udp(50000, 4789, [0, 0, 0, 0, 0, 0, 0, 0] + ethernet(0x0800, inner)))
        #expect(try FramePacket(frame(other, .raw)).carried(vxlanPorts: [4789]) == nil)
    }

    @Test func hostileFrames() {
        var random = Sequence(seed: 11)
        let types = LinkType.read + [LinkType(rawValue: 9)]
        let inner = ipv4(6, tcp())
        let seeds = [
            ethernet(0x0800, ipv4(17, udp(1, 4789, [8, 0, 0, 0, 0, 0, 1, 0] + ethernet(0x86dd, ipv6(6, tcp()))))),
            ethernet(
                0x86dd, ipv6(0, [43, 0, 1, 4, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0] + tcp())),
            ethernet(0x0800, ipv4(4, ipv4(41, ipv6(58, [128, 0, 0, 0, 0, 0, 0, 0]))), tags: [4]),
            cooked2(0x0800, 4, index: 2, inner), cooked(0x0800, 0, ipv4(132, big32(1) + big32(0) + big32(0))), inner,
        ]
        for _ in 0..<20000 {
            var bytes = seeds[random.next(seeds.count)]
            for _ in 0..<random.next(6) { bytes[random.next(bytes.count)] = UInt8(random.next(256)) }
            if random.next(3) == 0 { bytes.removeLast(random.next(bytes.count + 1)) }
            let length = random.next(4) == 0 ? random.next(100_000) : bytes.count
            let seen = frame(bytes, types[random.next(types.count)], length: max(length, bytes.count))
            guard var packet = try? FramePacket(seen) else { continue }
            packet.rightenChecksums()
            _ = packet.carried(vxlanPorts: [4789])
            #expect(packet.packet.bytes.count <= Int(packet.packet.length))
        }
    }

    @Test func filtersAreThoseOfTcpdump() throws {
        let filter = CaptureFilter("host 192.0.2.1 and tcp dst port 22")
        let yes = ethernet(0x0800, Self.segment)
        #expect(try filter.takes(yes, length: yes.count, linkType: 1))
        #expect(try filter.takes(Self.segment, length: 40, linkType: 101))
        let cookedFrame = cooked2(0x0800, 0, index: 1, Self.segment)
        #expect(try filter.takes(cookedFrame, length: cookedFrame.count, linkType: 276))
        let no = ethernet(0x0800, ipv4(6, tcp(40000, 23)))
        #expect(try !filter.takes(no, length: no.count, linkType: 1))
        #expect(try !filter.takes([], length: 0, linkType: 1))
        let bad = CaptureFilter("host and")
        #expect(throws: CaptureFilter.Failure.self) { try bad.takes(yes, length: 54, linkType: 1) }
    }
}
