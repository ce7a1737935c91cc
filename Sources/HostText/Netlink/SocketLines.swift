import NetTypes
import NetlinkBytes
import RuleModel
import SourceText

/// What of a socket is told, in whichever form.
private struct SocketParts {
    var version: IPVersion
    var state: UInt8
    var address: IPAddress
    var port: UInt16
    /// 0: any.
    var interface: UInt32 = 0
    var inode: UInt32
    var receiveQueue: UInt32
    var sendQueue: UInt32
    /// Whether it takes IPv6 alone; lines of /proc do not tell, and both is what a socket takes unless it is asked to.
    var isV6Only = false

    /// Source: `struct inet_diag_msg` of include/uapi/linux/inet_diag.h, Linux 6.18.
    init?(message bytes: [UInt8]) {
        guard bytes.count >= 72 else { return nil }
        let span = bytes.span
        version = bytes[0] == 2 ? .v4 : .v6
        state = bytes[1]
        port = UInt16(truncatingIfNeeded: span.bigEndian(4..<6))
        let length = version == .v4 ? 4 : 16
        guard let address = IPAddress(wire: span, 8..<(8 + length)) else { return nil }
        self.address = address
        interface = span.native(UInt32.self, at: 40)
        receiveQueue = span.native(UInt32.self, at: 56)
        sendQueue = span.native(UInt32.self, at: 60)
        inode = span.native(UInt32.self, at: 68)
        // INET_DIAG_SKV6ONLY
        isV6Only = MessageParts(bytes, after: 72).byte(11) == 1
    }

    /// `   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 143 …`: an address in
    /// words of 32 bits as the machine has them. Source: `get_tcp4_sock` of net/ipv4/tcp_ipv4.c, Linux 6.18.
    init?(line: [UInt8]) {
        let words = line.split(separator: UInt8(ascii: " "))
        guard words.count > 9, let stateNumber = hexadecimalNumber(words[3]), let number = decimalNumber(words[9]),
            let colon = words[1].firstIndex(of: UInt8(ascii: ":")),
            let port = hexadecimalNumber(words[1][(colon + 1)...])
        else { return nil }
        let digits = Array(words[1][..<colon])
        guard digits.count == 8 || digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 8) {
            guard let word = hexadecimalNumber(digits[start..<(start + 8)]) else { return nil }
            bytes.append(native: word)
        }
        guard let address = IPAddress(wire: bytes.span, 0..<bytes.count) else { return nil }
        version = digits.count == 8 ? .v4 : .v6
        state = UInt8(truncatingIfNeeded: stateNumber)
        self.address = address
        self.port = UInt16(truncatingIfNeeded: port)
        inode = number
        let queues = words[4].split(separator: UInt8(ascii: ":"))
        sendQueue = queues.first.flatMap { hexadecimalNumber($0) } ?? 0
        receiveQueue = queues.last.flatMap { hexadecimalNumber($0) } ?? 0
    }
}

private func hexadecimalNumber(_ digits: ArraySlice<UInt8>) -> UInt32? {
    guard !digits.isEmpty, digits.count <= 8 else { return nil }
    var value: UInt32 = 0
    for byte in digits {
        guard let digit = hexadecimalDigit(byte) else { return nil }
        value = value << 4 | UInt32(digit)
    }
    return value
}

private func decimalNumber(_ digits: ArraySlice<UInt8>) -> UInt32? {
    decimal(Array(digits).span).flatMap { UInt32(exactly: $0) }
}

/// What `ss -lntup` shows. Source: iproute2's misc/ss.c `inet_addr_print` and `proc_ctx_print`, 6.1.
func writeSockets(_ dump: HostDump, _ sockets: [HostDump.Socket], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    lines.add("Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port  Process")
    lines.endLine()
    for socket in sockets {
        let parts: SocketParts? =
            switch socket.form {
            case .message(let bytes): SocketParts(message: bytes)
            case .line(let line): SocketParts(line: line)
            }
        guard let parts else { continue }
        lines.add(socket.protocolNumber == 6 ? "tcp   " : "udp   ")
        lines.add(parts.state == 10 ? "LISTEN " : "UNCONN ")
        lines.add("\(parts.receiveQueue)", "\(parts.sendQueue)")
        let host = hostWord(parts)
        lines.add(host)
        if parts.interface != 0 {
            lines.add("%")
            lines.add(names.name(parts.interface))
        }
        lines.add(":\(parts.port)  ")
        lines.add(parts.version == .v4 ? "0.0.0.0:*" : parts.isV6Only ? "[::]:*" : "*:*")
        if let owners = dump.socketOwners[parts.inode] {
            lines.add("  users:(")
            for (position, owner) in owners.enumerated() {
                lines.add(position == 0 ? "(\"" : ",(\"")
                // A process calls itself what it likes.
                lines.add(owner.process.map { $0 <= 0x20 || $0 == 0x22 || $0 == 0x7f ? UInt8(ascii: "?") : $0 })
                lines.add("\",pid=\(owner.number),fd=\(owner.descriptor))")
            }
            lines.add(")")
        }
        lines.endLine()
    }
    return lines.bytes
}

private func hostWord(_ socket: SocketParts) -> String {
    if socket.version == .v4 { return "\(socket.address)" }
    if socket.address.isZero, !socket.isV6Only { return "*" }
    return "[\(socket.address)]"
}
