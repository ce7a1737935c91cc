internal import RuleModel

// What Felix calls policies in comments, flow log prefixes and chain names.
extension PolicyName {
    init(_ policy: NetworkPolicy) {
        let kind: Kind
        switch policy.kind {
        case .kubernetes: kind = .kubernetesNetworkPolicy
        case .calico: kind = .networkPolicy
        case .calicoGlobal: kind = .globalNetworkPolicy
        case .staged: kind = .stagedNetworkPolicy
        case .stagedGlobal: kind = .stagedGlobalNetworkPolicy
        case .stagedKubernetes: kind = .stagedKubernetesNetworkPolicy
        case .admin: kind = .adminNetworkPolicy
        case .baselineAdmin: kind = .baselineAdminNetworkPolicy
        case .cluster: kind = .clusterNetworkPolicy
        }
        // The store of the custom resources puts the tier before the name, also `default`.
        let name = policy.name.hasPrefix("default.") ? String(policy.name.dropFirst(8)) : policy.name
        self.init(kind, namespace: policy.namespace, name: name, tier: policy.tier)
    }

    /// `Policy default/knp.default.allow-http ingress` (v3.22 to v3.31), `NetworkPolicy shop/allow-web egress` (v3.32 and
    /// later); `nil` for another comment. `id` is what stands behind the chain's prefix: it tells the tier.
    ///
    /// In nftables mode annotations of the rule stand before it.
    init?(comment: String, id: String) {
        let words = comment.split(separator: " ")
        guard words.count >= 3, words[words.count - 1] == "ingress" || words[words.count - 1] == "egress" else {
            return nil
        }
        let kindWord = words[words.count - 3]
        let name = words[words.count - 2]
        if kindWord == "Policy" {
            self.init(older: String(name), id: id)
            return
        }
        guard let kind = Kind.allCases.first(where: { $0 != .unnamed && $0.name == kindWord }) else { return nil }
        let parts = name.split(separator: "/", maxSplits: 1)
        let tier = kind == .kubernetesNetworkPolicy ? "default" : ""
        if parts.count == 2 {
            self.init(kind, namespace: String(parts[0]), name: String(parts[1]), tier: tier)
        } else {
            self.init(kind, name: String(name), tier: tier)
        }
    }

    /// A chain's or flow log's id that is not a hash: `gnp/block-smtp`, `np/shop/allow` (v3.32 and later),
    /// `security/security.block-smtp`, `default/shop/default.allow` (v3.29 to v3.31), `default.allow`,
    /// `shop/default.allow` (before, and in flow logs).
    init?(id: String) {
        let parts = id.split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(""), let first = parts.first, parts.count <= 3 else { return nil }
        if parts.count >= 2, let kind = Self.kind(short: first), kind.hasNamespace == (parts.count == 3) {
            let namespace = parts.count == 3 ? String(parts[1]) : ""
            self.init(
                kind, namespace: namespace, name: String(parts[parts.count - 1]),
                tier: kind == .kubernetesNetworkPolicy ? "default" : "")
            return
        }
        // `TIER/…` where the name begins with the tier, which a namespace's policies seldom do.
        let last = parts[parts.count - 1]
        if parts.count == 3 || parts.count == 2 && last.hasPrefix(first + ".") {
            self.init(older: parts.dropFirst().joined("/"), id: id)
        } else {
            self.init(older: id, id: id)
        }
    }

    private static func kind(short: Substring) -> Kind? {
        switch short {
        case "np": .networkPolicy
        case "gnp": .globalNetworkPolicy
        case "knp": .kubernetesNetworkPolicy
        case "snp": .stagedNetworkPolicy
        case "sgnp": .stagedGlobalNetworkPolicy
        case "sknp": .stagedKubernetesNetworkPolicy
        case "kcnp": .clusterNetworkPolicy
        default: nil
        }
    }

    /// A name of up to v3.31: the kind is in its first words, and in another tier than `default` the tier too.
    /// Source: libcalico-go/lib/names/policy.go of v3.31 `TierFromPolicyName`.
    private init(older text: String, id: String) {
        let slash = text.firstIndex(of: "/")
        let namespace = slash.map { String(text[..<$0]) } ?? ""
        var rest = slash.map { text[text.index(after: $0)...] } ?? text[...]
        let isStaged = rest.hasPrefix("staged:")
        if isStaged { rest = rest.dropFirst(7) }
        let kinds: [(prefix: String, kind: Kind, tier: String)] = [
            ("knp.default.", isStaged ? .stagedKubernetesNetworkPolicy : .kubernetesNetworkPolicy, "default"),
            ("kanp.adminnetworkpolicy.", .adminNetworkPolicy, "adminnetworkpolicy"),
            ("kbanp.baselineadminnetworkpolicy.", .baselineAdminNetworkPolicy, "baselineadminnetworkpolicy"),
            ("ossg.default.", .openStackSecurityGroup, "default"), ("kcnp.", .clusterNetworkPolicy, ""),
        ]
        for (prefix, kind, tier) in kinds where rest.hasPrefix(prefix) {
            self.init(kind, namespace: namespace, name: String(rest.dropFirst(prefix.utf8.count)), tier: tier)
            return
        }
        let kind: Kind =
            namespace.isEmpty
            ? (isStaged ? .stagedGlobalNetworkPolicy : .globalNetworkPolicy)
            : (isStaged ? .stagedNetworkPolicy : .networkPolicy)
        let tier = Self.tier(of: rest, text: text, id: id)
        if tier == "default", rest.hasPrefix("default.") { rest = rest.dropFirst(8) }
        self.init(kind, namespace: namespace, name: String(rest), tier: tier)
    }

    /// The tier of a name such as `security.block-smtp`: proven where the chain's id is made of tier and name.
    private static func tier(of name: Substring, text: String, id: String) -> String {
        guard let dot = name.firstIndex(of: ".") else { return "default" }
        let first = String(name[..<dot])
        for tier in [first, "default"] where id == lengthLimitedID("\(tier)/\(text)", prefixLength: 8) { return tier }
        // Up to v3.28 there were no tiers.
        return id == lengthLimitedID(text, prefixLength: 8) && id.hasPrefix("_") ? "default" : first
    }
}

extension PolicyName.Kind {
    fileprivate var hasNamespace: Bool {
        switch self {
        case .networkPolicy, .kubernetesNetworkPolicy, .stagedNetworkPolicy, .stagedKubernetesNetworkPolicy: true
        case .globalNetworkPolicy, .stagedGlobalNetworkPolicy, .adminNetworkPolicy, .baselineAdminNetworkPolicy,
            .clusterNetworkPolicy, .openStackSecurityGroup, .unnamed:
            false
        }
    }
}

extension ArraySlice<Substring> {
    /// `joined(separator:)`, which Embedded Swift has not for substrings.
    fileprivate func joined(_ separator: String) -> String {
        var text = ""
        for part in self { text += text.isEmpty ? String(part) : separator + part }
        return text
    }
}
