internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Rules let packets in, or lead them to a port of this host, and no socket listens there.
let nothingListens = DoctorCheck(
    "nothing-listens", "ports that rules accept or redirect to, where nothing listens", needs: [.listeners]
) { patient in
    patient.deafRedirects + patient.deafPorts
}

extension Patient {
    private func listens(_ transport: IPProtocol, _ port: UInt16, _ version: IPVersion, _ address: IPAddress? = nil)
        -> Bool
    {
        host.listeners?.contains { listener in
            guard listener.protocol == transport, listener.port == port else { return false }
            if let own = listener.address {
                return address == nil ? own.version == version && !own.isLoopback : own == address
            }
            return listener.version == nil || listener.version == version || listener.version == .v6
        } ?? true
    }

    /// REDIRECT and DNAT to this host itself.
    fileprivate var deafRedirects: [DoctorFinding] {
        guard host.listeners != nil else { return [] }
        var findings: [DoctorFinding] = []
        for chain in chainIDs where linked.table(of: chain).family == .ip || linked.table(of: chain).family == .ip6 {
            let version: IPVersion = linked.table(of: chain).family == .ip ? .v4 : .v6
            for rule in rules(of: chain) {
                guard let target = ending(rule) else { continue }
                let port: UInt16
                var address: IPAddress?
                switch target {
                case .redirect(let range):
                    guard let ports = range.ports, ports.isSingle else { continue }
                    port = ports.first
                case .dnat(let range):
                    guard let own = range.addresses, own.isSingle, isOwn(own.first) || own.first.isLoopback,
                        let ports = range.ports, ports.isSingle
                    else { continue }
                    port = ports.first
                    address = own.first
                case .tproxy(let proxy): port = proxy.port
                default: continue
                }
                guard port != 0, let transport = asks(rule).protocol, transport == .tcp || transport == .udp,
                    !listens(transport, port, version, address)
                else { continue }
                var finding = DoctorFinding(
                    .problem,
                    "\(cite(rule)) leads packets to \(transport.shortName) port \(port) of this host, where nothing listens",
                    evidence: [
                        evidence(rule),
                        DoctorFinding.Evidence(.none, "ss has no \(transport.shortName) socket at port \(port)"),
                    ],
                    remedies: ["start the program that is to take them, or delete the rule"])
                finding.traffic =
                    "packets that meet the rule: they are refused, whatever listens at the port that they were for"
                findings.append(finding)
            }
        }
        return findings
    }

    /// Ports that a rule of INPUT's accepts alone.
    fileprivate var deafPorts: [DoctorFinding] {
        guard let listeners = host.listeners, !listeners.isEmpty else { return [] }
        var deaf: [(text: String, rule: RuleReference)] = []
        for chain in chainIDs where isReached(chain, from: .input) {
            let family = linked.table(of: chain).family
            guard linked.table(of: chain).iptables == .filter, family == .ip || family == .ip6 else { continue }
            switch annotations.purpose(of: chain)?.maker {
            case .calico?, .kubeProxy?, .kubeRouter?, .cilium?: continue
            default: break
            }
            for rule in rules(of: chain) where ending(rule) == .accept {
                let ask = asks(rule)
                let ports = ports(rule, ask)
                guard let transport = ask.protocol, transport == .tcp || transport == .udp, !ports.isEmpty,
                    !isOnlyForAnswers(ask), ask.input != "lo"
                else { continue }
                let version: IPVersion = family == .ip ? .v4 : .v6
                if ports.contains(where: { listens(transport, $0, version) || isTakenByKernel(transport, $0) }) {
                    continue
                }
                let text = "\(transport.shortName) \(list(ports.map { "\($0)" }))"
                if deaf.contains(where: { $0.text == text }) { continue }
                deaf.append((text, rule))
            }
        }
        guard !deaf.isEmpty else { return [] }
        var finding = DoctorFinding(
            .note,
            "rules accept \(list(deaf.map({ $0.text }), first: 6)), and nothing listens there: clients are refused by the host, not by a rule",
            evidence: deaf.prefix(4).map { evidence($0.rule, "ss has no socket for it") },
            remedies: [
                "start the service if it is meant to be reached, or see the address it listens at (127.0.0.1?); else take the rule away"
            ])
        finding.traffic = "new connections to these ports"
        return [finding]
    }

    /// The single ports that a rule accepts; none where it accepts a range.
    private func ports(_ rule: RuleReference, _ ask: RuleAsk) -> [UInt16] {
        for case .match(.multiport(let multiport)) in linked.rule(rule).statements {
            guard case .is(let ranges) = multiport.ports, multiport.side == .destination,
                ranges.allSatisfy({ $0.isSingle })
            else { return [] }
            return ranges.map({ $0.first })
        }
        guard let range = ask.ports, range.isSingle else { return [] }
        return [range.first]
    }

    private func isOnlyForAnswers(_ ask: RuleAsk) -> Bool {
        guard case .is(let states)? = ask.states else { return false }
        return !states.contains(.new)
    }

    /// Tunnels take their packets without a socket that `ss` shows.
    private func isTakenByKernel(_ transport: IPProtocol, _ port: UInt16) -> Bool {
        guard transport == .udp else { return false }
        if [4789, 8472, 51820, 51821, 6081].contains(port) { return true }
        return host.interfaces.contains { $0.tunnel?.port == port }
    }
}
