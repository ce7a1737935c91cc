internal import NetTypes
public import PacketCapture
public import PacketPath
public import PathModel
public import RuleModel
internal import SourceText

/// Makes of the frames of a capture, one after another, packets to follow.
public struct FrameReplayer {
    /// How frames are taken.
    public struct Settings: Hashable, Sendable {
        /// `--in`: the interface that the capture was taken on.
        public var interface: String?
        /// `--inner`: what tunnels carry is asked about, not the packet around it.
        public var takesInner = false
        /// `--any-checksum`: wrong checksums are taken for right.
        public var takesAnyChecksum = false
        public init() {}
    }

    private let settings: Settings
    private let places: CapturePlaces
    private let cluster: ClusterObjects
    private var memory = SightMemory()
    /// Interfaces of which a frame had this host's hardware address: the capture is this host's own.
    private var ownInterfaces: Set<Symbol> = []

    public init(_ settings: Settings, _ cluster: ClusterObjects, on model: HostModel) {
        self.settings = settings
        self.cluster = cluster
        places = CapturePlaces(model)
    }

    /// Keeps what became of a packet, to know it when it is seen leaving.
    public mutating func note(_ trace: Trace, of frame: Int) { memory.expect(trace, of: frame) }

    /// Passes a frame over for which a packet noted before is answered.
    public func settle(_ frame: inout ReplayedFrame) {
        guard let outermost = frame.leaving.first else { return }
        if let question = memory.question(of: outermost) {
            frame.fate = .passedOver(.init(kind: .answer, answeredBy: question))
        } else if let origin = frame.leaving.lazy.compactMap({ memory.origin(of: $0) }).first {
            let kind: ReplayedFrame.PassedOver.Kind = origin.isBlocked ? .leftAllTheSame : .leaving
            frame.fate = .passedOver(.init(kind: kind, answeredBy: origin.frame))
        }
    }

    /// What the frame is, but for whether a packet before is answered for it (`settle`). Interfaces that the host does not
    /// know become names of `model`.
    ///
    /// - Parameter connections: the connection table as packets before have left it.
    public mutating func take(
        _ frame: CapturedFrame, on model: inout HostModel, _ connections: ConnectionIndex
    ) -> ReplayedFrame {
        var result = ReplayedFrame(
            number: frame.number, time: frame.time, interface: nil, fate: .unreadable(.init(message: "")))
        do throws(FrameFailure) {
            var seen = try FramePacket(frame)
            result.interface = interfaceName(frame, seen.link, on: model)
            if settings.takesAnyChecksum { seen.rightenChecksums() }
            if seen.checksums == .wrongHeader {
                result.fate = .unreadable(.init(message: wrongHeader))
                return result
            }
            result.fate = fate(seen, frame, &result, on: &model, connections)
        } catch {
            result.interface = settings.interface ?? named(frame)
            var isOther = false
            if case .notIP = error { isOther = true }
            result.fate = .unreadable(.init(message: error.message, isOtherProtocol: isOther))
        }
        return result
    }

    // MARK: Where it was seen

    private func named(_ frame: CapturedFrame) -> String? { frame.interface.name.flatMap { $0 == "any" ? nil : $0 } }

    private func interfaceName(_ frame: CapturedFrame, _ link: LinkHeader, on model: HostModel) -> String? {
        if let name = settings.interface ?? named(frame) { return name }
        if let index = link.interfaceIndex, let name = places.interface(ofIndex: index) {
            return model.names.text(name)
        }
        for mac in [link.destination, link.source] {
            if let mac, let names = places.byMAC[mac], names.count == 1 { return model.names.text(names[0]) }
        }
        return nil
    }

    // MARK: What it is

    private struct Sight {
        var interface: Symbol?
        var direction: CapturedFrame.Direction?
        var evidence: SeenPacket.Evidence
        var place: CapturePlaces.Place?
    }

    private mutating func fate(
        _ outer: FramePacket, _ frame: CapturedFrame, _ result: inout ReplayedFrame, on model: inout HostModel,
        _ connections: ConnectionIndex
    ) -> ReplayedFrame.Fate {
        var seen = outer
        let carried = outer.carried(vxlanPorts: places.vxlanPorts)
        if settings.takesInner, let carried {
            seen = carried.packet
            while let next = seen.carried(vxlanPorts: places.vxlanPorts) { seen = next.packet }
        }
        var sight = sight(outer.link, frame, result.interface, on: &model)
        if !outer.link.vlans.isEmpty, let interface = sight.interface, model.host.knowsInterfaces,
            places.places[interface] != nil
        {
            guard let device = places.device(of: outer.link.vlans, on: interface, names: model.names) else {
                let tags = outer.link.vlans.map { "\($0)" }.joined(separator: ".")
                let name = model.names.text(interface)
                return .unreadable(
                    .init(message: "tagged with VLAN \(tags), of which the snapshot has no device on \(name)"))
            }
            sight.interface = device
        }
        if settings.takesInner, carried != nil { (sight.interface, sight.direction, sight.place) = (nil, nil, nil) }
        if let first = memory.see(seen.packet, frame: frame.number, on: sight.interface) {
            return .passedOver(.init(kind: .again, answeredBy: first))
        }
        if sight.direction == .leaving {
            result.leaving = [seen.packet] + (carried.map { [$0.packet.packet] } ?? [])
        } else if let carried {
            // What is in a tunnel's packet that came in is seen again behind the tunnel.
            _ = memory.see(carried.packet.packet, frame: frame.number, on: sight.interface)
        }
        do {
            return .packet(try packet(seen, sight, carried, on: &model, connections))
        } catch {
            return .unreadable(.init(message: error.message))
        }
    }

    private mutating func sight(
        _ link: LinkHeader, _ frame: CapturedFrame, _ name: String?, on model: inout HostModel
    ) -> Sight {
        let interface = name.map { model.intern($0) }
        let place = interface.flatMap { places.places[$0] }
        var sight = Sight(interface: interface, evidence: .source, place: place)
        if place?.isLoopback == true {
            sight.evidence = .loopback
        } else if let direction = frame.direction {
            (sight.direction, sight.evidence) = (direction, .captureFlags)
        } else if let type = link.type {
            (sight.direction, sight.evidence) = (type == .outgoing ? .leaving : .arriving, .linkHeader)
        } else if let source = link.source, let destination = link.destination {
            let isFrom = isHardware(source, of: place, on: model)
            let isTo = isHardware(destination, of: place, on: model)
            if isFrom != isTo { (sight.direction, sight.evidence) = (isFrom ? .leaving : .arriving, .hardwareAddress) }
            if isFrom || isTo, let interface { ownInterfaces.insert(interface) }
        }
        return sight
    }

    /// Whether a hardware address is the interface's own, or that of the bridge that it is a port of.
    private func isHardware(_ mac: MACAddress, of place: CapturePlaces.Place?, on model: HostModel) -> Bool {
        guard let place else { return places.byMAC[mac] != nil }
        if place.mac == mac { return true }
        let master = model.interface(place.name)?.master
        return master.flatMap { places.places[$0]?.mac } == mac
    }

    // MARK: The packet

    /// How a packet came to be where it was seen.
    private enum Beginning {
        case arrived
        case madeHere
        /// It came in unseen and was seen leaving only.
        case arrivedUnseen
    }

    private func packet(
        _ seen: FramePacket, _ sight: Sight, _ carried: CarriedPacket?, on model: inout HostModel,
        _ connections: ConnectionIndex
    ) throws(PacketFailure) -> SeenPacket {
        let isLeaving = sight.direction == .leaving
        let before = isLeaving ? beforeTranslation(seen.packet, in: connections) : nil
        let beginning = beginning(before?.source ?? seen.packet.source, seen, sight, on: model)
        var description = PacketDescription()
        description.bytes = seen.packet.bytes
        if let before { description.take(before) }
        switch beginning {
        case .madeHere: description.arrival = .host
        case .arrived:
            description.arrival = sight.interface.map { .interface(model.names.text($0)) }
            description.arrivalMayBeGone = true
            description.mac = seen.link.source
        case .arrivedUnseen: description.ttl = seen.packet.ttl == 255 ? 255 : seen.packet.ttl + 1
        }
        var prepared = try prepare(description, cluster, on: &model)
        if beginning != .madeHere, prepared.request.origin == .host {
            // The capture says otherwise than the source.
            prepared.request.origin = .anyInterface
            prepared.request.packet.hasSocket = false
            prepared.notes = []
        }
        var result = SeenPacket(prepared: prepared, isMadeHere: beginning == .madeHere, evidence: sight.evidence)
        result.tell(sight.interface.map { model.names.text($0) })
        result.remark(seen)
        takeMerged(seen, sight, &result)
        switch beginning {
        case .madeHere where isLeaving && !model.host.knowsAddresses(seen.packet.version): result.add(.unknownAddresses)
        case .madeHere where isLeaving && before == nil && hasTTLOfForwarded(seen.packet, on: model):
            result.add(.perhapsForwarded)
        case .madeHere: break
        case .arrived:
            takeFrame(seen.link, sight, &result)
            takeCarried(seen, carried, &result, on: model)
        case .arrivedUnseen: result.add(.seenLeaving)
        }
        return result
    }

    private func beginning(
        _ source: IPAddress, _ seen: FramePacket, _ sight: Sight, on model: HostModel
    ) -> Beginning {
        if sight.place?.isLoopback == true { return .madeHere }
        switch sight.direction {
        case .arriving?: return .arrived
        case .leaving?:
            let isOwn = source.isZero || places.isOwn(source) || !model.host.knowsAddresses(source.version)
            return isOwn ? .madeHere : .arrivedUnseen
        case nil: return places.isOwn(source) ? .madeHere : .arrived
        }
    }

    /// Whether the packet has the TTL of one that a neighbour with this host's own default made, as containers have it.
    private func hasTTLOfForwarded(_ packet: Packet, on model: HostModel) -> Bool {
        let own =
            packet.version == .v4 ? model.sysctl("net.ipv4.ip_default_ttl") : model.commonSetting(.v6, "hop_limit")
        return !packet.destination.isMulticast && Int(packet.ttl) + 1 == own ?? 64
    }

    /// Whom the frame is for, where the capture tells that of this host.
    private func takeFrame(_ link: LinkHeader, _ sight: Sight, _ result: inout SeenPacket) {
        if settings.takesInner { return }
        if let type = link.type, type != .outgoing {
            result.prepared.request.packet.packetType = type
            return
        }
        guard let mac = link.destination, let interface = sight.interface, let own = sight.place?.mac else { return }
        if mac.bits >> 40 & 1 == 1 {
            let isBroadcast = mac.bits == 0xffff_ffff_ffff
            result.prepared.request.packet.packetType = isBroadcast ? .broadcast : .multicast
            if ownInterfaces.contains(interface) { result.prepared.request.destinationMAC = mac }
        } else if ownInterfaces.contains(interface) {
            result.prepared.request.destinationMAC = mac
            let isOwn = mac == own || sight.direction == .arriving
            if !isOwn, sight.place?.isPort == false { result.prepared.request.packet.packetType = .otherHost }
        } else {
            result.add(.foreignFrame)
        }
    }

    /// What the packet carries is followed behind the host's tunnel, if it has that.
    private func takeCarried(
        _ seen: FramePacket, _ carried: CarriedPacket?, _ result: inout SeenPacket, on model: HostModel
    ) {
        guard !settings.takesInner, let carried, places.unpacks(seen.packet, carried, on: model) else { return }
        var inner = carried.packet.packet
        inner.unknown.formUnion([.owner, .mac])
        if let mac = carried.packet.link.source {
            inner.sourceMAC = mac
            inner.unknown.remove(.mac)
        }
        result.prepared.request.inner = [inner]
    }

    /// What is longer than its link takes was put together of several packets, or is still to be cut in such.
    private func takeMerged(_ seen: FramePacket, _ sight: Sight, _ result: inout SeenPacket) {
        guard seen.packet.protocol == .tcp || seen.packet.protocol == .udp, !seen.packet.isFragment,
            seen.hadNoLength || seen.packet.length > sight.place?.mtu ?? 1500
        else { return }
        result.prepared.request.packet.isSegmented = true
        result.add(.merged)
    }
}

private let wrongHeader =
    "the checksum of its IPv4 header is wrong: the kernel drops it before any rule (--any-checksum takes it for right)"

extension SeenPacket {
    /// Says how the packet was taken.
    fileprivate mutating func tell(_ interface: String?) {
        let what = isMadeHere ? "made here" : "come in"
        prepared.notes.append("taken as \(what)\(interface.map { ", seen on \($0)" } ?? ""), by \(evidence.words)")
    }

    fileprivate mutating func remark(_ seen: FramePacket) {
        if seen.isCut { add(.cut) }
        if seen.hadNoLength { add(.noLength) }
        if seen.wasRightened { add(.rightened) }
        switch seen.checksums {
        case .fine, .wrongHeader: break
        case .leftToCard: add(.leftToCard)
        case .wrongTransport: if !isMadeHere { add(.wrongChecksum) }
        }
    }
}

extension PacketDescription {
    /// Takes the ends that `tuple` has.
    fileprivate mutating func take(_ tuple: ConnectionTuple) {
        source = .address(tuple.source)
        destination = .address(tuple.destination)
        if tuple.protocol.isICMP {
            icmpIdentifier = tuple.sourcePort
        } else if tuple.protocol.hasPorts {
            (sourcePort, destinationPort) = (tuple.sourcePort, tuple.destinationPort)
        }
    }
}
