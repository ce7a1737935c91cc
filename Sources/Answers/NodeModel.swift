internal import HostText
public import PathModel
internal import RuleModel
public import Snapshot
internal import SourceText

extension NodeState {
    /// The node compiled, with what it says of rules that could not be read.
    public func makeModel() -> HostModel {
        HostModel(ruleset, host, names: names, unreadRules: unreadRulesets.map(unreadText))
    }

    private func unreadText(_ unread: UnreadRuleset) -> String {
        let tables = unread.tables.isEmpty ? "" : " (\(unread.tables.joined(separator: ", ")))"
        let place = file(of: unread.place).map { ", \($0.path):\(unread.place.line)" } ?? ""
        return "\(unreadRulesName(unread)) decide about packets too\(tables)\(place)"
    }
}

/// What rules are that could not be read.
public func unreadRulesName(_ unread: UnreadRuleset) -> String {
    unread.kind == .unreadRules
        ? "rules of iptables-legacy, which could not be read,"
        : "native nftables rules, which this version does not read,"
}
