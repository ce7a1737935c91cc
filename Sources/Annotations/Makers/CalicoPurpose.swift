/// What a chain, rule, set or mark of Calico's is for.
public enum CalicoPurpose: Hashable, Sendable {
    case entry

    public var text: String {
        switch self {
        case .entry: "Calico's rules at this hook"
        }
    }
}
