internal import SourceText

/// What blocks of a section of a pcapng file mean.
struct PcapngSection {
    static let headerType: UInt32 = 0x0a0d_0d0a

    struct Interface {
        var interface: CaptureInterface
        var snapLength: UInt32
        /// Ticks in a second; `nil`: more than a number holds.
        var ticks: UInt64? = 1_000_000
        /// Seconds to add to each time.
        var offset: Int64 = 0
    }

    var isLittle = false
    var interfaces: [Interface] = []

    /// Interfaces of one section: far more than a machine has.
    static let mostInterfaces = 65536
}

extension CaptureReader {
    /// Blocks up to the next one with a frame, and that.
    mutating func nextBlockWithFrame() throws(CaptureFailure) -> CapturedFrame? {
        while true {
            let place = bytes.offset
            guard try has(12) else {
                if bytes.available == 0 { return nil }
                throw .content(offset: place, message: "the capture ends within a block's header")
            }
            let head = ByteNumbers(bytes: bytes.peek(12), isLittle: section.isLittle)
            let type = head.word32(0) ?? 0
            if type == PcapngSection.headerType {
                try beginSection(head.bytes, place)
            } else if place == 0 {
                throw .content(offset: 0, message: "the capture has no section header")
            }
            let block = try takeBlock(place)
            switch type {
            case 1: try takeInterface(block, place)
            case 2: return try frame(block, place, isOld: true)
            case 3: return try simpleFrame(block, place)
            case 5: takeStatistics(block)
            case 6: return try frame(block, place, isOld: false)
            // Names, secrets, comments and what others have added.
            default: continue
            }
        }
    }

    private mutating func beginSection(_ head: [UInt8], _ place: Int) throws(CaptureFailure) {
        switch ByteNumbers(bytes: head).word32(8) {
        case 0x1a2b_3c4d?: section = PcapngSection(isLittle: false)
        case 0x4d3c_2b1a?: section = PcapngSection(isLittle: true)
        default: throw .content(offset: place + 8, message: "the section header has no byte order")
        }
    }

    /// A whole block without the length at its end; a section header's numbers are in its own order.
    private mutating func takeBlock(_ place: Int) throws(CaptureFailure) -> ByteNumbers {
        let head = ByteNumbers(bytes: bytes.peek(8), isLittle: section.isLittle)
        let length = Int(head.word32(4) ?? 0)
        guard length >= 12, length % 4 == 0, length <= CaptureReader.longestBlock else {
            throw .content(offset: place + 4, message: "a block is said to have \(length) bytes: this is no block")
        }
        guard try has(length) else {
            throw .content(
                offset: place,
                message: "the capture ends within a block: \(bytes.available) of \(length) bytes are there")
        }
        let block = ByteNumbers(bytes: bytes.take(length), isLittle: section.isLittle)
        guard block.word32(length - 4) == UInt32(length) else {
            throw .content(offset: place + length - 4, message: "a block's second length is not its first")
        }
        if head.word32(0) == PcapngSection.headerType, let major = block.word16(12), major != 1 {
            throw .content(offset: place + 12, message: "pcapng of version \(major); 1 is read")
        }
        return block
    }

    private mutating func takeInterface(_ block: ByteNumbers, _ place: Int) throws(CaptureFailure) {
        guard let link = block.word16(8), let snapLength = block.word32(12) else {
            throw .content(offset: place, message: "the description of an interface is too short")
        }
        guard section.interfaces.count < PcapngSection.mostInterfaces else {
            throw .content(offset: place, message: "more than \(PcapngSection.mostInterfaces) interfaces")
        }
        var interface = PcapngSection.Interface(
            interface: CaptureInterface(linkType: LinkType(number: UInt32(link))), snapLength: snapLength)
        for (code, range) in options(block, from: 16) {
            switch code {
            case 2:
                let text = block.bytes[range].prefix { $0 != 0 }
                if !text.isEmpty { interface.interface.name = String(decoding: text, as: UTF8.self) }
            case 9: if let byte = block.byte(range.lowerBound) { interface.ticks = CaptureReader.ticks(byte) }
            case 14:
                if range.count == 8, let word = block.word64(range.lowerBound) {
                    interface.offset = Int64(bitPattern: word)
                }
            default: continue
            }
        }
        section.interfaces.append(interface)
    }

    /// Ticks in a second: a power of ten, or of two where the highest bit is set.
    private static func ticks(_ byte: UInt8) -> UInt64? {
        if byte & 0x80 != 0 { return byte & 0x7f < 64 ? 1 << UInt64(byte & 0x7f) : nil }
        if byte > 19 { return nil }
        return (0..<byte).reduce(1) { ticks, _ in ticks * 10 }
    }

    /// Codes and values of the options from `start` on, up to the first that makes no sense.
    private func options(_ block: ByteNumbers, from start: Int) -> [(code: UInt16, range: Range<Int>)] {
        var found: [(code: UInt16, range: Range<Int>)] = []
        let end = block.bytes.count - 4
        var place = start
        while place + 4 <= end, let code = block.word16(place), let length = block.word16(place + 2), code != 0 {
            let range = place + 4..<place + 4 + Int(length)
            if range.upperBound > end { break }
            found.append((code, range))
            place = range.lowerBound + (Int(length) + 3) & ~3
        }
        return found
    }

    private mutating func takeStatistics(_ block: ByteNumbers) {
        for (code, range) in options(block, from: 20) where (code == 5 || code == 7) && range.count == 8 {
            // Lost by the interface, or by the system.
            if let count = block.word64(range.lowerBound) {
                lostCount = lostCount.addingReportingOverflow(count).overflow ? .max : lostCount + count
            }
        }
    }

    /// A frame of an enhanced packet block, or of the packet block that came before it.
    private mutating func frame(_ block: ByteNumbers, _ place: Int, isOld: Bool) throws(CaptureFailure) -> CapturedFrame
    {
        guard let index = isOld ? block.word16(8).map({ UInt32($0) }) : block.word32(8), let high = block.word32(12),
            let low = block.word32(16), let captured = block.word32(20), let length = block.word32(24),
            Int(captured) <= block.bytes.count - 32
        else { throw .content(offset: place, message: "the block of frame \(frameCount + 1) is too short for it") }
        guard Int(index) < section.interfaces.count else {
            throw .content(
                offset: place + 8, message: "frame \(frameCount + 1) is of interface \(index), which is not described")
        }
        let interface = section.interfaces[Int(index)]
        var frame = newFrame(block, 28..<28 + Int(captured), length: length, interface)
        frame.time = interface.time(UInt64(high) << 32 | UInt64(low))
        for (code, range) in options(block, from: 28 + (Int(captured) + 3) & ~3) where code == 2 && range.count == 4 {
            switch block.word32(range.lowerBound).map({ $0 & 3 }) {
            case 1?: frame.direction = .arriving
            case 2?: frame.direction = .leaving
            default: break
            }
        }
        return frame
    }

    private mutating func simpleFrame(_ block: ByteNumbers, _ place: Int) throws(CaptureFailure) -> CapturedFrame {
        guard let interface = section.interfaces.first else {
            throw .content(offset: place, message: "frame \(frameCount + 1) is of an interface that is not described")
        }
        guard block.bytes.count >= 16, let length = block.word32(8) else {
            throw .content(offset: place, message: "the block of frame \(frameCount + 1) is too short for it")
        }
        var captured = min(Int(length), block.bytes.count - 16)
        if interface.snapLength > 0 { captured = min(captured, Int(interface.snapLength)) }
        return newFrame(block, 12..<12 + captured, length: length, interface)
    }

    private mutating func newFrame(
        _ block: ByteNumbers, _ range: Range<Int>, length: UInt32, _ interface: PcapngSection.Interface
    ) -> CapturedFrame {
        frameCount += 1
        return CapturedFrame(
            number: frameCount, interface: interface.interface, length: max(Int(length), range.count),
            bytes: Array(block.bytes[range]))
    }
}

extension PcapngSection.Interface {
    /// `nil` where the ticks can't be counted.
    fileprivate func time(_ value: UInt64) -> CaptureTime? {
        guard let ticks else { return nil }
        let seconds = Int64(clamping: value / ticks).addingReportingOverflow(offset)
        if seconds.overflow { return nil }
        let (high, low) = (value % ticks).multipliedFullWidth(by: 1_000_000_000)
        return CaptureTime(
            seconds: seconds.partialValue, nanoseconds: UInt32(ticks.dividingFullWidth((high, low)).quotient))
    }
}
