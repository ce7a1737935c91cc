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
    public var mask: UInt32
    public var maker: Maker
    /// A clause: `the packet is to be masqueraded`.
    public var text: String

    public init(mask: UInt32, maker: Maker, text: String) {
        self.mask = mask
        self.maker = maker
        self.text = text
    }
}
