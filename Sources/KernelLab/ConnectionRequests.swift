internal import CNetfilter
internal import Glibc
public import HostText
public import KernelLink
internal import NetTypes
public import RuleModel

/// The connection table of a namespace, over a socket of the `netfilter` bus.
extension NetlinkSocket {
    /// Forgets every connection. Nothing happens where conntrack is not loaded.
    public mutating func flushConnections() throws(LabFailure) {
        do throws(LabFailure) {
            try perform(connectionRequest(IPCTNL_MSG_CT_DELETE), "flush of connections")
        } catch {
            // As before the first rule that wants conntrack.
            guard error.code == ENOENT else { throw error }
        }
    }

    /// The connection table.
    public mutating func connections() throws(LabFailure) -> [KernelConnection] {
        try dump(connectionRequest(IPCTNL_MSG_CT_GET), "connections").compactMap { KernelConnection($0.span) }
    }

    /// The connection whose first packet is that of `entry`; `nil` where there is none. Unlike a dump it does not cost
    /// a walk through the whole table, which all namespaces of the machine share.
    public mutating func connection(like entry: ConnectionEntry) throws(LabFailure) -> KernelConnection? {
        let request = connectionRequest(IPCTNL_MSG_CT_GET, first: entry)
        do throws(LabFailure) {
            return try get(request, "a connection").first.flatMap { KernelConnection($0.span) }
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    /// Forgets the connection whose first packet is that of `entry`; ENOENT where it is gone already.
    public mutating func delete(_ entry: ConnectionEntry) throws(LabFailure) {
        try perform(connectionRequest(IPCTNL_MSG_CT_DELETE, first: entry), "delete of a connection")
    }

    /// Makes an entry as if its packets had passed, translated where its reply is not the original turned round.
    ///
    /// It lives for as long as it says, or 600 s. Helper and labels are left out. EEXIST: one of its tuples is taken.
    public mutating func add(_ entry: ConnectionEntry) throws(LabFailure) {
        let plain = entry.original.turned
        var request = connectionRequest(IPCTNL_MSG_CT_NEW, entry.original.source.version, NLM_F_CREATE | NLM_F_EXCL)
        let zone = entry.zoneDirection
        request.put(tuple: entry.original, as: CTA_TUPLE_ORIG, zone: zone == .original ? entry.zone : 0)
        request.put(tuple: plain, as: CTA_TUPLE_REPLY, zone: zone == .reply ? entry.zone : 0)
        if entry.zone != 0, zone == nil { request.put(CTA_ZONE.rawValue, bigEndian: entry.zone) }
        request.put(CTA_TIMEOUT.rawValue, bigEndian: entry.expires ?? 600)
        request.put(CTA_STATUS.rawValue, bigEndian: UInt32(entry.status.union(.confirmed).rawValue))
        if entry.mark != 0 { request.put(CTA_MARK.rawValue, bigEndian: entry.mark) }
        let reply = entry.reply
        if reply.destination != plain.destination || reply.destinationPort != plain.destinationPort {
            request.put(translation: reply.destination, port: reply.destinationPort, of: plain, as: CTA_NAT_SRC)
        }
        if reply.source != plain.source || reply.sourcePort != plain.sourcePort {
            request.put(translation: reply.source, port: reply.sourcePort, of: plain, as: CTA_NAT_DST)
        }
        if let state = entry.tcpState {
            request.nest(CTA_PROTOINFO.rawValue) { info in
                info.nest(CTA_PROTOINFO_TCP.rawValue) { $0.put(CTA_PROTOINFO_TCP_STATE.rawValue, [state.rawValue + 1]) }
            }
        }
        try perform(request, "a new connection")
    }
}

private func connectionRequest(
    _ message: cntl_msg_types, _ version: IPVersion? = nil, _ flags: Int32 = 0
) -> NetlinkRequest {
    let family = version.map { UInt8($0 == .v6 ? AF_INET6 : AF_INET) }
    return NetlinkRequest(
        subsystem: Int(NFNL_SUBSYS_CTNETLINK), message: Int(message.rawValue), flags: Int(flags), family: family ?? 0)
}

/// A request about the connection whose first packet is that of `entry`.
private func connectionRequest(_ message: cntl_msg_types, first entry: ConnectionEntry) -> NetlinkRequest {
    var request = connectionRequest(message, entry.original.source.version)
    request.put(tuple: entry.original, as: CTA_TUPLE_ORIG, zone: entry.zoneDirection == .original ? entry.zone : 0)
    if entry.zone != 0, entry.zoneDirection == nil { request.put(CTA_ZONE.rawValue, bigEndian: entry.zone) }
    return request
}

extension NetlinkRequest {
    fileprivate mutating func put(tuple: ConnectionTuple, as type: ctattr_type, zone: UInt16) {
        let isSix = tuple.source.version == .v6
        nest(type.rawValue) { nest in
            nest.nest(CTA_TUPLE_IP.rawValue) {
                $0.put((isSix ? CTA_IP_V6_SRC : CTA_IP_V4_SRC).rawValue, tuple.source.bytes)
                $0.put((isSix ? CTA_IP_V6_DST : CTA_IP_V4_DST).rawValue, tuple.destination.bytes)
            }
            nest.nest(CTA_TUPLE_PROTO.rawValue) { $0.put(protocol: tuple) }
            if zone != 0 { nest.put(CTA_TUPLE_ZONE.rawValue, bigEndian: zone) }
        }
    }

    private mutating func put(protocol tuple: ConnectionTuple) {
        put(CTA_PROTO_NUM.rawValue, [tuple.protocol.rawValue])
        guard tuple.protocol.isICMP else {
            put(CTA_PROTO_SRC_PORT.rawValue, bigEndian: tuple.sourcePort)
            put(CTA_PROTO_DST_PORT.rawValue, bigEndian: tuple.destinationPort)
            return
        }
        let isSix = tuple.protocol == .icmpv6
        put((isSix ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE).rawValue, [tuple.icmpType])
        put((isSix ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE).rawValue, [tuple.icmpCode])
        put((isSix ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID).rawValue, bigEndian: tuple.sourcePort)
    }

    fileprivate mutating func put(
        translation address: IPAddress, port: UInt16, of tuple: ConnectionTuple, as type: ctattr_type
    ) {
        let isSix = address.version == .v6
        nest(type.rawValue) { nest in
            nest.put((isSix ? CTA_NAT_V6_MINIP : CTA_NAT_V4_MINIP).rawValue, address.bytes)
            nest.put((isSix ? CTA_NAT_V6_MAXIP : CTA_NAT_V4_MAXIP).rawValue, address.bytes)
            guard tuple.protocol.hasPorts else { return }
            nest.nest(CTA_NAT_PROTO.rawValue) {
                $0.put(CTA_PROTONAT_PORT_MIN.rawValue, bigEndian: port)
                $0.put(CTA_PROTONAT_PORT_MAX.rawValue, bigEndian: port)
            }
        }
    }
}

extension ConnectionTuple {
    /// What answers it where nothing is translated. Source: `invmap` of net/netfilter/nf_conntrack_proto_icmp.c and
    /// nf_conntrack_proto_icmpv6.c, Linux 6.18.
    fileprivate var turned: ConnectionTuple {
        var back = self
        (back.source, back.destination) = (destination, source)
        guard `protocol`.isICMP else {
            (back.sourcePort, back.destinationPort) = (destinationPort, sourcePort)
            return back
        }
        let pairs: [(UInt8, UInt8)] =
            `protocol` == .icmp ? [(8, 0), (13, 14), (15, 16), (17, 18)] : [(128, 129), (139, 140)]
        for (request, reply) in pairs {
            if icmpType == request { back.icmpType = reply }
            if icmpType == reply { back.icmpType = request }
        }
        return back
    }
}
