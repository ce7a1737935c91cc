internal import CNetfilter
internal import Glibc
internal import NetlinkBytes
internal import RuleModel
internal import SourceText

/// The sockets of TCP that listen and those of UDP that are not connected.
func readSockets(_ parts: KernelParts) throws(KernelFailure) -> [HostDump.Socket] {
    var found: [HostDump.Socket] = []
    let kinds: [(protocolNumber: UInt8, state: UInt32, part: KernelParts.Part, file: String)] = [
        // TCP_LISTEN and TCP_CLOSE
        (6, 10, .tcpSockets, "tcp"), (17, 7, .udpSockets, "udp"),
    ]
    for kind in kinds {
        for family in [AF_INET, AF_INET6] {
            if parts.has(kind.part) {
                found += try askSockets(kind.protocolNumber, kind.state, UInt8(family)).map {
                    HostDump.Socket(protocolNumber: kind.protocolNumber, form: .message($0))
                }
            } else {
                let path = "/proc/thread-self/net/" + kind.file + (family == AF_INET6 ? "6" : "")
                found += try listSockets(path, kind.state).map {
                    HostDump.Socket(protocolNumber: kind.protocolNumber, form: .line($0))
                }
            }
        }
    }
    return found
}

/// Source: include/uapi/linux/inet_diag.h and sock_diag.h, Linux 6.18: SOCK_DIAG_BY_FAMILY with `inet_diag_req_v2`.
private func askSockets(_ protocolNumber: UInt8, _ state: UInt32, _ family: UInt8) throws(KernelFailure) -> [[UInt8]] {
    var header: [UInt8] = [family, protocolNumber, 0, 0]
    header.append(native: UInt32(1) << state)
    // struct inet_diag_sockid, of which nothing is asked in a dump.
    header += [UInt8](repeating: 0, count: 48)
    var socket = try NetlinkSocket(.sockets)
    return try socket.dump(NetlinkRequest(type: 20, header: header), "sockets")
}

/// Lines of `path` whose state is `state`. Without IPv6 there is no file of it, and no socket.
func listSockets(_ path: String, _ state: UInt32) throws(KernelFailure) -> [[UInt8]] {
    let text: [UInt8]
    do throws(FileFailure) {
        text = try readFile(path, limit: 1 << 28)
    } catch {
        if error.code == ENOENT { return [] }
        throw KernelFailure(call: error.call, code: error.code, words: path)
    }
    let digits = String(state, radix: 16, uppercase: true)
    let wanted = Array((digits.utf8.count < 2 ? "0" + digits : digits).utf8)
    var lines: [[UInt8]] = []
    for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
        // `   0: 0100007F:1F90 00000000:0000 0A …`
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
        if words.count > 3, words[3].elementsEqual(wanted) { lines.append(Array(line)) }
    }
    return lines
}

/// Which processes hold which sockets, of those that this one may look into. Nothing else of them is read than the
/// links of their descriptors and, of those with a wanted socket, the name.
func readSocketOwners(_ wanted: Set<UInt32>) -> [UInt32: [HostDump.SocketOwner]] {
    var owners: [UInt32: [HostDump.SocketOwner]] = [:]
    guard !wanted.isEmpty, let names = try? directoryEntries("/proc", limit: 1 << 22) else { return [:] }
    for name in names {
        guard let number = Int(name), let entries = try? directoryEntries("/proc/\(name)/fd", limit: 1 << 20) else {
            continue
        }
        var process: [UInt8]?
        for entry in entries {
            guard let inode = socketInode(at: "/proc/\(name)/fd/\(entry)"), wanted.contains(inode) else { continue }
            if process == nil {
                let text = (try? readFile("/proc/\(name)/comm", limit: 1 << 10)) ?? []
                process = Array(text.prefix { $0 != UInt8(ascii: "\n") })
            }
            owners[inode, default: []].append(
                HostDump.SocketOwner(process: process ?? [], number: number, descriptor: Int(entry) ?? 0))
        }
    }
    return owners
}

/// The number in `socket:[12345]`.
private func socketInode(at path: String) -> UInt32? {
    var target = [CChar](repeating: 0, count: 64)
    let count = unsafe readlink(path, &target, target.count)
    guard count > 9, count < target.count else { return nil }
    let text = target[..<count].map { UInt8(bitPattern: $0) }
    guard text.starts(with: "socket:[".utf8), text.last == UInt8(ascii: "]") else { return nil }
    return UInt32(String(decoding: text[8..<(count - 1)], as: UTF8.self))
}
