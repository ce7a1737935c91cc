import NetlinkBytes
import Testing

@testable import KernelLink

@Suite struct NetlinkMessageTests {
    private func messages(_ read: [UInt8]) -> [MessageWalk.Message] {
        var walk = MessageWalk(0..<read.count)
        var found: [MessageWalk.Message] = []
        while let message = walk.next(in: read.span) { found.append(message) }
        return found
    }

    @Test func requestHasItsLengthAndPaddedAttributes() {
        var request = NetlinkRequest(subsystem: 10, message: 12, flags: 0x400, family: 1)
        request.put(1, text: "abc")
        request.nest(3) { $0.put(2, bigEndian: UInt16(0x1234)) }
        #expect(
            request.bytes
                == bytes(
                    """
                    28000000 0c0a 0004 00000000 00000000 01000000
                    0800 0100 61626300 0c00 0380 0600 0200 1234 0000
                    """))
    }

    @Test func messagesOfOneReadAreTakenApart() {
        let read = bytes("14000000 0200 0000 07000000 00000000 ffffffff 10000000 0300 0200 07000000 00000000 0000")
        let found = messages(read)
        #expect(found.map(\.type) == [2, 3])
        #expect(found.map(\.sequence) == [7, 7])
        #expect(found.map(\.payload) == [16..<20, 36..<36])
    }

    @Test func messageThatDoesNotFitEndsTheWalk() {
        for length in ["0f000000", "15000000", "ffffffff"] {
            #expect(messages(bytes("\(length) 0200 0000 07000000 00000000 ffffffff")).isEmpty)
        }
    }
}
