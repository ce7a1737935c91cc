public import SourceText

/// Why a capture can't be read, or not to its end.
public enum CaptureFailure: Error, Hashable, Sendable {
    case file(FileFailure)
    /// Byte `offset` of the capture, from 0, is where what can't be read begins; a sentence without a final stop.
    case content(offset: Int, message: String)
}

/// Reads the frames of a capture one after another: pcap of either byte order with micro- or nanoseconds, or pcapng.
///
/// Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. What is at hand is one frame; the capture may be a pipe.
public struct CaptureReader {
    enum Format {
        case pcap(PcapHeader)
        case pcapng
    }

    var bytes: CaptureBytes
    private var format: Format?
    /// Of pcapng: the section's byte order and interfaces.
    var section = PcapngSection()
    var frameCount = 0
    /// Frames that the capturing program says it lost, where it says so.
    public internal(set) var lostCount: UInt64 = 0

    /// A longer frame or block is taken for garbage: 16 MiB, far more than a packet has.
    static let longestBlock = 1 << 24

    /// - Parameter read: gives the capture in pieces; an empty piece is the end.
    public init(_ read: @escaping () throws(FileFailure) -> [UInt8]) { bytes = CaptureBytes(read) }

    /// Whether all that came was read: the next frame may be long in coming.
    public var isDrained: Bool { bytes.available == 0 }

    /// Whether the next frame, of pcapng the next block, is here whole: reading it does not wait.
    public var hasNext: Bool {
        let head: Int
        let numbers: ByteNumbers
        switch format {
        case nil: return false
        case .pcap(let header):
            head = header.kind.isPatched ? 24 : 16
            numbers = ByteNumbers(bytes: bytes.peek(12), isLittle: header.kind.isLittle)
        case .pcapng:
            head = 0
            numbers = ByteNumbers(bytes: bytes.peek(12), isLittle: section.isLittle)
        }
        guard let length = numbers.word32(head == 0 ? 4 : 8) else { return false }
        return bytes.available - head >= Int(length)
    }

    /// The next frame; `nil` at the end.
    public mutating func next() throws(CaptureFailure) -> CapturedFrame? {
        let format: Format
        if let known = self.format { format = known } else { format = try begin() }
        switch format {
        case .pcap(let header): return try nextRecord(header)
        case .pcapng: return try nextBlockWithFrame()
        }
    }

    private mutating func begin() throws(CaptureFailure) -> Format {
        guard try has(4) else {
            let what = bytes.available == 0 ? "the capture is empty" : "too short for a capture"
            throw .content(offset: 0, message: what)
        }
        let first = ByteNumbers(bytes: bytes.peek(4)).word32(0) ?? 0
        let found: Format
        if first == PcapngSection.headerType {
            found = .pcapng
        } else {
            guard let kind = PcapHeader.Kind(magic: first) else {
                throw .content(offset: 0, message: CaptureReader.refusal(of: first))
            }
            found = .pcap(try readHeader(kind))
        }
        format = found
        return found
    }

    /// What a file is that is no capture, where its first bytes tell.
    private static func refusal(of magic: UInt32) -> String {
        switch magic {
        case 0x1f8b_0000...0x1f8b_ffff: "compressed with gzip: unpack it first (gunzip -c FILE | hookline replay … -)"
        case 0x28b5_2ffd: "compressed with zstd: unpack it first (zstd -dc FILE | hookline replay … -)"
        case 0xfd37_7a58: "compressed with xz: unpack it first (xz -dc FILE | hookline replay … -)"
        case 0x736e_6f6f: "a capture of snoop, not of pcap: editcap -F pcap makes one of it"
        default: "neither pcap nor pcapng: it begins with 0x" + String(magic, radix: 16)
        }
    }

    mutating func has(_ count: Int) throws(CaptureFailure) -> Bool {
        do { return try bytes.has(count) } catch { throw .file(error) }
    }
}

/// The header of a pcap file.
struct PcapHeader {
    /// What the magic number says.
    struct Kind {
        var isLittle: Bool
        var hasNanoseconds: Bool
        /// Each frame's header is eight bytes longer: the form of an old patch of Alexey Kuznetsov's.
        var isPatched = false

        init?(magic: UInt32) {
            switch magic {
            case 0xa1b2_c3d4: (isLittle, hasNanoseconds) = (false, false)
            case 0xd4c3_b2a1: (isLittle, hasNanoseconds) = (true, false)
            case 0xa1b2_3c4d: (isLittle, hasNanoseconds) = (false, true)
            case 0x4d3c_b2a1: (isLittle, hasNanoseconds) = (true, true)
            case 0xa1b2_cd34: (isLittle, hasNanoseconds, isPatched) = (false, false, true)
            case 0x34cd_b2a1: (isLittle, hasNanoseconds, isPatched) = (true, false, true)
            default: return nil
            }
        }
    }

    var kind: Kind
    var interface: CaptureInterface
}

extension CaptureReader {
    fileprivate mutating func readHeader(_ kind: PcapHeader.Kind) throws(CaptureFailure) -> PcapHeader {
        guard try has(24) else { throw .content(offset: 0, message: "the header of the capture is cut") }
        let numbers = ByteNumbers(bytes: bytes.take(24), isLittle: kind.isLittle)
        guard let major = numbers.word16(4), let minor = numbers.word16(6), let link = numbers.word32(20),
            major == 2, minor == 4
        else {
            let version = "\(numbers.word16(4) ?? 0).\(numbers.word16(6) ?? 0)"
            throw .content(offset: 4, message: "pcap of version \(version); 2.4 is read")
        }
        // The upper bits tell of checksums behind each frame, which the IP header's length leaves out.
        return PcapHeader(kind: kind, interface: CaptureInterface(linkType: LinkType(number: link & 0xffff)))
    }

    fileprivate mutating func nextRecord(_ header: PcapHeader) throws(CaptureFailure) -> CapturedFrame? {
        let place = bytes.offset
        let size = header.kind.isPatched ? 24 : 16
        guard try has(size) else {
            if bytes.available == 0 { return nil }
            throw .content(offset: place, message: "the capture ends within the header of frame \(frameCount + 1)")
        }
        let numbers = ByteNumbers(bytes: bytes.take(size), isLittle: header.kind.isLittle)
        guard let seconds = numbers.word32(0), let fraction = numbers.word32(4), let captured = numbers.word32(8),
            let length = numbers.word32(12)
        else { return nil }
        guard captured <= CaptureReader.longestBlock else {
            throw .content(
                offset: place, message: "frame \(frameCount + 1) is said to have \(captured) bytes: this is no frame")
        }
        guard try has(Int(captured)) else {
            throw .content(
                offset: place,
                message:
                    "the capture ends within frame \(frameCount + 1): \(bytes.available) of \(captured) bytes are there"
            )
        }
        frameCount += 1
        var frame = CapturedFrame(
            number: frameCount, interface: header.interface, length: Int(max(length, captured)),
            bytes: bytes.take(Int(captured)))
        let nanoseconds = header.kind.hasNanoseconds ? UInt64(fraction) : UInt64(fraction) * 1000
        frame.time = CaptureTime(
            seconds: Int64(seconds) + Int64(nanoseconds / 1_000_000_000),
            nanoseconds: UInt32(nanoseconds % 1_000_000_000))
        return frame
    }
}

extension LinkType {
    /// Some systems write their own number for raw IP.
    init(number: UInt32) { self.init(rawValue: number == 12 || number == 14 ? 101 : number) }
}
