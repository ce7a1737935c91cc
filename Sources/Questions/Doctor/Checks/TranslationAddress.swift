internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// MASQUERADE and REDIRECT take an address of the interface, and it has none: the kernel takes another interface's, or
/// drops the packet.
/// Source: net/netfilter/nf_nat_masquerade.c (inet_select_addr), nf_nat_redirect.c; observed on Linux 6.18.
let translationAddress = DoctorCheck(
    "no-nat-address", "MASQUERADE or REDIRECT at an interface without an address", needs: [.interfaces]
) { patient in
    patient.addresslessMasquerades + patient.addresslessRedirects
}

extension Patient {
    private func version(of rule: RuleReference) -> IPVersion? {
        switch linked.table(of: rule.chain).family {
        case .ip: .v4
        case .ip6: .v6
        case .inet, .arp, .bridge, .netdev: nil
        }
    }

    private func lacksAddress(_ link: NetworkInterface, _ version: IPVersion) -> Bool {
        host.knowsAddresses(version)
            && !link.addresses.contains { $0.address.version == version && !$0.address.isLinkLocal && !$0.isTentative }
    }

    private enum Translation { case masquerade, redirect }

    private func translation(_ rule: RuleReference) -> Translation? {
        for case .target(let target) in linked.rule(rule).statements {
            switch target {
            case .masquerade: return .masquerade
            case .redirect: return .redirect
            case .native(.translate(let own)) where own.kind == .masquerade: return .masquerade
            case .native(.translate(let own)) where own.kind == .redirect: return .redirect
            default: continue
            }
        }
        return nil
    }

    fileprivate var addresslessMasquerades: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chainIDs {
            for rule in rules(of: chain) where translation(rule) == .masquerade {
                guard let version = version(of: rule), let output = asks(rule).output,
                    let link = interface(named: output),
                    link.isUp, lacksAddress(link, version)
                else { continue }
                let other = host.interfaces.first { !$0.isLoopback && $0.isUp && !lacksAddress($0, version) }
                    .flatMap { found in address(of: found, version).map { (found, $0) } }
                var finding = DoctorFinding(
                    .problem,
                    "\(output) has no IPv\(version.rawValue) address, and a rule masquerades what leaves by it",
                    evidence: [evidence(rule), DoctorFinding.Evidence(link.place)],
                    remedies: ["give \(output) an address (ip addr add), or name one: -j SNAT --to-source ADDRESS"])
                finding.traffic =
                    "what leaves by \(output): "
                    + (other.map {
                        "it gets another interface's address (\($0.1) of \(name($0.0.name)), or one nearer), or is dropped"
                    }
                        ?? "it is dropped")
                findings.append(finding)
            }
        }
        return findings
    }

    fileprivate var addresslessRedirects: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chainIDs {
            for rule in rules(of: chain) where translation(rule) == .redirect {
                guard let version = version(of: rule), let input = asks(rule).input, let link = interface(named: input),
                    link.isUp, lacksAddress(link, version)
                else { continue }
                var finding = DoctorFinding(
                    .problem,
                    "\(input) has no IPv\(version.rawValue) address, and a rule redirects what comes in by it to this host",
                    evidence: [evidence(rule), DoctorFinding.Evidence(link.place)],
                    remedies: ["give \(input) an address (ip addr add), or use -j DNAT --to-destination, or TPROXY"])
                finding.traffic =
                    "what comes in by \(input) and meets the rule: it is dropped in nat, without a rule that says so"
                findings.append(finding)
            }
        }
        return findings
    }
}
