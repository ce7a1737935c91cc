internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// `meta`: what the kernel keeps of a packet beside it. Source: net/netfilter/nft_meta.c, Linux 6.18.
extension Evaluator {
    func metaValue(_ key: MetaKey, _ state: WalkState) -> NativeValue {
        let packet = state.packet
        func known(_ field: PacketFields, _ number: UInt64) -> NativeValue {
            packet.unknown.contains(field) ? .hidden(bits: key.bits) : NativeValue(number, bits: key.bits)
        }
        switch key {
        case .length:
            guard state.context.hook == .egress else { return known(.length, UInt64(packet.length)) }
            guard let header = frameHeader(at: state.device) else { return .hidden(bits: key.bits) }
            return known(.length, UInt64(packet.length + header))
        case .protocol: return NativeValue(packet.version == .v4 ? 0x0800 : 0x86dd, bits: key.bits)
        case .networkProtocol: return NativeValue(packet.version == .v4 ? 2 : 10, bits: key.bits)
        case .layer4Protocol:
            switch transport(packet) {
            case .missing: return .absent
            case .unknown: return .hidden(bits: key.bits)
            case .found(let own, _): return NativeValue(UInt64(own.rawValue), bits: key.bits)
            }
        case .priority: return priority(state)
        case .mark: return known(.mark, UInt64(packet.mark))
        // An index is known by the interface's name.
        case .inIndex, .inName: return name(state.context.inInterface)
        case .outIndex, .outName: return name(state.context.outInterface)
        case .inType: return of(state.context.inInterface, key) { type(of: $0) }
        case .outType: return of(state.context.outInterface, key) { type(of: $0) }
        case .inGroup: return of(state.context.inInterface, key) { group(of: $0) }
        case .outGroup: return of(state.context.outInterface, key) { group(of: $0) }
        case .inKind: return of(state.context.inInterface, key) { kind(of: $0) }
        case .outKind: return of(state.context.outInterface, key) { kind(of: $0) }
        case .userID: return owner(packet.userID, key, state)
        case .groupID: return owner(packet.groupID, key, state)
        case .cgroup: return hasSender(state) ? .hidden(bits: key.bits) : senderAtInput(state)
        case .packetType:
            guard var type = frameType(state) else { return .hidden(bits: key.bits) }
            if type == .loopback {
                type = packet.version == .v6 || packet.destination.isMulticast ? .multicast : .broadcast
            }
            return NativeValue(UInt64(type.rawValue), bits: key.bits)
        case .classIdentifier:
            guard state.route != nil || state.context.hook == .input else { return .absent }
            return routeTag(state).map { NativeValue(UInt64($0), bits: key.bits) } ?? .hidden(bits: key.bits)
        case .isSecured: return hasDecider(.xfrm) ? .hidden(bits: 8) : NativeValue(0, bits: 8)
        case .slaveInIndex, .slaveInName:
            if model.host.knowsInterfaces, !model.host.interfaces.contains(where: { $0.kind == .vrf }) {
                return NativeValue(0, bits: 128)
            }
            return .hidden(bits: 128)
        case .traces, .cpu, .random, .time, .day, .hour: return .hidden(bits: key.bits)
        case .bridgeInName, .bridgeOutName, .bridgePVID, .bridgeProtocol: return .absent
        }
    }

    /// Forwarding gives a packet of IPv4 the priority of its type of service (net/ipv4/ip_forward.c `ip_forward`);
    /// packets of this host have their socket's.
    private func priority(_ state: WalkState) -> NativeValue {
        let packet = state.packet
        if packet.priority == 0 {
            let isForwarded = state.context.hook == .forward || state.context.hook == .postrouting && !state.isLocal
            let keepsNone = packet.version == .v6 || packet.tos & 0x1e == 0 && !packet.unknown.contains(.dscp)
            if state.isLocal || isForwarded && !keepsNone { return .hidden(bits: 32) }
        }
        return NativeValue(UInt64(packet.priority), bits: 32)
    }

    // MARK: Interfaces

    /// Where a hook has no interface, its name is empty and its number 0, which compare as others do.
    private func name(_ view: InterfaceView) -> NativeValue {
        switch view {
        case .none: return NativeValue([UInt8](repeating: 0, count: 16))
        case .unknown: return .hidden(bits: 128)
        case .known(let name): return NativeValue(characters(names.text(name)))
        }
    }

    /// Characters as the kernel keeps them in a register: 16, filled up with zeros.
    private func characters(_ text: String) -> [UInt8] {
        let own = Array(text.utf8.prefix(15))
        return own + [UInt8](repeating: 0, count: 16 - own.count)
    }

    /// What `read` says of an interface; without one the rule breaks.
    private func of(_ view: InterfaceView, _ key: MetaKey, _ read: (NetworkInterface) -> NativeValue?) -> NativeValue {
        switch view {
        case .none: return .absent
        case .unknown: return .unknown
        case .known(let name): return model.interface(name).map { read($0) ?? .unknown } ?? .unknown
        }
    }

    /// Source: include/uapi/linux/if_arp.h `ARPHRD_…`.
    private func type(of interface: NetworkInterface) -> NativeValue? {
        let number: UInt64
        if interface.isLoopback { return NativeValue(772, bits: 16) }
        switch interface.kind {
        case .ethernet, .bridge, .veth, .vxlan, .vlan, .dummy, .geneve: number = 1
        case .vrf: number = 1
        case .loopback: number = 772
        case .ipip: number = 768
        case .sit: number = 776
        case .gre: number = 778
        case .wireguard: number = 0xfffe
        case .tun, .bond, .other: return nil
        }
        return NativeValue(number, bits: 16)
    }

    private func group(of interface: NetworkInterface) -> NativeValue? {
        interface.hasUnknownGroup ? nil : NativeValue(UInt64(interface.group), bits: 32)
    }

    private func kind(of interface: NetworkInterface) -> NativeValue? {
        let text: String
        switch interface.kind {
        // Neither lo nor a device of hardware has a kind.
        case .loopback, .ethernet: return .absent
        case .bridge: text = "bridge"
        case .veth: text = "veth"
        case .vxlan: text = "vxlan"
        case .ipip: text = "ipip"
        case .gre: text = "gre"
        case .wireguard: text = "wireguard"
        case .vlan: text = "vlan"
        case .vrf: text = "vrf"
        case .tun: text = "tun"
        case .dummy: text = "dummy"
        case .bond: text = "bond"
        case .sit: text = "sit"
        case .geneve: text = "geneve"
        case .other: return nil
        }
        return NativeValue(characters(text))
    }

    // MARK: Sockets

    private func owner(_ id: UInt32?, _ key: MetaKey, _ state: WalkState) -> NativeValue {
        guard hasSender(state) else { return senderAtInput(state) }
        // The kernel's own socket for ICMP has no owner.
        guard let id, !state.packet.unknown.contains(.owner) else { return .hidden(bits: key.bits) }
        return NativeValue(UInt64(id), bits: key.bits)
    }

    /// At INPUT the kernel may have found the receiving socket already (`early_demux`).
    private func senderAtInput(_ state: WalkState) -> NativeValue {
        guard state.context.hook == .input, !state.packet.protocol.isICMP, !isNewFlow(state) else { return .absent }
        return .unknown
    }
}
