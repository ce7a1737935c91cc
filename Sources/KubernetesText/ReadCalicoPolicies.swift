internal import NetTypes
internal import RuleModel
internal import SourceText

extension ClusterReading {
    mutating func readCalicoPolicy(_ object: ClusterObject, _ kind: NetworkPolicy.Kind) {
        var kind = kind
        var name = object.name
        let spec = object.spec
        let tier = spec?["tier"]?.text ?? ""
        // calicoctl shows Kubernetes' policies among Calico's own.
        if kind == .calico, name.hasPrefix("knp.default.") {
            kind = .kubernetes
            name = String(name.dropFirst("knp.default.".utf8.count))
        }
        // The data store has `default.name` where calicoctl shows `name`: one policy, not two.
        let plain = name.hasPrefix("default.") ? String(name.dropFirst("default.".utf8.count)) : name
        let key = kind == .kubernetes ? "NetworkPolicy" : "projectcalico.org/NetworkPolicy\(kind.rawValue)"
        guard isNew(key, namespace: object.namespace, name: plain) else { return }
        var policy = NetworkPolicy(kind: kind, namespace: object.namespace, name: name, place: object.place)
        policy.tier = tier.isEmpty ? "default" : tier
        policy.order = spec?["order"]?.number?.double
        policy.selector = LabelSelector(text: spec?["selector"]?.text ?? "")
        policy.namespaceSelector = readCalicoSelector(spec?["namespaceSelector"])
        policy.serviceAccountSelector = readCalicoSelector(spec?["serviceAccountSelector"])
        policy.ingress = calicoRules(spec?["ingress"], object.source)
        policy.egress = calicoRules(spec?["egress"], object.source)
        if let types = spec?["types"]?.array, !types.isEmpty {
            policy.appliesToIngress = types.contains { $0.text == "Ingress" }
            policy.appliesToEgress = types.contains { $0.text == "Egress" }
        } else {
            // Source: api/pkg/apis/projectcalico/v3/networkpolicy.go, `Types`.
            policy.appliesToEgress = !policy.egress.isEmpty
            policy.appliesToIngress = !policy.ingress.isEmpty || policy.egress.isEmpty
        }
        policy.isUntracked = spec?["doNotTrack"]?.isTrue ?? false
        policy.isBeforeTranslation = spec?["preDNAT"]?.isTrue ?? false
        policy.appliesOnForward = spec?["applyOnForward"]?.isTrue ?? false
        objects.policies.append(policy)
    }

    mutating func readTier(_ object: ClusterObject) {
        guard isNew("Tier", object) else { return }
        var tier = Tier(name: object.name, place: object.place)
        tier.order = object.spec?["order"]?.number?.double
        if object.spec?["defaultAction"]?.text == "Pass" { tier.defaultAction = .pass }
        objects.tiers.append(tier)
    }

    mutating func readProfile(_ object: ClusterObject) {
        guard isNew("Profile", object) else { return }
        var profile = Profile(name: object.name, place: object.place)
        profile.ingress = calicoRules(object.spec?["ingress"], object.source)
        profile.egress = calicoRules(object.spec?["egress"], object.source)
        profile.labelsToApply = object.spec?["labelsToApply"]?.labels ?? []
        objects.profiles.append(profile)
    }

    private mutating func calicoRules(_ list: JSONValue?, _ source: ObjectSource) -> [PolicyRule] {
        var rules: [PolicyRule] = []
        for value in list?.elements ?? [] {
            let action: PolicyRule.Action
            switch value["action"]?.text?.lowercased() {
            case "allow": action = .allow
            case "deny": action = .deny
            case "log": action = .log
            case "pass", "next-tier": action = .pass
            default:
                tell(
                    "bad-object", "'\(quote(value["action"]?.text ?? ""))' is no action of a policy",
                    at: source.place(of: value["action"] ?? value))
                continue
            }
            var rule = PolicyRule(action, place: source.place(of: value))
            if let positive = protocolMatch(value["protocol"]) { rule.protocol = .is(positive) }
            if let negative = protocolMatch(value["notProtocol"]) { rule.protocol = .not(negative) }
            switch value["ipVersion"]?.number?.unsigned {
            case 4: rule.version = .v4
            case 6: rule.version = .v6
            default: break
            }
            rule.icmpType = value["icmp"]?["type"]?.number?.unsigned.flatMap { UInt8(exactly: $0) }
            rule.icmpCode = value["icmp"]?["code"]?.number?.unsigned.flatMap { UInt8(exactly: $0) }
            rule.asksHTTP = value["http"]?.object != nil
            rule.source = calicoPeer(value["source"], source)
            rule.destination = calicoPeer(value["destination"], source)
            rules.append(rule)
        }
        return rules
    }

    private mutating func calicoPeer(_ value: JSONValue?, _ source: ObjectSource) -> PolicyPeer {
        var peer = PolicyPeer()
        guard let value else { return peer }
        peer.nets = prefixes(value["nets"]?.elements ?? [], source)
        peer.exceptNets = prefixes(value["notNets"]?.elements ?? [], source)
        peer.selector = readCalicoSelector(value["selector"])
        peer.exceptSelector = readCalicoSelector(value["notSelector"])
        peer.namespaceSelector = readCalicoSelector(value["namespaceSelector"])
        peer.serviceAccounts = value["serviceAccounts"]?["names"]?.texts ?? []
        peer.serviceAccountSelector = readCalicoSelector(value["serviceAccounts"]?["selector"])
        if let service = value["services"], let name = service["name"]?.text {
            peer.service = (service["namespace"]?.text).map { $0 + "/" + name } ?? name
        }
        peer.domains = value["domains"]?.texts ?? []
        peer.ports = (value["ports"]?.elements ?? []).compactMap { calicoPort($0) }
        peer.exceptPorts = (value["notPorts"]?.elements ?? []).compactMap { calicoPort($0) }
        return peer
    }
}

private func protocolMatch(_ value: JSONValue?) -> IPProtocol? { value?.text.flatMap { IPProtocol($0) } }

/// `80`, `80:90` or a name.
private func calicoPort(_ value: JSONValue) -> PolicyPort? {
    if let number = value.port { return PolicyPort(.range(PortRange(number))) }
    guard let text = value.text else { return nil }
    let ends = text.split(separator: ":", maxSplits: 1)
    if ends.count == 2, let first = UInt16(ends[0]), let last = UInt16(ends[1]) {
        return PolicyPort(.range(PortRange(first, last)))
    }
    return PolicyPort(.name(text))
}
