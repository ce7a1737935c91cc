internal import NetTypes
internal import PacketCapture
internal import PathModel
internal import RuleModel
internal import SourceText

/// What of a host tells where frames of a capture were seen: made once, asked for each frame.
struct CapturePlaces {
    /// The name and hardware address of an interface, as a capture meets it.
    struct Place: Hashable {
        var name: Symbol
        var mac: MACAddress?
        var isLoopback: Bool
        /// A port of a bridge, whose frames may be for others.
        var isPort: Bool
        var mtu: UInt32
    }

    private(set) var places: [Symbol: Place] = [:]
    private var byIndex: [UInt32: Symbol] = [:]
    /// Interfaces by hardware address; many ends of pods' links have one and the same.
    private(set) var byMAC: [MACAddress: [Symbol]] = [:]
    private var owners: [IPAddress: Symbol] = [:]
    /// Devices of VLANs by the device below and the tag.
    private var vlans: [VLAN: Symbol] = [:]
    /// UDP ports that VXLAN devices listen on, and the usual ones.
    private(set) var vxlanPorts: Set<UInt16> = [4789, 8472]
    private(set) var hasVLANs = false

    private struct VLAN: Hashable {
        var device: Symbol
        var tag: UInt32
    }

    init(_ model: HostModel) {
        for interface in model.host.interfaces {
            let isPort = interface.master.flatMap { model.interface($0) }?.kind == .bridge
            let isLoopback = interface.isLoopback || model.names.text(interface.name) == "lo"
            places[interface.name] = Place(
                name: interface.name, mac: interface.mac, isLoopback: isLoopback, isPort: isPort, mtu: interface.mtu)
            if interface.index != 0 { byIndex[interface.index] = interface.name }
            if let mac = interface.mac, mac.bits != 0 { byMAC[mac, default: []].append(interface.name) }
            for own in interface.addresses where owners[own.address] == nil { owners[own.address] = interface.name }
            if interface.kind == .vxlan, let port = interface.tunnel?.port { vxlanPorts.insert(port) }
            if interface.kind == .vlan, let device = interface.tunnel?.device, let tag = interface.tunnel?.identifier {
                vlans[VLAN(device: device, tag: tag)] = interface.name
            }
        }
    }

    func interface(ofIndex index: UInt32) -> Symbol? { byIndex[index] }

    /// The interface that has `address`; any of 127.0.0.0/8 and ::1 is this host's too.
    func owner(of address: IPAddress) -> Symbol? { owners[address] }

    func isOwn(_ address: IPAddress) -> Bool { address.isLoopback || owners[address] != nil }

    /// The device that takes frames with these tags which come by `device`; `nil` where the snapshot has none.
    func device(of tags: [UInt16], on device: Symbol, names: NameTable) -> Symbol? {
        var current = device
        for tag in tags {
            // `ip addr` tells no tags: eth0.10 is what everyone calls it.
            let usual = names.find("\(names.text(current)).\(tag)").flatMap { places[$0] == nil ? nil : $0 }
            guard let next = vlans[VLAN(device: current, tag: UInt32(tag))] ?? usual else { return nil }
            current = next
        }
        return current
    }

    /// Whether the host has a device that unpacks what `outer` carries.
    func unpacks(_ outer: Packet, _ carried: CarriedPacket, on model: HostModel) -> Bool {
        guard let identifier = carried.identifier else { return true }
        let known = model.host.interfaces.filter { $0.kind == .vxlan && $0.tunnel?.identifier != nil }
        return known.isEmpty || known.contains { $0.tunnel?.identifier == identifier }
    }
}
