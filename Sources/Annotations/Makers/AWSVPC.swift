internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// The AWS VPC CNI: by which address pods leave the VPC, and by which interface answers do.
///
/// Source: amazon-vpc-cni-k8s pkg/networkutils/network.go (v1.5: one chain for each network; v1.15: one chain),
/// pkg/networkutils/connmark_nft.go (`table ip aws-cni`).
enum AWSVPC {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        if chain.table.isNative, chain.tableName == "aws-cni" {
            switch chain.name {
            case "nat-prerouting": return words("marks what pods send out of the VPC")
            case "snat-mark": return connmarks
            default: return nil
            }
        }
        if isNumbered(chain.name, "AWS-SNAT-CHAIN-") { return words("by which address pods leave the VPC") }
        if isNumbered(chain.name, "AWS-CONNMARK-CHAIN-") { return connmarks }
        return nil
    }

    private static let connmarks = words("marks connections of pods that leave the VPC")

    private static func isNumbered(_ name: String, _ prefix: String) -> Bool {
        guard let number = rest(of: name, after: prefix), !number.isEmpty else { return false }
        return number.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        if chain == nil { return rule.chain.isBase ? basePurpose(of: rule) : nil }
        guard chain?.maker == .awsVPC else { return nil }
        let outline = rule.outline
        switch outline.effect {
        case .return:
            if outline.isLocal == true { return words("leaves what is for this host as it is") }
            return outline.destination?.wanted.map { words("to \($0): no address is changed") }
        case .jump(let target) where target != "snat-mark":
            return outline.destination?.excluded.map { words("goes on unless it goes to \($0)") }
        case .source(let address): return words("pods leave the VPC by this node's address \(address)")
        case .connectionMark: return words("marks the connection: it leaves the VPC by the primary interface")
        case .restoreMark: return words("takes the mark from the connection: by the primary interface")
        default: return nil
        }
    }

    /// Its rules in built-in chains all have comments.
    private static func basePurpose(of rule: RuleFacts) -> Purpose? {
        let outline = rule.outline
        for comment in rule.comments {
            switch (comment, outline.effect) {
            case ("AWS, primary ENI", .connectionMark):
                return words("marks connections that come by the primary interface, so that answers leave by it")
            case ("AWS, primary ENI", .restoreMark):
                return words("takes the mark from the connection: answers of pods leave by the primary interface")
            case ("AWS, CONNMARK", .restoreMark):
                return words("takes the mark from the connection: by the primary interface")
            case ("Block Node Local Pod access via IPv4", _), ("Block Node Local Pod access via IPv6", _):
                return words("refuses addresses of pods that are for this node alone")
            default: continue
            }
        }
        return nil
    }

    static let marks = [
        MarkMeaning(
            mask: 0x80, maker: .awsVPC,
            text: "the connection came by the primary interface, or leaves the VPC: its packets are routed by it")
    ]

    private static func words(_ text: String) -> Purpose { .other(.awsVPC, text) }
}
