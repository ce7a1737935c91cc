internal import Glibc
internal import KernelLink
internal import NetTypes
internal import NetlinkBytes
internal import RuleModel

/// How a packet is put onto an interface as if it came from outside.
extension Laboratory {
    mutating func write(
        _ packet: [UInt8], _ header: IPHeader, to name: String, _ dispatch: Dispatch
    ) throws(LabFailure) {
        if taps.contains(name) {
            let isPlain = !taps.hasLinkHeader(name)
            try taps.write(isPlain ? packet : frame(packet, header, on: name, dispatch), to: name)
            return
        }
        guard let link = node.link(name) else {
            throw LabFailure(call: "observe", code: ENODEV, words: name)
        }
        if let tunnel = link.tunnel {
            try write(packet, header, to: name, through: tunnel, dispatch)
            return
        }
        // By the bridge's name: a frame for the host itself, at the port where its sender is.
        let ports = node.ports(of: name).filter { taps.contains($0) }
        let hardware = dispatch.sourceMAC ?? node.hardware(of: header.source, on: name)
        let known = hardware.flatMap { node.port(of: $0, on: name) }
        guard let port = known.flatMap({ ports.contains($0) ? $0 : nil }) ?? ports.first else {
            throw LabFailure(call: "observe", code: ENODEV, words: "\(name) is no TAP, and no bridge of TAPs")
        }
        try taps.write(frame(packet, header, on: name, dispatch), to: port)
    }

    /// Wraps a packet for a VXLAN device, as its peer would, and puts it on the link below.
    private mutating func write(
        _ packet: [UInt8], _ header: IPHeader, to name: String, through tunnel: NodeView.Tunnel, _ dispatch: Dispatch
    ) throws(LabFailure) {
        guard let local = tunnel.local, let peer = tunnel.peers.first(where: { $0.version == local.version }) else {
            throw LabFailure(call: "observe", code: ENODEV, words: "nothing tells the peers of \(name)")
        }
        let below = tunnel.below ?? route.route(to: peer)?.link ?? 0
        var payload: [UInt8] = [0x08, 0, 0, 0]
        payload.append(bigEndian: tunnel.id << 8)
        payload += frame(packet, header, on: name, dispatch)
        // Without a checksum, as VXLAN over IPv4 goes.
        var datagram: [UInt8] = []
        for number in [50_000, tunnel.port, UInt16(truncatingIfNeeded: payload.count + 8), 0] {
            datagram.append(bigEndian: number)
        }
        datagram += payload
        let outer = wrapped(datagram, from: peer, to: local)
        guard let outerHeader = IPHeader(outer) else { return }
        // Its hardware addresses are those of the link below.
        let plain = Dispatch(outer, dispatch.entrance)
        try write(outer, outerHeader, to: node.name(below), plain)
    }

    /// An IP packet of no identification around a UDP datagram.
    private func wrapped(_ datagram: [UInt8], from source: IPAddress, to destination: IPAddress) -> [UInt8] {
        var packet: [UInt8] = []
        if source.version == .v4 {
            packet += [0x45, 0]
            packet.append(bigEndian: UInt16(truncatingIfNeeded: 20 + datagram.count))
            packet += [0, 0, 0, 0, 64, IPProtocol.udp.rawValue, 0, 0]
        } else {
            packet += [0x60, 0, 0, 0]
            packet.append(bigEndian: UInt16(truncatingIfNeeded: datagram.count))
            packet += [IPProtocol.udp.rawValue, 64]
        }
        packet += source.bytes + destination.bytes + datagram
        // For its checksum.
        return source.version == .v4 ? packet.tagged(0) : packet
    }

    /// Where one who sends a packet to the host, or past it on a bridge, addresses its frame to.
    func frameDestination(of header: IPHeader, on name: String) -> MACAddress {
        let bridge = node.link(name)?.bridge.map { node.name($0) }
        var to = node.link(bridge ?? name)?.hardware ?? MACAddress(bits: 0)
        // On a port, a frame for a known neighbour is for that neighbour and not for the host, who is asked for all others.
        if let bridge, let known = node.hardware(of: header.destination, on: bridge), known != Self.neighbour {
            to = known
        }
        let address = header.destination
        if address.version == .v4 {
            let low = UInt64(address.v4Bits)
            if node.broadcasts.contains(address) || low == 0xffff_ffff {
                to = MACAddress(bits: 0xffff_ffff_ffff)
            } else if address.isMulticast {
                to = MACAddress(bits: 0x0100_5e00_0000 | low & 0x7f_ffff)
            }
        } else if address.isMulticast {
            to = MACAddress(bits: 0x3333_0000_0000 | address.low & 0xffff_ffff)
        }
        return to
    }

    /// The packet with an Ethernet header.
    private func frame(_ packet: [UInt8], _ header: IPHeader, on name: String, _ dispatch: Dispatch) -> [UInt8] {
        let bridge = node.link(name)?.bridge.map { node.name($0) }
        let to = dispatch.destinationMAC ?? frameDestination(of: header, on: name)
        let from = dispatch.sourceMAC ?? node.hardware(of: header.source, on: bridge ?? name) ?? Self.sender
        return to.bytes + from.bytes + (header.version == .v4 ? [0x08, 0] : [0x86, 0xdd]) + packet
    }
}
