internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// Istio's redirection to its proxies, in the namespace of a pod; on the host only what lets kubelet's probes in.
///
/// Source: istio tools/istio-iptables/pkg/capture/run.go, pkg/constants/constants.go, cni/pkg/iptables/iptables.go
/// (v1.24), tools/istio-nftables/pkg/constants/constants.go (v1.28).
enum Istio {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName.hasPrefix("istio-") {
            guard chain.tableName.hasPrefix("istio-proxy-") || chain.tableName.hasPrefix("istio-ambient-") else {
                return nil
            }
            switch chain.name {
            case "prerouting", "istio-prerouting": return words("what comes to this pod")
            case "output", "istio-output": return words("what this pod sends")
            case "postrouting", "istio-postrouting": return words("by which address kubelet's probes reach pods")
            case "istio-inbound": return words("what comes to this pod")
            case "istio-output-dns": return words("hands what this pod asks of name servers to its proxy")
            case "istio-redirect": return words("hands what this pod sends to its proxy")
            case "istio-in-redirect": return words("hands what comes to this pod to its proxy")
            case "istio-divert": return words("marks what belongs to a connection of the proxy's")
            case "istio-tproxy": return words("hands what comes to this pod to its proxy, with the client's address")
            case "istio-drop", "ISTIO_DROP": return words("drops what conntrack calls invalid")
            default: return nil
            }
        }
        switch chain.name {
        case "ISTIO_INBOUND", "ISTIO_PRERT": return words("what comes to this pod")
        case "ISTIO_OUTPUT": return words("what this pod sends")
        case "ISTIO_OUTPUT_DNS": return words("hands what this pod asks of name servers to its proxy")
        case "ISTIO_REDIRECT": return words("hands what this pod sends to its proxy")
        case "ISTIO_IN_REDIRECT": return words("hands what comes to this pod to its proxy")
        case "ISTIO_DIVERT": return words("marks what belongs to a connection of the proxy's")
        case "ISTIO_TPROXY": return words("hands what comes to this pod to its proxy, with the client's address")
        case "ISTIO_POSTRT": return words("by which address kubelet's probes reach pods")
        case "ISTIO_DROP": return words("drops what conntrack calls invalid")
        default: return nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .istio else { return nil }
        let outline = rule.outline
        let name = rule.chain.name
        let isIncoming =
            name == "ISTIO_INBOUND" || name == "ISTIO_PRERT" || name == "istio-inbound"
            || name == "istio-prerouting" || name == "prerouting"
        let owner = owner(of: rule)
        switch outline.effect {
        case .redirect(let port):
            if outline.destinationPorts == "53" {
                return words("hands questions to name servers to the proxy (\(port))")
            }
            switch port {
            case ":15001": return words("hands what this pod sends to its proxy (port 15001)")
            case ":15006": return words("hands what comes to this pod to its proxy (port 15006)")
            default: return words("hands it to the proxy (\(port))")
            }
        case .tproxy(let port): return words("hands what comes to this pod to its proxy (\(port))")
        case .return, .accept: return words(left(outline, owner, isIncoming))
        case .mark: return words("marks the packet as the proxy's own")
        case .connectionMark: return words("marks the connection as the proxy's own")
        case .saveMark: return words("keeps the mark with the connection")
        case .restoreMark: return words("takes the mark from the connection")
        case .source(let address): return words("lets kubelet's probes reach pods from \(address)")
        case .zone(let zone): return words("tracks questions to name servers apart (zone \(zone))")
        case .drop: return words("drops what conntrack calls invalid")
        default: return nil
        }
    }

    /// Why a packet does not go to the proxy.
    private static func left(_ outline: RuleOutline, _ owner: String?, _ isIncoming: Bool) -> String {
        if let owner { return "what \(owner) sends goes on as it is" }
        if outline.destination?.wanted == "169.254.7.127" || outline.source?.wanted == "169.254.7.127" {
            return "kubelet's probes go on as they are"
        }
        if outline.destination?.wanted == "127.0.0.1" || outline.destination?.wanted == "::1" {
            return "what goes to the pod itself goes on as it is"
        }
        if outline.source?.wanted == "127.0.0.6" || outline.source?.wanted == "::6" {
            return "what the proxy passes on to the pod goes on as it is"
        }
        if !outline.marks.isEmpty { return "what the proxy marked goes on as it is" }
        if !outline.destinationPorts.isEmpty {
            return "\(outline.service) is left out: \(isIncoming ? "it comes in" : "it goes out") without the proxy"
        }
        if let network = outline.destination?.wanted { return "what goes to \(network) is left out" }
        if outline.output?.wanted == "lo" { return "what goes by lo goes on as it is" }
        if let interface = outline.input?.wanted { return "what comes by \(interface) is left out" }
        return "goes on without the proxy"
    }

    /// Whose packets `-m owner` or `meta skuid` asks for: 1337 is the proxy.
    private static func owner(of rule: RuleFacts) -> String? {
        for statement in rule.rule.statements {
            switch statement {
            case .match(.owner(let owner)):
                if case .is(let users)? = owner.user, users.first == 1337 { return "the proxy" }
                if case .is(let groups)? = owner.group, groups.first == 1337 { return "the proxy" }
                if case .not? = owner.user { return "the application" }
                if case .not? = owner.group { return "the application" }
            case .match(.native(let comparison)):
                guard comparison.left == .meta(.userID) || comparison.left == .meta(.groupID),
                    case .literal(let literal) = comparison.right
                else { continue }
                if comparison.relation == .notEqual { return "the application" }
                return literal.number == 1337 ? "the proxy" : "user \(literal.number ?? 0)"
            case .match, .target: continue
            }
        }
        return nil
    }

    static func purpose(ofSet name: String) -> Purpose? {
        name.hasPrefix("istio-inpod-probes-") ? words("pods of the mesh on this node") : nil
    }

    static let marks = [
        MarkMeaning(value: 0x539, mask: 0xfff, maker: .istio, text: "the packet is the proxy's own"),
        MarkMeaning(value: 0x53a, mask: 0xfff, maker: .istio, text: "the proxy passes the packet on to the pod"),
        MarkMeaning(
            value: 0x111, mask: 0xfff, maker: .istio, text: "the connection is the proxy's own (mark of the connection)"
        ),
    ]

    private static func words(_ text: String) -> Purpose { .other(.istio, text) }
}
