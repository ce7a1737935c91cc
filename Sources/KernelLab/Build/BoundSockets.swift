internal import Glibc
internal import KernelLink
internal import NetTypes
internal import RuleModel

/// UDP sockets of a snapshot, opened in the calling thread's namespace. Nobody reads them: what is delivered is forgotten.
struct BoundSockets: ~Copyable {
    private let descriptors: [Int32]

    init(_ listeners: [Listener]) throws(LabFailure) {
        var open: [Int32] = []
        do throws(LabFailure) {
            for listener in listeners where listener.protocol == .udp { open.append(try bound(listener)) }
        } catch {
            for descriptor in open { close(descriptor) }
            throw error
        }
        descriptors = open
    }

    deinit { for descriptor in descriptors { close(descriptor) } }

    static func isTransparent(_ listener: Listener) -> Bool {
        listener.address != nil && isTransparentSocket(listener.port)
    }
}

private func bound(_ listener: Listener) throws(LabFailure) -> Int32 {
    let version = listener.address?.version ?? listener.version
    let address = listener.address ?? .zero(version ?? .v6)
    let isV4 = version == .v4
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = OwnedDescriptor(socket(isV4 ? AF_INET : AF_INET6, kind, 0))
    guard descriptor.number >= 0 else { throw LabFailure(call: "socket", code: errno) }
    let six = Int32(IPPROTO_IPV6)
    // Beside another on any address.
    var options: [(level: Int32, name: Int32, value: UInt32)] = [(SOL_SOCKET, SO_REUSEADDR, 1)]
    if !isV4 { options.append((six, IPV6_V6ONLY, version == .v6 ? 1 : 0)) }
    if BoundSockets.isTransparent(listener) {
        // IP_TRANSPARENT, IPV6_TRANSPARENT
        options.append(isV4 ? (Int32(IPPROTO_IP), 19, 1) : (six, 75, 1))
    }
    for option in options {
        var value = option.value
        guard unsafe setsockopt(descriptor.number, option.level, option.name, &value, 4) == 0 else {
            throw LabFailure(call: "setsockopt", code: errno)
        }
    }
    var place = RawSender.socketAddress(address, port: listener.port)
    let length = socklen_t(place.count)
    let result = unsafe place.withUnsafeMutableBytes { buffer in
        unsafe buffer.withMemoryRebound(to: sockaddr.self) {
            unsafe bind(descriptor.number, $0.baseAddress, length)
        }
    }
    guard result == 0 else { throw LabFailure(call: "bind", code: errno, words: "\(address) port \(listener.port)") }
    return descriptor.release()
}
