internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A protocol's port that some socket listens on.
private struct ListeningPort: Hashable {
    var `protocol`: IPProtocol
    var port: UInt16
}

// Sets of packets by the sockets of this host.
extension SetEvaluator {
    /// Packets that a socket takes: the simulator is asked of one packet of each class that listeners tell apart.
    func packets(_ match: SocketMatch, _ asked: Asked) -> PacketSet {
        // Of one packet there is one answer, wherever it is asked for what it arrived with.
        let isAsArrived = asked.flow.isArriving(.destination) && asked.flow.isArriving(.destinationPort)
        let packet = isAsArrived ? "packet" : cite(asked.rule)
        let kind = (match.transparent ? ":transparent" : "") + (match.noWildcard ? ":wildcard" : "")
        var result: [PacketSet] = []
        for part in socketClasses(asked) {
            var own = asked
            own.packets = part
            guard let situation = situation(Way(packets: part, flow: asked.flow), asked.context.hook) else { continue }
            switch stages.test(.socket(match), asked.rule, situation) {
            case .no: continue
            case .yes: result.append(part)
            case .perhaps(let condition):
                let text = "this host has a\(match.transparent ? " transparent" : "") socket for the packet"
                let open =
                    asked.flow.isGivenToSocket
                    ? unknown(condition.name, condition.text, isYes: condition.isYes)
                    : unknown("socket@\(packet)\(kind)", text, isYes: condition.isYes)
                result.append(space.and(part, open))
            }
        }
        return space.union(result)
    }

    /// Packets asked about, in classes of which one packet's socket tells of all: by protocol, by what begins a connection,
    /// by the ICMP types that quote a packet, and by the addresses, ports and interfaces of listeners.
    func socketClasses(_ asked: Asked) -> [PacketSet] {
        let flow = asked.flow
        let tcp = isOf(.tcp, flow)
        let udp = isOf(.udp, flow)
        let icmp = space.or(isOf(.icmp, flow), isOf(.icmpv6, flow))
        let errors = space.and(icmp, quotingTypes(flow))
        let beginning = space.and(tcp, beginning(flow))
        var classes = [
            errors, space.subtract(icmp, errors), space.complement(space.union([tcp, udp, icmp])),
        ]
        for (proto, own) in [(IPProtocol.tcp, beginning), (.tcp, space.subtract(tcp, beginning)), (.udp, udp)] {
            let packets = space.and(own, asked.packets)
            if !packets.isEmpty { classes += byListener(proto, packets, asked) }
        }
        return classes.map { space.and($0, asked.packets) }.filter { !$0.isEmpty }
    }

    /// Packets with the flags of a segment of TCP that begins a connection.
    func beginning(_ flow: Flow) -> PacketSet {
        space.packets(
            flow[.tcpFlags], of: .tcpFlags, UInt128(TCPFlags.syn.rawValue),
            mask: UInt128(TCPFlags([.syn, .ack]).rawValue)) ?? .none
    }

    /// Packets for the port and address of some listener of TCP that TPROXY may give them to.
    func listened(to target: TPROXYTarget, _ flow: Flow) -> PacketSet {
        guard let listeners = model.host.listeners else { return .all }
        let sets = listeners.filter { listener in
            let address = target.address ?? listener.address
            return listener.protocol == .tcp && (listener.version ?? space.version) == space.version
                && (listener.address == nil || listener.address == address)
                && (target.port == 0 || target.port == listener.port)
        }.map { listener in
            let ofPort = space.packets(flow[.destinationPort], of: .destinationPort, UInt128(listener.port))
            let there = target.port == 0 ? ofPort ?? .all : .all
            guard let name = listener.interface else { return there }
            if flow.arrivesByLo { return model.interface(name)?.isLoopback == true ? there : .none }
            guard let number = interfaces.firstIndex(of: name) else { return .none }
            return space.and(there, space.packets(.inInterface, UInt128(number)))
        }
        return space.union(sets)
    }

    /// Packets of ICMP types that quote the packet they are about.
    private func quotingTypes(_ flow: Flow) -> PacketSet {
        space.union(
            (0...UInt128(UInt8.max)).filter { stages.quotesAnotherPacket(type: UInt8($0), space.version) }.map {
                space.packets(flow[.destinationPort], of: .destinationPort, $0 << 8, mask: 0xff00) ?? .none
            })
    }

    /// `packets` by which listeners of `proto` they are for.
    private func byListener(_ proto: IPProtocol, _ packets: PacketSet, _ asked: Asked) -> [PacketSet] {
        var listeners: [ListeningPort: [Listener]] = [:]
        var order: [ListeningPort] = []
        for listener in model.host.listeners ?? [] where listener.protocol == proto {
            let place = ListeningPort(protocol: proto, port: listener.port)
            if listeners[place] == nil { order.append(place) }
            listeners[place, default: []].append(listener)
        }
        var rest = packets
        var result: [PacketSet] = []
        for place in order {
            let ports = space.packets(asked.flow[.destinationPort], of: .destinationPort, UInt128(place.port))
            let own = space.and(rest, ports ?? .none)
            if own.isEmpty { continue }
            rest = space.subtract(rest, own)
            result += cut(own, listeners[place] ?? [], asked)
        }
        return result + [rest]
    }

    /// `packets` of one port by the addresses and interfaces of `listeners`.
    private func cut(_ packets: PacketSet, _ listeners: [Listener], _ asked: Asked) -> [PacketSet] {
        var cuts: [PacketSet] = []
        for address in Set(listeners.compactMap { $0.address }).sorted() where address.version == space.version {
            let flow = asked.flow
            cuts.append(space.packets(flow[.destination], of: .destination, space.number(address)) ?? .none)
        }
        if asked.context.hasInInterface, !asked.flow.arrivesByLo {
            for (number, name) in interfaces.enumerated()
            where name != nil && listeners.contains(where: { $0.interface == name }) {
                cuts.append(space.packets(.inInterface, UInt128(number)))
            }
        }
        return parts(Way(packets: packets, flow: asked.flow), cuts).map { $0.packets }
    }
}
