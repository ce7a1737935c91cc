internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// kubelet's KUBE-FIREWALL: it drops what is marked 0x8000, whoever marked it, and what comes for 127.0.0.0/8 from
/// elsewhere; without route_localnet the kernel drops that before.
/// Source: kubernetes pkg/kubelet/kubelet_network_linux.go; kubernetes#91569, #91666, #85572; cilium#15350.
let kubeFirewall = DoctorCheck(
    "kube-firewall", "KUBE-FIREWALL drops by a mark that others set, or what is translated to 127.0.0.0/8"
) { patient in
    patient.droppedByMark + patient.translatedToLoopback
}

extension Patient {
    /// The drop by mark 0x8000, where something besides kubelet's own chain sets that bit, or it has dropped packets.
    fileprivate var droppedByMark: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chains(named: "KUBE-FIREWALL") where linked.table(of: chain).iptables == .filter {
            for rule in rules(of: chain) where ending(rule)?.refuses == true {
                guard case .is(let mark)? = asks(rule).marks.first, mark.mask != 0 else { continue }
                let setters = settersOfMark(mark.mask & mark.value, besides: ["KUBE-MARK-DROP"])
                let dropped = packets(rule) ?? 0
                if let first = setters.first {
                    let maker = annotations.maker(of: first).map { "\($0.name)'s rule \(cite(first))" } ?? cite(first)
                    var finding = DoctorFinding(
                        dropped > 0 ? .problem : .risk,
                        "KUBE-FIREWALL drops what \(maker) marks: both use the bit \(hexadecimal(mark.value))",
                        evidence: [evidence(rule, counters(dropped))] + setters.prefix(3).map { evidence($0) },
                        remedies: [
                            "let one of them use other bits: kubelet's is --iptables-drop-bit (15), gone since Kubernetes 1.28"
                        ])
                    finding.traffic = "what this host sends and gets with that bit in its mark"
                    findings.append(finding)
                } else if dropped > 0 {
                    var finding = DoctorFinding(
                        .note,
                        "KUBE-FIREWALL has dropped \(counted(dropped, "packet")) by the mark \(hexadecimal(mark.value))",
                        evidence: [evidence(rule)],
                        remedies: [
                            "look for who is refused: Services' source ranges, and Services with Local policy and no endpoint here, are dropped so"
                        ])
                    finding.traffic = "what rules sent to KUBE-MARK-DROP"
                    findings.append(finding)
                }
            }
        }
        return findings
    }

    private func counters(_ count: UInt64) -> String { count > 0 ? "it has dropped \(counted(count, "packet"))" : "" }

    /// Rules that set one of `bits` in the packet's mark, those of chains `besides` apart.
    func settersOfMark(_ bits: UInt32, besides names: [String]) -> [RuleReference] {
        var found: [RuleReference] = []
        for chain in chainIDs where !names.contains(name(linked.chain(chain).name)) {
            for rule in rules(of: chain) {
                if case .mark(let operation)? = ending(rule), operation.word.value & bits != 0,
                    // What is toggled under a mask of 0 has been set before.
                    operation.word.mask != 0
                {
                    found.append(rule)
                }
            }
        }
        return found
    }

    /// Rules that translate what comes from the wire to this host's 127.0.0.0/8.
    fileprivate var translatedToLoopback: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in reached(from: .prerouting).sorted() where linked.chain(chain).rules.count < 1024 {
            for rule in rules(of: chain) {
                guard case .dnat(let nat)? = ending(rule), let to = nat.addresses?.first,
                    to.version == .v4, to.isLoopback
                else { continue }
                for packet in packets(meeting: rule) {
                    guard let followed = follow(packet), let way = followed.agreed, way.isLost,
                        way.rules.contains(where: { $0.rule == rule })
                    else { continue }
                    let isMartian = way.outcome == .filtered
                    guard isMartian || way.rule.map(isKubeletDrop) ?? false else { continue }
                    var finding = DoctorFinding(
                        .problem,
                        "\(cite(rule)) translates to \(to), and "
                            + (isMartian
                                ? "the kernel drops it: packets from the wire may not go to 127.0.0.0/8"
                                : "KUBE-FIREWALL drops that"),
                        evidence: [evidence(rule)],
                        remedies: [
                            isMartian
                                ? "sysctl -w net.ipv4.conf.INTERFACE.route_localnet=1 for the interface that it comes by, or let the service listen on an address that is not of 127.0.0.0/8"
                                : "let KUBE-FIREWALL leave translated connections alone (--ctstate RELATED,ESTABLISHED,DNAT), as kubelet of 1.18.4 and later writes it"
                        ])
                    if let own = way.rule { finding.evidence.append(evidence(own)) }
                    if case .interface(let name)? = packet.arrival {
                        told(sysctl: "route_localnet", of: name).map { finding.evidence.append($0) }
                    }
                    told(sysctl: "net.ipv4.conf.all.route_localnet").map { finding.evidence.append($0) }
                    finding.example = followed.options
                    findings.append(finding)
                    break
                }
            }
        }
        return findings
    }

    private func isKubeletDrop(_ rule: RuleReference) -> Bool {
        name(linked.chain(rule.chain).name) == "KUBE-FIREWALL"
    }

    /// Packets from the wire that may meet a rule: by the interfaces that it names, or those of pods and uplinks.
    func packets(meeting rule: RuleReference) -> [PacketDescription] {
        let ask = asks(rule)
        let transport = ask.protocol ?? .tcp
        var arrivals: [(name: String, source: PacketEnd)] = []
        for interface in uplinks.prefix(2) { arrivals.append((name(interface.name), .internet)) }
        for pod in samplePods { arrivals.append((name(pod.interface.name), .address(pod.address))) }
        if let input = ask.input {
            arrivals = arrivals.filter { matches($0.name, input) }
            if arrivals.isEmpty, !input.hasSuffix("+"), let own = interface(named: input) {
                let peer = address(of: own).map { _ in sampleAddress(subnet(of: own)) }
                arrivals = [(input, peer.map { .address($0) } ?? .internet)]
            }
        }
        return arrivals.map { arrival in
            let source = ask.source.map { PacketEnd.address(sampleAddress($0)) } ?? arrival.source
            let destination = ask.destination.map { PacketEnd.address(sampleAddress($0)) } ?? .host
            return packet(
                in: arrival.name, from: source, to: destination, transport, port: ask.ports?.first ?? 80)
        }
    }

    private func subnet(of interface: NetworkInterface) -> IPPrefix {
        interface.addresses.first { $0.address.version == .v4 }?.prefix ?? IPPrefix(.zero(.v4), length: 32)
    }

    /// Whether `name` is what a pattern such as `cali+` means.
    func matches(_ name: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("+") ? name.hasPrefix(String(pattern.dropLast())) : name == pattern
    }
}
