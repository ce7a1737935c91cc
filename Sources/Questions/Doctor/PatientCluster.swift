internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What the cluster's objects and the other nodes of the input say of this node's surroundings.
extension Patient {
    /// The name that the cluster has for this node: whose address this host has.
    var ownNode: String? {
        for node in cluster.nodes where node.addresses.contains(where: { $0.kind != .external && isOwn($0.address) }) {
            return node.name
        }
        for node in cluster.nodes where node.name == host.name { return node.name }
        return nil
    }

    /// Names of all nodes that objects name, each once.
    var nodeNames: [String] {
        var names: [String] = []
        for node in cluster.nodes where !names.contains(node.name) { names.append(node.name) }
        return names
    }

    /// Addresses of a node that other nodes may send to.
    func addresses(ofNode name: String) -> [IPAddress] {
        cluster.nodes.filter { $0.name == name }.flatMap({ $0.addresses }).filter { $0.kind != .external }.map({
            $0.address
        })
    }

    func tunnelAddresses(ofNode name: String) -> [IPAddress] {
        cluster.nodes.filter { $0.name == name }.flatMap({ $0.tunnelAddresses })
    }

    /// Whether the input holds all objects of this kind: what is not in it does not exist. A list that kubectl writes
    /// does not say whether it is of all namespaces; what every cluster has tells it.
    func lists(_ kind: String) -> Bool {
        if cluster.listedKinds.contains(kind) { return true }
        switch kind {
        case "Service": return cluster.services.contains { $0.namespace == "default" && $0.name == "kubernetes" }
        case "EndpointSlice", "Endpoints":
            let source: EndpointSet.Source = kind == "Endpoints" ? .endpoints : .endpointSlice
            return cluster.endpointSets.contains {
                $0.source == source && $0.namespace == "default" && $0.service == "kubernetes"
            }
        case "Pod": return cluster.pods.contains { $0.namespace == "kube-system" || $0.namespace == "calico-system" }
        default: return false
        }
    }

    /// Whether Calico's rules are here, whatever Calico has them for.
    var hasCalico: Bool { hasMaker(.calico) }

    /// Pods that run, each with addresses of its own.
    var runningPods: [Pod] { cluster.pods.filter { !$0.isHostNetwork && !$0.isFinished && !$0.addresses.isEmpty } }

    /// Links of pods on this host.
    func isPodLink(_ interface: NetworkInterface) -> Bool { name(interface.name).hasPrefix("cali") }

    /// `pod shop/web (cali1234)`, or `pod 10.244.1.10 behind cali1234`.
    func podText(_ address: IPAddress, _ interface: NetworkInterface) -> String {
        let link = name(interface.name)
        if let pod = runningPods.first(where: { $0.addresses.contains(address) }) {
            return "pod \(pod.namespace)/\(pod.name) (\(address))"
        }
        return annotations.workload(behind: link)?.text ?? "the pod \(address) (\(link))"
    }

    // MARK: Tables

    /// A table of iptables that the input holds whole.
    struct WholeTable {
        var index: Int
        var table: IptablesTable
        var family: TableFamily
        var backend: Backend
        var place: Place
    }

    var wholeTables: [WholeTable] {
        var found: [WholeTable] = []
        for (index, table) in linked.ruleset.tables.enumerated() {
            guard let kind = table.iptables, !table.isPartial else { continue }
            found.append(
                WholeTable(index: index, table: kind, family: table.family, backend: table.backend, place: table.place))
        }
        return found
    }

    /// A chain that is declared in this table.
    func chain(_ name: String, in table: WholeTable) -> ChainID? {
        guard let symbol = model.names.find(name), let id = linked.chainID(table: table.index, named: symbol),
            !linked.chain(id).place.isNone
        else { return nil }
        return id
    }

    /// Whether rules lead from `start` to `chain`.
    func leads(_ start: ChainID, to chain: ChainID) -> Bool {
        var seen: Set<ChainID> = []
        var waiting = [start]
        while let next = waiting.popLast() {
            guard seen.insert(next).inserted else { continue }
            if next == chain { return true }
            waiting += linked.jumps[next.index].compactMap({ $0.target })
        }
        return false
    }

    /// What of a table shows it: its own line, or that of its first chain.
    func evidence(_ table: WholeTable, _ text: String) -> DoctorFinding.Evidence {
        if !table.place.isNone { return DoctorFinding.Evidence(table.place, text) }
        let chains = linked.ruleset.tables[table.index].chains
        return DoctorFinding.Evidence(chains.first { !$0.place.isNone }?.place ?? .none, text)
    }
}
