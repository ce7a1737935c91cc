internal import SourceText

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A socket that listens on a numeric address, and its port.
func listen(_ address: String, _ port: UInt16) throws(FileFailure) -> (descriptor: Int32, port: UInt16) {
    let path = "\(address):\(port)"
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(address, "\(port)", &hints, &found) == 0, let info = unsafe found else {
        throw FileFailure(call: "bind", code: EADDRNOTAVAIL, path: path)
    }
    defer { unsafe freeaddrinfo(info) }
    let kind = unsafe info.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = unsafe socket(info.pointee.ai_family, kind, 0)
    guard descriptor >= 0 else { throw FileFailure(call: "socket", code: errno, path: path) }
    var isOn: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    guard unsafe bind(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 else {
        let code = errno
        close(descriptor)
        throw FileFailure(call: "bind", code: code, path: path)
    }
    guard Glibc.listen(descriptor, 32) == 0 else {
        let code = errno
        close(descriptor)
        throw FileFailure(call: "listen", code: code, path: path)
    }
    return (descriptor, boundPort(descriptor) ?? port)
}

private func boundPort(_ descriptor: Int32) -> UInt16? {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe getsockname(descriptor, $0, &length)
        }
    }
    guard result == 0 else { return nil }
    // Port and family stand at the same place for IPv4 and IPv6.
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            unsafe UInt16(bigEndian: $0.pointee.sin_port)
        }
    }
}
