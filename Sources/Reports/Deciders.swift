internal import ChainGraph
internal import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// What else on the host may decide about a packet that took this way: programs of the kernel beside the rules, and
/// rules that could not be read. Those bound to an interface that the packet does not pass are left out.
public func relevantDeciders(
    _ trace: Trace, _ request: TraceRequest, on model: HostModel
) -> [UnfollowedDecider] {
    if model.hasNoDeciders { return [] }
    var way = PassedPlaces()
    way.take(request)
    way.take(trace)
    var found: [UnfollowedDecider] = []
    found += model.unreadRules.about(way.versions)
    found += way.unwalkedChains(model)
    found += way.filteringBridges(model)
    found += way.lockedPorts(model)
    found += way.pairedEnds(model)
    found += model.host.otherDeciders.filter { way.meets($0, on: model) }.map { model.told($0) }
    return found
}

extension HostModel {
    /// Whether there is nothing that `relevantDeciders` looks for.
    fileprivate var hasNoDeciders: Bool {
        unreadRules.isEmpty && host.otherDeciders.isEmpty
            && !host.interfaces.contains {
                $0.filtersVLANs || $0.isLocked || $0.link != nil && pairedEnd(of: $0.name) != nil
            }
            && linked.ruleset.tables.allSatisfy { table in
                switch table.family {
                case .inet, .bridge, .netdev: table.isDormant
                case .ip, .ip6, .arp: table.isDormant || table.flowtables.isEmpty
                }
            }
    }
}

/// Where a packet was on all of its ways.
private struct PassedPlaces {
    // Each is there once; there are few.
    var inInterfaces: [Symbol] = []
    var outInterfaces: [Symbol] = []
    var hooks: [Hook] = []
    /// Of the packets that it was: a tunnel may change it.
    var versions: [IPVersion] = []
    var isEstablished = false
    /// Whether a connection of the packet may have been handed to a flowtable, and whether a listing says that it was.
    var mayBeOffloaded = false
    var isOffloaded = false
    /// Whether an error of ICMP passed where IPVS looks for its connections.
    var hasError = false
    /// Whether an interface on the way is not known.
    var isUnsure = false
    /// Base chains that were walked.
    var walked: [ChainID] = []

    /// A frame that a bridge keeps may pass no step of a trace.
    mutating func take(_ request: TraceRequest) {
        if case .interface(let name) = request.origin { inInterfaces.note(name) }
        if let port = request.inPort { inInterfaces.note(port) }
        if let port = request.outPort { outInterfaces.note(port) }
        versions.note(request.packet.version)
    }

    mutating func take(_ trace: Trace) {
        for step in trace.steps {
            hooks.note(step.view.hook)
            versions.note(step.view.packet.version)
            if let name = step.view.inInterface { inInterfaces.note(name) }
            if let name = step.view.outInterface { outInterfaces.note(name) }
            if step.view.state.contains(.established) { isEstablished = true }
            if step.view.packet.isICMPError { hasError = true }
            switch step.kind {
            case .routing(let routing):
                if let name = routing.interface { outInterfaces.note(name) } else { isUnsure = true }
            case .rule(let rule): walked.note(rule.rule.chain)
            case .policy(let chain, _): walked.note(chain)
            case .miss, .conntrack, .translation, .defragmentation, .encapsulation, .decapsulation, .loopback,
                .delivery, .ipvs, .end:
                break
            }
        }
        if isEstablished, trace.branches.isEmpty {
            switch trace.connection {
            // A listing marks those that were ([OFFLOAD]); it is no word about one that it does not have.
            case let entry? where !entry.place.isNone:
                if entry.isOffloaded { (mayBeOffloaded, isOffloaded) = (true, true) }
            case _?, nil: mayBeOffloaded = true
            }
        }
        for branch in trace.branches { take(branch.trace) }
    }

    /// Chains and flowtables of nf_tables that packets may meet outside the IP layer and that were not followed.
    func unwalkedChains(_ model: HostModel) -> [UnfollowedDecider] {
        var found: [UnfollowedDecider] = []
        for (tableIndex, table) in model.linked.ruleset.tables.enumerated() where !table.isDormant {
            lazy var name = "\(table.family.name) \(model.names.text(table.name))"
            // A host may have very many chains that IP packets meet and are followed through.
            let mayHold = table.family == .bridge || table.family == .netdev || table.family == .inet
            for (chainIndex, chain) in (mayHold ? table.chains : []).enumerated() {
                guard let base = chain.base, !chain.rules.isEmpty || base.policy == .drop else { continue }
                let word: String
                switch (table.family, base.hook) {
                case (.bridge, _):
                    guard isBridged(model) else { continue }
                    word = "bridge"
                case (.netdev, .ingress), (.inet, .ingress), (.netdev, .egress):
                    let interfaces = base.hook == .ingress ? inInterfaces : outInterfaces
                    let id = model.linked.chainID(table: tableIndex, chain: chainIndex)
                    guard !walked.contains(id), mayPass(chain.devices, interfaces, on: model) else { continue }
                    word = base.hook.name
                default: continue
                }
                let text =
                    "chain \(model.names.text(chain.name)) of table \(name) at \(base.hook.name) may drop or change the "
                    + "packet: its rules are not followed"
                found.append(UnfollowedDecider(name: word, text: text, place: chain.place))
            }
            // What is for this host no rule hands over: net/netfilter/nft_flow_offload.c `nft_flow_offload_validate`.
            for flowtable in table.flowtables
            where mayBeOffloaded && hooks.contains(.forward) && table.handsOver(to: flowtable)
                && flowtable.devices.contains(where: inInterfaces.contains)
            {
                let own = "flowtable \(model.names.text(flowtable.name)) of table \(name)"
                let text =
                    isOffloaded
                    ? "the connection was handed to \(own): its packets go by the table's own way and pass neither "
                        + "PREROUTING nor FORWARD nor POSTROUTING"
                    : "\(own) lets the packets of connections that it was handed bypass PREROUTING, FORWARD and "
                        + "POSTROUTING; whether this one was is not known"
                found.append(UnfollowedDecider(name: "flowtable", text: text, place: flowtable.place))
            }
        }
        return found
    }

    /// Whether the packet may pass one of the devices without the trace telling: a port of a bridge or bond that it passes,
    /// or the device below a VLAN.
    private func mayPass(_ devices: [Symbol], _ interfaces: [Symbol], on model: HostModel) -> Bool {
        // nft's JSON does not tell them.
        if isUnsure || devices.isEmpty { return true }
        let isOverVLAN = interfaces.contains { model.interface($0)?.kind == .vlan }
        return devices.contains { device in
            if interfaces.contains(device) { return false }
            let master = model.interface(device)?.master
            return isOverVLAN || master.map { interfaces.contains($0) } == true
        }
    }

    /// Whether the packet may pass a bridge.
    private func isBridged(_ model: HostModel) -> Bool {
        model.host.interfaces.contains { interface in
            let isNear = inInterfaces.contains(interface.name) || outInterfaces.contains(interface.name)
            return isNear
                && (model.isBridge(interface.name) || interface.master.map { model.isBridge($0) } ?? false)
        }
    }

    /// Bridges on the way that tell VLANs apart: which of their ports take a frame is not followed.
    func filteringBridges(_ model: HostModel) -> [UnfollowedDecider] {
        model.host.interfaces.compactMap { bridge in
            guard bridge.filtersVLANs else { return nil }
            let isPassed = model.host.interfaces.contains { port in
                (port.name == bridge.name || port.master == bridge.name)
                    && (inInterfaces.contains(port.name) || outInterfaces.contains(port.name))
            }
            guard isPassed else { return nil }
            let text =
                "bridge \(model.names.text(bridge.name)) tells VLANs apart (vlan_filtering 1): by which ports a frame goes is "
                + "not followed"
            return UnfollowedDecider(name: "vlan-filtering", text: text, place: bridge.place)
        }
    }

    /// Locked ports by which the packet may have come: they drop frames of senders that the bridge's database does not have
    /// behind them. Source: net/bridge/br_input.c `br_handle_frame_finish`, Linux 6.18.
    func lockedPorts(_ model: HostModel) -> [UnfollowedDecider] {
        model.host.interfaces.compactMap { port in
            guard port.isLocked, let bridge = port.master else { return nil }
            // The bridge stands for all of its ports where none is named.
            let isPassed =
                inInterfaces.contains(port.name)
                || inInterfaces.contains(bridge)
                    && !inInterfaces.contains { model.interface($0)?.master == bridge }
            guard isPassed else { return nil }
            let text =
                "port \(model.names.text(port.name)) of bridge \(model.names.text(bridge)) is locked: it takes frames of "
                + "senders alone that the bridge's database has behind it, which is not followed"
            return UnfollowedDecider(name: "locked-port", text: text, place: port.place)
        }
    }

    /// Pairs of veth with both ends on this host: what leaves by one end comes in by the other, and goes on.
    func pairedEnds(_ model: HostModel) -> [UnfollowedDecider] {
        outInterfaces.compactMap { name in
            guard let own = model.interface(name), let other = model.pairedEnd(of: name) else { return nil }
            let text =
                "what leaves by \(model.names.text(name)) comes in by \(model.names.text(other)), the other end of its pair on "
                + "this host, and goes on from there: that is not followed (ask for it with --in \(model.names.text(other)))"
            return UnfollowedDecider(name: "veth-pair", text: text, place: own.place)
        }
    }

    /// Whether a packet that passes one of `interfaces` may pass `device`: a port of a bridge or bond that it passes, or the
    /// device below a VLAN.
    private func touches(_ device: Symbol, _ interfaces: [Symbol], on model: HostModel) -> Bool {
        if interfaces.contains(device) { return true }
        if let master = model.interface(device)?.master, interfaces.contains(master) { return true }
        // `ip addr` tells no kinds: eth0.10 is what everyone calls it.
        let start = Array((model.names.text(device) + ".").utf8)
        return interfaces.contains { name in
            let own = model.interface(name)
            return own?.kind == .vlan && own?.tunnel?.device == device
                || model.names.text(name).utf8.starts(with: start)
        }
    }

    func meets(_ decider: OtherDecider, on model: HostModel) -> Bool {
        // Where its services are known IPVS is followed, but for errors about its connections.
        if decider.kind == .ipvs {
            if model.host.virtualServices != nil {
                return hasError && [Hook.input, .forward, .output].contains { hooks.contains($0) }
            }
            // The interface of its addresses is passed by no packet.
            return hooks.contains(.input) || hooks.contains(.output)
        }
        if let interface = decider.interface {
            if decider.kind == .vrf,
                (inInterfaces + outInterfaces).contains(where: { model.vrf(of: $0)?.name == interface })
            {
                return true
            }
            let isIn = touches(interface, inInterfaces, on: model)
            return decider.kind == .xdp ? isIn : isIn || isUnsure || touches(interface, outInterfaces, on: model)
        }
        switch decider.kind {
        case .flowtable: return mayBeOffloaded
        case .ipvs, .trafficControl, .xdp, .bpf, .openVSwitch, .xfrm, .vrf, .otherNamespace: return true
        }
    }
}

extension Array where Element: Equatable {
    fileprivate mutating func note(_ element: Element) {
        if !contains(element) { append(element) }
    }
}

/// What a text begins with that is only as sure as what else decides lets it be.
let otherDecidersTitle = "NOT ONLY THESE RULES DECIDE"

/// The member `otherDeciders`, where there are any.
func writeDeciders(_ deciders: [UnfollowedDecider], _ quotes: Quotes?, into json: inout JSONWriter) {
    if deciders.isEmpty { return }
    json.key("otherDeciders")
    json.beginArray()
    for decider in deciders {
        json.beginObject()
        json.member("name", decider.name)
        json.member("text", decider.text)
        if let quotes { writePlace(decider.place, quotes, into: &json) }
        json.endObject()
    }
    json.endArray()
}

/// The member `missing`, where there are any.
func writeMissing(_ missing: [MissingInput], into json: inout JSONWriter) {
    if missing.isEmpty { return }
    json.key("missing")
    json.beginArray()
    for input in missing {
        json.beginObject()
        json.member("name", input.name)
        json.member("command", input.command)
        json.member("effect", input.effect)
        json.endObject()
    }
    json.endArray()
}
