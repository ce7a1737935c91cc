internal import NetTypes
internal import PathModel
internal import RuleModel

/// What conntrack makes of a packet before it looks for the packet's connection.
enum FirstLook: Hashable {
    /// The packet is of a connection, known or new.
    case tracked
    case invalid, untracked
    /// An ICMP error: what it quotes decides.
    case error
}

/// What conntrack refuses by a packet's bytes alone: headers that are not all there, lengths that can't be, checksums.
///
/// Source: net/netfilter/nf_conntrack_core.c `get_l4proto`, `nf_ct_get_tuple`, and the error checks of
/// nf_conntrack_proto_tcp.c, _udp.c, _sctp.c, _icmp.c, _icmpv6.c, Linux 6.18.
struct TransportCheck {
    private let bytes: [UInt8]
    private let layout: PacketLayout
    /// Checksums are looked at in PREROUTING only, and not with `nf_conntrack_checksum` 0.
    private let verifiesChecksum: Bool

    /// `nil` where not all of the packet's bytes are known.
    init?(_ packet: Packet, verifiesChecksum: Bool) {
        guard let bytes = packet.currentBytes, let layout = PacketLayout(bytes), bytes.count == layout.length,
            !packet.unknown.contains(.payload)
        else { return nil }
        self.bytes = bytes
        self.layout = layout
        let rewritten: PacketFields = [.source, .destination, .sourcePort, .destinationPort, .otherHeaders]
        self.verifiesChecksum =
            verifiesChecksum && packet.unknown.isDisjoint(with: rewritten) && packet.sourcePortChoices == nil
    }

    private var start: Int { layout.transport.offset }
    private var size: Int { bytes.count - start }

    private func byte(_ offset: Int) -> Int { offset < size ? Int(bytes[start + offset]) : 0 }
    private func word(_ offset: Int) -> Int { byte(offset) << 8 | byte(offset + 1) }

    var isRefused: Bool {
        // Nothing follows, or what does is not to be found.
        guard layout.isComplete, layout.fragmentOffset == 0 else { return !isFoundBehindItsEnd }
        switch layout.transport.kind {
        case .tcp:
            let header = byte(12) >> 4 * 4
            return size < 20 || header < 20 || size < header || hasWrongChecksum()
        case .udp:
            if size < 8 || word(4) > size || word(4) < 8 { return true }
            return word(6) != 0 && hasWrongChecksum()
        case .udplite:
            let coverage = word(4) == 0 ? size : word(4)
            // In the pseudo header the kernel takes it for UDP, so that no right checksum is right there.
            return size < 8 || coverage < 8 || coverage > size || word(6) == 0
                || hasWrongChecksum(covering: coverage, as: .udp)
        case .sctp: return size < 12 || hasWrongChecksum() || !SCTPChunks(bytes, start).isSensible
        case .icmp, .icmpv6: return size < 8 || hasWrongChecksum()
        case .noNextHeader: return layout.version == .v6
        default: return false
        }
    }

    /// Whether conntrack, which did not refuse the packet, found an internet checksum right: the kernel then takes it for
    /// right ever after, whatever is written into the packet.
    /// Source: net/core/skbuff.c `__skb_checksum_complete`, include/linux/skbuff.h `skb_csum_unnecessary`, Linux 6.18.
    var isVerified: Bool {
        guard verifiesChecksum, layout.isComplete, layout.fragmentOffset == 0 else { return false }
        switch layout.transport.kind {
        case .tcp, .udplite, .icmp, .icmpv6: return true
        case .udp: return word(6) != 0
        default: return false
        }
    }

    /// Whether conntrack steps over the two or three bytes that are there of a routing header, to a protocol of which it
    /// reads nothing. Source: net/ipv6/exthdrs_core.c `ipv6_skip_exthdr`; observed on Linux 6.18.
    private var isFoundBehindItsEnd: Bool {
        guard layout.fragmentOffset == 0, layout.transport.kind == .routing, size >= 2 else { return false }
        let kind = IPProtocol(UInt8(byte(0)))
        if kind.isExtensionHeader || kind == .noNextHeader { return false }
        return !kind.isTrackedByPorts && !kind.isICMP
    }

    private func hasWrongChecksum(covering coverage: Int? = nil, as kind: IPProtocol? = nil) -> Bool {
        verifiesChecksum && !layout.hasRightChecksum(bytes, covering: coverage, as: kind)
    }
}

extension Evaluator {
    /// What conntrack makes of the packet by itself. Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_in`.
    func firstLook(_ state: WalkState) -> FirstLook {
        let packet = state.packet
        if transportCheck(state)?.isRefused == true { return .invalid }
        switch packet.protocol {
        case .tcp: return hasValidFlags(packet) ? .tracked : .invalid
        case .icmp:
            guard packet.version == .v4 else { return .invalid }
            switch packet.icmpType {
            case 3, 4, 5, 11, 12: return .error
            case 19...: return .invalid
            default: return .tracked
            }
        case .icmpv6:
            guard packet.version == .v6 else { return .invalid }
            switch packet.icmpType {
            case 130...136, 143: return .untracked
            case 0..<128, 137: return .error
            default: return .tracked
            }
        default: return .tracked
        }
    }

    func transportCheck(_ state: WalkState) -> TransportCheck? {
        let verifies =
            !state.hasVerifiedChecksum && state.context.hook == .prerouting
            && model.sysctl("net.netfilter.nf_conntrack_checksum") != 0
        return TransportCheck(state.packet, verifiesChecksum: verifies)
    }

    /// Combinations of flags that a TCP stack sends. PSH, ECE and CWR do not matter.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_valid_flags`.
    private func hasValidFlags(_ packet: Packet) -> Bool {
        switch packet.tcpFlags.subtracting([.psh, .ece, .cwr]) {
        case .syn, [.syn, .urg], [.syn, .ack], .rst, [.rst, .ack], [.fin, .ack], [.fin, .ack, .urg], .ack,
            [.ack, .urg]:
            return true
        default: return false
        }
    }
}
