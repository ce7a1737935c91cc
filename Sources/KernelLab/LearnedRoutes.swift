internal import CNetfilter
internal import Glibc
internal import KernelLink
internal import NetTypes
internal import NetlinkBytes

/// What the kernel has learned of paths by ICMP: a smaller size, another gateway.
///
/// Source: net/ipv4/icmp.c `icmp_err`, net/ipv6/icmp.c `icmpv6_err`, Linux 6.18: an error about an ICMP message needs no
/// socket to be heeded.
extension Laboratory {
    mutating func forgetPaths() throws(LabFailure) {
        do throws(LabFailure) {
            try ScratchNamespace.set("net.ipv4.route.flush", to: "1")
        } catch {
            // Not to be had in the network namespace of a user namespace.
            guard error.code == ENOENT else { throw error }
        }
        // That of IPv6 passes over what has not expired: net/ipv6/route.c `rt6_age_examine_exception`.
        var header = [UInt8](repeating: 0, count: 12)
        header[0] = UInt8(AF_INET6)
        for route in try self.route.dump(NetlinkRequest(type: Int(RTM_GETROUTE), header: header), "learned routes") {
            guard route.count >= 12, route.span.native(UInt32.self, at: 8) & UInt32(RTM_F_CLONED) != 0 else { continue }
            do throws(LabFailure) {
                try self.route.perform(NetlinkRequest(type: Int(RTM_DELROUTE), header: route), "learned route")
            } catch {
                // It has expired meanwhile.
                guard error.code == ESRCH else { throw error }
            }
        }
    }
}

extension AnswerKind {
    /// Whether it speaks of a path's size or of another gateway.
    var tellsOfPath: Bool {
        switch self {
        case .reset: false
        case .icmp(let type, let code): type == 3 && code == 4 || type == 5
        case .icmpv6(let type, _): type == 2 || type == 137
        }
    }
}

/// Whether `packet` is such a message, or a part of one that may be.
func tellsOfPath(_ packet: [UInt8]) -> Bool {
    guard let packet = Packet(decoding: packet.span) else { return false }
    switch packet.protocol {
    case .icmp: return packet.isFragment || AnswerKind.icmp(type: packet.icmpType, code: packet.icmpCode).tellsOfPath
    case .icmpv6:
        return packet.isFragment || AnswerKind.icmpv6(type: packet.icmpType, code: packet.icmpCode).tellsOfPath
    default: return false
    }
}
