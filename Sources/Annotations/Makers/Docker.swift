internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// Docker's chains and rules by iptables, versions 17 to 29; `DockerTables.swift` has the nftables backend of 29.
///
/// Source: moby integration/network/bridge/iptablesdoc/generated/*.md (v28, v29), libnetwork/iptables and
/// libnetwork/drivers/bridge/setup_ip_tables_linux.go (v20.10), libnetwork/resolver_unix.go (DOCKER_OUTPUT).
enum Docker {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "docker-bridges" { return nativePurpose(of: chain) }
        guard chain.name.hasPrefix("DOCKER") else { return nil }
        let isNAT = chain.tableName == "nat"
        switch chain.name {
        case "DOCKER-USER": return words("rules of the operator's own, asked before Docker's")
        case "DOCKER-FORWARD": return words("what is forwarded to and from containers")
        case "DOCKER-CT": return words("lets answers to containers through")
        case "DOCKER-INTERNAL": return words("closes internal networks to the outside")
        case "DOCKER-BRIDGE": return words("goes by the bridge that a packet leaves by")
        case "DOCKER":
            return isNAT ? words("published ports of containers") : words("lets published ports of containers in")
        case "DOCKER-ISOLATION": return words("keeps Docker's networks apart")
        case "DOCKER-ISOLATION-STAGE-1": return words("keeps Docker's networks apart: what leaves one of them")
        case "DOCKER-ISOLATION-STAGE-2": return words("keeps Docker's networks apart: what would enter another")
        case "DOCKER-INGRESS":
            return isNAT
                ? words("published ports of swarm services") : words("lets published ports of swarm services in")
        case "DOCKER_OUTPUT": return words("asks Docker's own name server where a container asks 127.0.0.11")
        case "DOCKER_POSTROUTING": return words("gives answers of Docker's own name server the address 127.0.0.11")
        default: return nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        if chain?.maker == .docker {
            if rule.chain.table.isNative, rule.chain.tableName == "docker-bridges" { return nativePurpose(of: rule) }
            return purpose(of: rule)
        }
        guard chain == nil, rule.chain.isBase else { return nil }
        return basePurpose(of: rule)
    }

    // MARK: Rules of Docker's own chains

    private static func purpose(of rule: RuleFacts) -> Purpose? {
        let outline = rule.outline
        let chain = rule.chain
        switch (chain.name, outline.effect) {
        case ("DOCKER-USER", .return) where outline.isUnconditional: return words("goes on to Docker's own rules")
        case ("DOCKER-USER", _): return nil
        case ("DOCKER", .destination(let container)):
            return words("\(published(outline)) of container \(container)")
        case ("DOCKER", .return):
            return outline.input?.wanted.map { words("leaves what comes from bridge \($0) itself as it is") }
        case ("DOCKER", .accept):
            guard let container = outline.destination?.wanted else { return nil }
            return words("lets \(service(outline)) of container \(container) in: published")
        case ("DOCKER", .drop):
            return outline.output?.wanted.map { words("bridge \($0): ports that are not published are closed") }
        case ("DOCKER-INGRESS", .destination(let gateway)):
            return words("\(published(outline)) of a swarm service, by the ingress network (\(gateway))")
        case ("DOCKER-INGRESS", .accept):
            return words(
                outline.isForKnownConnections
                    ? "lets answers of a swarm service's \(service(outline)) through"
                    : "lets \(service(outline)) of a swarm service in")
        case ("DOCKER-INGRESS", .return), ("DOCKER-ISOLATION", .return), ("DOCKER-ISOLATION-STAGE-1", .return),
            ("DOCKER-ISOLATION-STAGE-2", .return):
            return words("goes on: none of the rules above")
        case ("DOCKER-CT", .accept):
            return outline.output?.wanted.map { words("lets answers to bridge \($0) through") }
        case ("DOCKER-BRIDGE", .jump):
            return outline.output?.wanted.map { words("published ports of containers on bridge \($0)") }
        case ("DOCKER-INTERNAL", .drop), ("DOCKER-ISOLATION-STAGE-1", .drop), ("DOCKER-ISOLATION", .drop):
            return closed(outline)
        case ("DOCKER-ISOLATION-STAGE-1", .jump):
            return outline.input?.wanted.map { words("what leaves bridge \($0) for another interface") }
        case ("DOCKER-ISOLATION-STAGE-2", .drop):
            return outline.output?.wanted.map { words("bridge \($0) takes nothing from another of Docker's networks") }
        case ("DOCKER-FORWARD", .accept), ("DOCKER-FORWARD", .drop):
            return outline.input?.wanted.flatMap { forwarded(outline, bridge: $0) }
        case ("DOCKER_OUTPUT", .destination): return words("to Docker's own name server")
        case ("DOCKER_POSTROUTING", .source): return words("from Docker's own name server")
        default: return nil
        }
    }

    /// `published tcp port 8080`, with the host's address where it is bound to one.
    static func published(_ outline: RuleOutline) -> String {
        "published " + (outline.service.isEmpty ? "everything" : outline.bound)
    }

    static func service(_ outline: RuleOutline) -> String {
        outline.service.isEmpty ? "everything" : outline.service
    }

    /// An internal network, or one that is kept from another.
    private static func closed(_ outline: RuleOutline) -> Purpose? {
        if let subnet = outline.source?.excluded, let bridge = outline.output?.wanted {
            return words("internal network \(subnet) (\(bridge)) takes nothing from outside")
        }
        if let subnet = outline.destination?.excluded, let bridge = outline.input?.wanted {
            return words("internal network \(subnet) (\(bridge)) sends nothing outside")
        }
        if let from = outline.input?.wanted, let to = outline.output?.wanted {
            return words("keeps bridge \(from) from bridge \(to)")
        }
        return nil
    }

    private static func forwarded(_ outline: RuleOutline, bridge: String) -> Purpose? {
        let toItself = outline.output?.wanted == bridge
        switch outline.effect {
        case .accept where toItself: return words("containers on bridge \(bridge) may reach each other")
        case .accept: return words("containers on bridge \(bridge) may reach others")
        case .drop where toItself: return words("containers on bridge \(bridge) may not reach each other (icc=false)")
        default: return nil
        }
    }

    // MARK: Rules of Docker's in built-in chains

    /// Rules without a name in them: they are Docker's where their interface is a bridge of its.
    private static func basePurpose(of rule: RuleFacts) -> Purpose? {
        let chain = rule.chain
        guard let table = chain.table.iptables else { return nil }
        let outline = rule.outline
        switch (table, chain.name) {
        case (.filter, "FORWARD"):
            if let bridge = bridge(outline.output?.wanted, of: chain) {
                if outline.isForKnownConnections, outline.effect == .accept {
                    return words("lets answers to bridge \(bridge) through")
                }
                if outline.effect == .jump("DOCKER") {
                    return words("published ports of containers on bridge \(bridge)")
                }
            }
            guard let from = bridge(outline.input?.wanted, of: chain),
                outline.output?.value == from, outline.states == nil
            else { return nil }
            return forwarded(outline, bridge: from)
        case (.nat, "POSTROUTING") where outline.effect == .masquerade: return masqueraded(outline, in: chain)
        case (.raw, "PREROUTING") where outline.effect == .drop: return shielded(outline, in: chain)
        default: return nil
        }
    }

    private static func masqueraded(_ outline: RuleOutline, in chain: ChainFacts) -> Purpose? {
        if let subnet = outline.source?.wanted, let bridge = bridge(outline.output?.excluded, of: chain) {
            return words("containers of \(subnet) (\(bridge)) leave by this host's address")
        }
        if outline.isFromLocal == true, let bridge = bridge(outline.output?.wanted, of: chain) {
            return words("this host reaches containers on bridge \(bridge) by the bridge's address")
        }
        if let container = outline.source?.wanted, container == outline.destination?.wanted,
            publishes(chain.sibling("DOCKER"), container: container, ports: outline.destinationPorts)
        {
            return words("container \(container) reaches itself by its published port: \(service(outline))")
        }
        return nil
    }

    /// Packets that would go round a published port, or reach one that is for this host alone.
    private static func shielded(_ outline: RuleOutline, in chain: ChainFacts) -> Purpose? {
        guard let address = outline.destination?.wanted else { return nil }
        if let bridge = bridge(outline.input?.excluded, of: chain) {
            return words("container \(address) is reached from outside bridge \(bridge) by its published ports only")
        }
        guard outline.input?.excluded == "lo", let docker = chain.cousin("DOCKER", table: .nat) else { return nil }
        for index in docker.rules.indices {
            let published = docker.facts(index).outline
            guard published.destination?.wanted == address, published.destinationPorts == outline.destinationPorts
            else { continue }
            return words("\(self.published(outline)) is for this host alone")
        }
        return nil
    }

    private static func publishes(_ chain: ChainFacts?, container: String, ports: String) -> Bool {
        guard let chain, let address = IPAddress(container) else { return false }
        for rule in chain.rules {
            guard case .dnat(let nat)? = rule.target, nat.addresses?.first == address, let range = nat.ports else {
                continue
            }
            if ports == (range.isSingle ? "\(range.first)" : "\(range.first)-\(range.last)") { return true }
        }
        return false
    }

    /// `name` where it is a bridge of Docker's: by its name, or since Docker's chains speak of it.
    private static func bridge(_ name: String?, of chain: ChainFacts) -> String? {
        guard let name else { return nil }
        if name == "docker0" || name == "docker_gwbridge" { return name }
        let digits = name.utf8.dropFirst(3)
        if name.hasPrefix("br-"), digits.count == 12, digits.allSatisfy({ isHexadecimal($0) }) { return name }
        guard let docker = chain.linked.names.find("DOCKER") else { return nil }
        for holder in ["FORWARD", "DOCKER-BRIDGE"] {
            guard let facts = chain.cousin(holder, table: .filter) else { continue }
            // A bridge has a rule; a host has a few of them, and FORWARD may have thousands of others'.
            for index in facts.rules.indices.prefix(256) {
                let rule = facts.facts(index)
                if rule.jumpSymbol == docker, rule.outline.output?.wanted == name { return name }
            }
        }
        return nil
    }

    static func words(_ text: String) -> Purpose { .other(.docker, text) }
}
