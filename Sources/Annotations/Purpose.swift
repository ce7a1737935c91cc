/// What a chain, a rule, a set or a bit of a mark is for, and so who made it.
public enum Purpose: Hashable, Sendable {
    case calico(CalicoPurpose)
    case kubeProxy(KubeProxyPurpose)
    /// Of a maker whose rules need no more than words: a clause such as `published ports of containers`.
    case other(Maker, String)

    public var maker: Maker {
        switch self {
        case .calico: .calico
        case .kubeProxy: .kubeProxy
        case .other(let maker, _): maker
        }
    }

    var calico: CalicoPurpose? {
        if case .calico(let purpose) = self { return purpose }
        return nil
    }

    /// Whether it is a chain whose rules are not its maker's, but the operator's own.
    public var isForOperator: Bool {
        switch self {
        case .calico, .kubeProxy: false
        case .other(_, let text): text.hasPrefix(Self.operatorsOwn)
        }
    }

    static let operatorsOwn = "rules of the operator's own"

    /// A clause for a person, without the maker's name and without a final stop.
    public var text: String {
        switch self {
        case .calico(let purpose): purpose.text
        case .kubeProxy(let purpose): purpose.text
        case .other(_, let text): text
        }
    }
}

/// What a bit of the packet mark says to the program that uses it.
public struct MarkMeaning: Hashable, Sendable {
    /// What the bits of `mask` are where it is meant; all of them for one bit.
    public var value: UInt32
    public var mask: UInt32
    public var maker: Maker
    /// A clause: `the packet is to be masqueraded`.
    public var text: String

    public init(mask: UInt32, maker: Maker, text: String) {
        self.init(value: mask, mask: mask, maker: maker, text: text)
    }

    public init(value: UInt32, mask: UInt32, maker: Maker, text: String) {
        self.value = value
        self.mask = mask
        self.maker = maker
        self.text = text
    }
}

extension Purpose {
    /// What chains of this kind are for, of which a node has one for each service, endpoint, workload or policy;
    /// `nil` for all others.
    public var family: String? {
        switch self {
        case .kubeProxy(let purpose): purpose.family
        case .calico(let purpose): purpose.family
        case .other: nil
        }
    }
}

extension KubeProxyPurpose {
    fileprivate var family: String? {
        switch self {
        case .service: "chooses an endpoint of a service"
        case .localService: "chooses an endpoint of a service on this node"
        case .external: "a service, reached from outside the cluster"
        case .firewall: "source ranges of a service's load balancer"
        case .endpoint: "an endpoint of a service"
        case .unnamed(let what): what
        default: nil
        }
    }
}

extension CalicoPurpose {
    fileprivate var family: String? {
        switch self {
        case .workload(_, let way): "\(way.name) policy of a workload"
        case .policy(_, let way): "a policy, \(way.name)"
        case .policyGroup(_, let way): "policies with the same selector, \(way.name)"
        case .profile(_, let way): "a profile, \(way.name)"
        case .hostEndpoint(_, let way, _): "\(way.name) policy of a host endpoint"
        case .endpointMark: "the mark of an endpoint"
        default: nil
        }
    }
}
