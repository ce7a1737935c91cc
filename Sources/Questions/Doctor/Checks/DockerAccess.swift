internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Docker 28 and later drop in raw what comes for a container's own address from elsewhere.
/// Source: moby integration/network/bridge/iptablesdoc; moby#49792, #49829.
let dockerDirectAccess = DoctorCheck(
    "docker-direct-access", "Docker drops what others send to a container's own address"
) { patient in
    var closed: [(rule: RuleReference, address: IPAddress)] = []
    for chain in patient.baseChains(.prerouting) {
        guard patient.linked.table(of: chain).iptables == .raw else { continue }
        for rule in patient.rules(of: chain) {
            let ask = patient.asks(rule)
            guard patient.annotations.maker(of: rule) == .docker, case .drop? = patient.ending(rule),
                let address = ask.destination, address.isHost, !address.address.isLoopback, ask.notInput != nil
            else { continue }
            closed.append((rule, address.address))
        }
    }
    guard let first = closed.first else { return [] }
    let dropped = closed.reduce(UInt64(0)) { $0 &+ (patient.packets($1.rule) ?? 0) }
    var finding = DoctorFinding(
        dropped > 0 ? .risk : .note,
        "Docker (28 and later) drops what others than the container's own bridge send to "
            + "\(list(closed.map { "\($0.address)" })) directly"
            + (dropped > 0 ? ": \(counted(dropped, "packet"))" : ""),
        evidence: closed.prefix(4).map { patient.evidence($0.rule) },
        remedies: [
            "reach it by a published port (-p), or let others in: docker network create -o com.docker.network.bridge.gateway_mode_ipv4=routed (or nat-unprotected), or dockerd --allow-direct-routing (28.2 and later)"
        ])
    finding.traffic =
        "hosts and containers of other networks that have a route to the container's own address"
    if let uplink = patient.uplinks.first {
        let packet = patient.packet(in: patient.name(uplink.name), from: .internet, to: .address(first.address))
        if let followed = patient.follow(packet), followed.agreed?.rule == first.rule {
            finding.example = followed.options
        }
    }
    return [finding]
}

/// Published ports of containers never come to ufw's rules; and DOCKER-USER sees them behind the translation.
/// Source: moby#22054; docker/docs#25676, #25760; docs.docker.com "Packet filtering and firewalls".
let dockerFirewall = DoctorCheck(
    "docker-bypasses-firewall", "ports that Docker publishes though the firewall closes them"
) { patient in patient.portsPastUFW + patient.uselessUserRules }

/// A port of this host that Docker's rules translate to a container.
private struct PublishedPort {
    var rule: RuleReference
    var transport: IPProtocol
    var port: UInt16
    var container: IPAddress
    var containerPort: UInt16
    /// The address that it is bound to.
    var bound: IPAddress?

    var text: String { "\(transport.shortName) port \(port)" }
}

extension Patient {
    private var publishedPorts: [PublishedPort] {
        var found: [PublishedPort] = []
        for chain in chains(named: "DOCKER") where linked.table(of: chain).iptables == .nat {
            for rule in rules(of: chain) {
                guard case .dnat(let nat)? = ending(rule), let to = nat.addresses?.first else { continue }
                let ask = asks(rule)
                guard let transport = ask.protocol, let port = ask.ports?.first else { continue }
                if let bound = ask.destination?.address, bound.isLoopback { continue }
                found.append(
                    PublishedPort(
                        rule: rule, transport: transport, port: port, container: to,
                        containerPort: nat.ports?.first ?? port, bound: ask.destination?.address))
            }
        }
        return found
    }

    fileprivate var portsPastUFW: [DoctorFinding] {
        guard let before = chains(named: "ufw-before-input").first,
            let input = baseChains(.input).first(where: { chain in
                linked.tableIndex(of: chain) == linked.tableIndex(of: before)
                    && linked.jumps[chain.index].contains { $0.target == before }
            }), linked.chain(input).base?.policy == .drop, let uplink = uplinks.first
        else { return [] }
        var open: [(port: PublishedPort, options: String)] = []
        for published in publishedPorts.prefix(64) where published.container.version == .v4 {
            let destination: PacketEnd = published.bound.map { .address($0) } ?? .host
            let packet = packet(
                in: name(uplink.name), from: .internet, to: destination, published.transport, port: published.port)
            guard let followed = follow(packet), let way = followed.agreed, way.outcome == .forwarded,
                way.rules.contains(where: { $0.rule == published.rule })
            else { continue }
            open.append((published, followed.options))
        }
        guard let first = open.first else { return [] }
        var finding = DoctorFinding(
            .risk,
            "\(list(open.map({ $0.port.text }))) \(open.count == 1 ? "is" : "are") open to the outside though ufw denies what comes in: Docker publishes \(open.count == 1 ? "it" : "them"), and what is translated to a container is forwarded, not for INPUT",
            evidence: open.prefix(3).map { evidence($0.port.rule) }
                + [
                    DoctorFinding.Evidence(
                        linked.chain(input).place, "ufw asks here, which forwarded packets do not pass")
                ],
            remedies: [
                "publish to this host alone (-p 127.0.0.1:\(first.port.port):\(first.port.containerPort)), or close it in DOCKER-USER: \(toolName(linked.table(of: first.port.rule.chain))) -I DOCKER-USER -i \(name(uplink.name)) ! -s ALLOWED -m conntrack --ctorigdstport \(first.port.port) --ctdir ORIGINAL -j DROP"
            ])
        finding.traffic = "anyone who can reach this host by \(name(uplink.name))"
        finding.example = first.options
        return [finding]
    }

    /// Rules of DOCKER-USER that ask for a published port, which packets no longer have there.
    fileprivate var uselessUserRules: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        let ports = publishedPorts
        for chain in chains(named: "DOCKER-USER") {
            for rule in rules(of: chain) {
                let ask = asks(rule)
                guard let port = ask.ports, ending(rule)?.refuses == true || isAccept(rule),
                    let published = ports.first(where: { published in
                        port.contains(published.port) && !port.contains(published.containerPort)
                            && ask.protocol == published.transport
                    }), !ports.contains(where: { port.contains($0.containerPort) && $0.transport == ask.protocol })
                else { continue }
                var finding = DoctorFinding(
                    .risk,
                    "\(cite(rule)) asks for \(published.text), which no packet has there: Docker has translated it to port \(published.containerPort) before",
                    evidence: [evidence(rule), evidence(published.rule, "translates before")],
                    remedies: [
                        "ask for the port that the client wrote: -m conntrack --ctorigdstport \(published.port) --ctdir ORIGINAL in the place of --dport \(published.port)"
                    ])
                finding.traffic = "what comes for \(published.text): the rule does nothing to it"
                findings.append(finding)
            }
        }
        return findings
    }

    private func isAccept(_ rule: RuleReference) -> Bool {
        switch ending(rule) {
        case .accept?, .return?: true
        default: false
        }
    }
}
