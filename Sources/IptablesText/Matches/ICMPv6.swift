internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m icmp6`
    mutating func readICMPv6() throws(RuleFailure) -> Match { .icmp(try readICMPType(.v6)) }
}
