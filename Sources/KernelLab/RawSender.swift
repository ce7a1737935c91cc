internal import CNetfilter
internal import Glibc
internal import KernelLink
internal import NetTypes
internal import NetlinkBytes

/// Who sends a packet from the host itself, and what the socket says of it.
public struct LocalSender: Hashable, Sendable {
    public var mark: UInt32 = 0
    public var priority: UInt32 = 0
    /// What `-m owner` sees. Giving one needs the right to change it.
    public var userID: UInt32?
    public var groupID: UInt32?

    public init() {}
}

/// Sends IP packets from the host itself, header and all.
public enum RawSender {
    /// What came of a packet: the error number of the system call that failed, 0 where all went well.
    struct Sending: ~Copyable {
        let error: Int32
        /// Keep it until the packet has gone: one that waits for a neighbour has no owner once its socket is closed.
        /// Source: net/netfilter/nft_meta.c `nft_meta_get_eval_skugid`, Linux 6.18.
        let socket: OwnedDescriptor?

        init(_ error: Int32, _ socket: consuming OwnedDescriptor? = nil) {
            self.error = error
            self.socket = socket
        }
    }

    /// Sends `packet`.
    ///
    /// Any source address will do. The kernel fills in the IPv4 identification and source where they are 0, and the
    /// checksum and length. The socket is bound to the source and has the packet's type of service: both decide
    /// the route.
    static func send(_ packet: [UInt8], as sender: LocalSender = LocalSender()) -> Sending {
        guard let header = IPHeader(packet) else { return Sending(EINVAL) }
        let isSix = header.version == .v6
        // Whoever is the user when a socket is made owns it: net/netfilter/xt_owner.c looks at `f_cred->fsuid`.
        if let group = sender.groupID { _ = scratch_file_group(group) }
        if let user = sender.userID { _ = scratch_file_user(user) }
        let number = socket(isSix ? AF_INET6 : AF_INET, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), 255)
        let code = errno
        if sender.userID != nil { _ = scratch_file_user(geteuid()) }
        if sender.groupID != nil { _ = scratch_file_group(getegid()) }
        guard number >= 0 else { return Sending(code) }
        let descriptor = OwnedDescriptor(number)
        var options: [(level: Int32, name: Int32, value: UInt32)] = [(SOL_SOCKET, SO_BROADCAST, 1)]
        if sender.mark != 0 { options.append((SOL_SOCKET, SO_MARK, sender.mark)) }
        let (ip, six) = (Int32(IPPROTO_IP), Int32(IPPROTO_IPV6))
        if isSix {
            // IPV6_HDRINCL, IPV6_FREEBIND, IPV6_TCLASS
            options += [(six, 36, 1), (six, 78, 1), (six, 67, UInt32(header.tos))]
        } else {
            options += [(ip, IP_HDRINCL, 1), (ip, IP_FREEBIND, 1), (ip, IP_TOS, UInt32(header.tos))]
        }
        // After the type of service, which sets the priority too.
        if sender.priority != 0 { options.append((SOL_SOCKET, SO_PRIORITY, sender.priority)) }
        for option in options {
            var value = option.value
            guard unsafe setsockopt(descriptor.number, option.level, option.name, &value, 4) == 0 else {
                return Sending(errno)
            }
        }
        var source = Self.socketAddress(header.source), destination = Self.socketAddress(header.destination)
        let length = socklen_t(source.count)
        let bound = unsafe source.withUnsafeMutableBytes { buffer in
            unsafe buffer.withMemoryRebound(to: sockaddr.self) {
                unsafe bind(descriptor.number, $0.baseAddress, length)
            }
        }
        guard bound == 0 else { return Sending(errno) }
        let sent = unsafe destination.withUnsafeMutableBytes { buffer in
            unsafe buffer.withMemoryRebound(to: sockaddr.self) {
                unsafe sendto(descriptor.number, packet, packet.count, 0, $0.baseAddress, length)
            }
        }
        let error = sent == packet.count ? 0 : errno
        return Sending(error, descriptor)
    }

    /// `struct sockaddr_in` or `sockaddr_in6` as bytes.
    static func socketAddress(_ address: IPAddress, port: UInt16 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(native: UInt16(address.version == .v6 ? AF_INET6 : AF_INET))
        bytes += [UInt8(port >> 8), UInt8(port & 0xff)]
        bytes += [UInt8](repeating: 0, count: address.version == .v6 ? 4 : 0)
        bytes += address.bytes
        bytes += [UInt8](repeating: 0, count: address.version == .v6 ? 4 : 8)
        return bytes
    }
}
