import CPcap
import PacketCapture
import SourceText
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// All frames of `capture`, given in pieces of `piece` bytes, and what ended the reading.
func frames(
    _ capture: [UInt8], piece: Int = 7
) -> (frames: [CapturedFrame], failure: CaptureFailure?, lost: UInt64) {
    var place = 0
    var reader = CaptureReader { () throws(FileFailure) in
        let end = min(place + piece, capture.count)
        defer { place = end }
        return Array(capture[place..<end])
    }
    var found: [CapturedFrame] = []
    do throws(CaptureFailure) {
        while let frame = try reader.next() { found.append(frame) }
    } catch {
        return (found, error, reader.lostCount)
    }
    return (found, nil, reader.lostCount)
}

private func message(_ capture: [UInt8]) -> String {
    guard case .content(let offset, let message)? = frames(capture).failure else { return "" }
    return "\(offset): \(message)"
}

@Suite struct CaptureReaderTests {
    static let packet = ethernet(0x0800, ipv4(6, tcp()))

    @Test func pcapOfBothOrdersAndBothClocks() {
        let little = pcapHeader() + pcapRecord(Self.packet) + pcapRecord([1, 2, 3], length: 60, fraction: 999_999)
        let all = frames(little)
        #expect(all.failure == nil)
        #expect(all.frames.map(\.number) == [1, 2])
        #expect(all.frames[0].bytes == Self.packet)
        #expect(all.frames[0].time?.description == "1764158697.000123")
        #expect(all.frames[1].length == 60)
        #expect(all.frames[1].bytes == [1, 2, 3])
        #expect(all.frames[0].interface == CaptureInterface(linkType: .ethernet))

        let big =
            big32(0xa1b2_3c4d) + big16(2) + big16(4) + big32(0) + big32(0) + big32(65535) + big32(101) + big32(9)
            + big32(5) + big32(2) + big32(2) + [7, 8]
        let other = frames(big)
        #expect(other.failure == nil)
        #expect(other.frames.first?.time == CaptureTime(seconds: 9, nanoseconds: 5))
        #expect(other.frames.first?.time?.description == "9.000000005")
        #expect(other.frames.first?.interface.linkType == .raw)
    }

    /// What looks on at a capture that goes on is not kept waiting for a frame of which a part is here.
    @Test func whetherTheNextFrameIsHereWhole() throws {
        let pcap = pcapHeader() + pcapRecord(Self.packet) + pcapRecord(Self.packet)
        let pcapng =
            sectionHeader() + interfaceBlock("eth0") + packetBlock(Self.packet) + packetBlock(Self.packet)
        for capture in [pcap, pcapng] {
            for missing in [0, 1, Self.packet.count, Self.packet.count + 15] {
                var pieces = [Array(capture.dropLast(missing)), Array(capture.suffix(missing))]
                var reader = CaptureReader { () throws(FileFailure) in pieces.isEmpty ? [] : pieces.removeFirst() }
                #expect(!reader.hasNext)
                _ = try reader.next()
                #expect(reader.hasNext == (missing == 0))
                #expect(try reader.next()?.number == 2)
                #expect(!reader.hasNext)
            }
        }
    }

    /// Pieces of a pipe end anywhere.
    @Test(arguments: [1, 2, 3, 16, 1000]) func howeverTheCaptureIsCut(_ piece: Int) {
        let pcap = pcapHeader() + pcapRecord(Self.packet) + pcapRecord(Self.packet)
        #expect(frames(pcap, piece: piece).frames.count == 2)
        let ng = sectionHeader() + interfaceBlock("eth0") + packetBlock(Self.packet) + packetBlock(Self.packet)
        #expect(frames(ng, piece: piece).frames.count == 2)
    }

    @Test func pcapngHasNamesDirectionsAndLosses() {
        let flags = { (word: UInt32) in option(2, little32(word)) + little32(0) }
        let statistics = block(
            5, little32(0) + little32(0) + little32(0) + option(7, little32(5) + little32(0)) + little32(0))
        let capture =
            sectionHeader() + interfaceBlock("eth0") + interfaceBlock("cali1", link: 101)
            + packetBlock(Self.packet, options: flags(1)) + packetBlock([1, 2, 3], interface: 1, options: flags(2))
            + packetBlock(Self.packet) + statistics
        let all = frames(capture)
        #expect(all.failure == nil)
        #expect(all.frames.map(\.interface.name) == ["eth0", "cali1", "eth0"])
        #expect(all.frames.map(\.interface.linkType) == [.ethernet, .raw, .ethernet])
        #expect(all.frames.map(\.direction) == [.arriving, .leaving, nil])
        #expect(all.frames[0].time?.description == "1764158697.000123")
        #expect(all.frames[1].bytes == [1, 2, 3])
        #expect(all.lost == 5)
    }

    @Test func pcapngCountsTimeAsItsInterfaceSays() {
        let nano = interfaceBlock("a", more: option(9, [9]))
        let binary = interfaceBlock("b", more: option(9, [0x80 | 10]) + option(14, little32(100) + little32(0)))
        let silly = interfaceBlock("c", more: option(9, [77]))
        let capture =
            sectionHeader() + nano + binary + silly + packetBlock([1], ticks: 2_000_000_003)
            + packetBlock([1], interface: 1, ticks: 1536) + packetBlock([1], interface: 2, ticks: 5)
            + packetBlock([1], interface: 1, ticks: .max)
        let times = frames(capture).frames.map { $0.time?.description }
        #expect(times == ["2.000000003", "101.500000", nil, "18014398509482083.999023437"])
    }

    @Test func aSectionOfItsOwnHasItsOwnInterfacesAndOrder() {
        let body = big32(0x1a2b_3c4d) + big16(1) + big16(0) + [UInt8](repeating: 0xff, count: 8)
        let header = big32(0x0a0d_0d0a) + big32(28) + body + big32(28)
        let interface = big32(1) + big32(20) + big16(101) + big16(0) + big32(2) + big32(20)
        let simple = big32(3) + big32(20) + big32(9) + [5, 6, 0, 0] + big32(20)
        let all = frames(sectionHeader() + interfaceBlock("eth0") + packetBlock([1]) + header + interface + simple)
        #expect(all.failure == nil)
        #expect(all.frames.count == 2)
        #expect(all.frames[1].interface == CaptureInterface(linkType: .raw))
        #expect(all.frames[1].bytes == [5, 6])
        #expect(all.frames[1].length == 9)
        #expect(all.frames[1].time == nil)
    }

    @Test func whatIsNoCaptureIsSaidSo() {
        #expect(message([]) == "0: the capture is empty")
        #expect(message([1, 2]) == "0: too short for a capture")
        #expect(message(Array("*filter\n".utf8)) == "0: neither pcap nor pcapng: it begins with 0x2a66696c")
        #expect(message([0x1f, 0x8b, 8, 0]).hasPrefix("0: compressed with gzip: unpack it first"))
        #expect(message(Array(pcapHeader().dropLast())) == "0: the header of the capture is cut")
        var old = pcapHeader()
        old[4] = 1
        #expect(message(old) == "4: pcap of version 1.4; 2.4 is read")
    }

    @Test func whatCannotBeReadIsToldWithItsPlaceAndWhatCameBeforeStays() {
        let begin = pcapHeader() + pcapRecord(Self.packet)
        let cut = begin + Array(pcapRecord(Self.packet).dropLast(3))
        #expect(frames(cut).frames.count == 1)
        #expect(message(cut) == "\(begin.count): the capture ends within frame 2: 51 of 54 bytes are there")
        let longer = begin + little32(0) + little32(0) + little32(0xffff_fff0) + little32(9)
        #expect(message(longer) == "\(begin.count): frame 2 is said to have 4294967280 bytes: this is no frame")
        #expect(message(begin + [0, 0]) == "\(begin.count): the capture ends within the header of frame 2")

        let ng = sectionHeader() + interfaceBlock("eth0")
        #expect(
            message(ng + packetBlock([1], interface: 7)).hasSuffix("frame 1 is of interface 7, which is not described"))
        #expect(message(ng + little32(6) + little32(0xffff_fffc) + little32(0)).hasSuffix("this is no block"))
        #expect(message(ng + little32(6) + little32(13) + little32(0)).hasSuffix("13 bytes: this is no block"))
        #expect(message(ng + block(6, little32(0))).hasSuffix("the block of frame 1 is too short for it"))
        #expect(message(ng + block(3, [])).hasSuffix("the block of frame 1 is too short for it"))
        #expect(message(sectionHeader() + block(3, little32(4) + [0, 0, 0, 0])).hasSuffix("is not described"))
        var twice = packetBlock([1])
        twice[twice.count - 4] = 0
        #expect(message(ng + twice).hasSuffix("a block's second length is not its first"))
        #expect(message(ng + [6, 0]).hasSuffix("the capture ends within a block's header"))
    }

    /// Any bytes give frames or a failure, and never end the program.
    @Test func hostileBytes() {
        var random = Sequence(seed: 7)
        let captures = [
            pcapHeader() + pcapRecord(Self.packet) + pcapRecord(Self.packet, length: 90),
            sectionHeader() + interfaceBlock("eth0", more: option(9, [9]))
                + packetBlock(Self.packet, options: option(2, little32(1)))
                + block(3, little32(4) + [1, 2, 3, 4]) + block(5, [UInt8](repeating: 0, count: 12)),
        ]
        for capture in captures {
            for _ in 0..<3000 {
                var bytes = capture
                for _ in 0...random.next(4) { bytes[random.next(bytes.count)] = UInt8(random.next(256)) }
                if random.next(3) == 0 { bytes.removeLast(random.next(bytes.count)) }
                for frame in frames(bytes, piece: 64).frames { _ = try? FramePacket(frame) }
            }
        }
    }

    /// The frames that libpcap itself reads, byte for byte.
    @Test func libpcapReadsTheSame() throws {
        let captures = [
            pcapHeader() + pcapRecord(Self.packet) + pcapRecord([1, 2, 3], length: 60),
            pcapHeader(magic: 0xa1b2_3c4d) + pcapRecord(Self.packet, fraction: 999_999_999),
            sectionHeader() + interfaceBlock("eth0") + packetBlock(Self.packet) + packetBlock([9], length: 70),
        ]
        for capture in captures {
            let own = frames(capture).frames
            let theirs = try readWithLibpcap(capture)
            #expect(own.map(\.bytes) == theirs.map(\.bytes))
            #expect(own.map(\.length) == theirs.map(\.length))
            #expect(own.map { $0.time?.seconds } == theirs.map(\.seconds))
            #expect(own.map { $0.time?.nanoseconds } == theirs.map(\.nanoseconds))
        }
    }
}

private struct LibpcapFailure: Error {}

private func readWithLibpcap(
    _ capture: [UInt8]
) throws -> [(bytes: [UInt8], length: Int, seconds: Int64, nanoseconds: UInt32)] {
    var bytes = capture
    let count = bytes.count
    var found: [(bytes: [UInt8], length: Int, seconds: Int64, nanoseconds: UInt32)] = []
    try bytes.withUnsafeMutableBytes { buffer in
        var error = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let file = fmemopen(buffer.baseAddress, count, "rb"),
            let handle = pcap_fopen_offline_with_tstamp_precision(file, UInt32(PCAP_TSTAMP_PRECISION_NANO), &error)
        else { throw LibpcapFailure() }
        defer { pcap_close(handle) }
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        while pcap_next_ex(handle, &header, &data) == 1, let header, let data {
            let own = header.pointee
            found.append(
                (
                    Array(UnsafeBufferPointer(start: data, count: Int(own.caplen))), Int(own.len),
                    Int64(own.ts.tv_sec), UInt32(own.ts.tv_usec)
                ))
        }
    }
    return found
}
