internal import NetTypes
internal import RuleModel

/// Each answer's name, and the one it had before; in the order in which iptables looks for a word that begins so.
/// Source: iptables 1.8.9, extensions/libipt_REJECT.c and libip6t_REJECT.c `reject_table`.
private let answersV4: [(name: StaticString, alias: StaticString, answer: RejectWith)] = [
    ("icmp-net-unreachable", "net-unreach", .icmpNetUnreachable),
    ("icmp-host-unreachable", "host-unreach", .icmpHostUnreachable),
    ("icmp-proto-unreachable", "proto-unreach", .icmpProtocolUnreachable),
    ("icmp-port-unreachable", "port-unreach", .icmpPortUnreachable),
    ("icmp-net-prohibited", "net-prohib", .icmpNetProhibited),
    ("icmp-host-prohibited", "host-prohib", .icmpHostProhibited),
    ("tcp-reset", "tcp-rst", .tcpReset),
    ("icmp-admin-prohibited", "admin-prohib", .icmpAdminProhibited),
]
private let answersV6: [(name: StaticString, alias: StaticString, answer: RejectWith)] = [
    ("icmp6-no-route", "no-route", .icmp6NoRoute),
    ("icmp6-adm-prohibited", "adm-prohibited", .icmp6AdminProhibited),
    ("icmp6-addr-unreachable", "addr-unreach", .icmp6AddressUnreachable),
    ("icmp6-port-unreachable", "port-unreach", .icmp6PortUnreachable),
    ("tcp-reset", "tcp-reset", .tcpReset),
    ("icmp6-policy-fail", "policy-fail", .icmp6PolicyFail),
    ("icmp6-reject-route", "reject-route", .icmp6RejectRoute),
]

extension RuleReader {
    /// `-j REJECT`
    mutating func readREJECTTarget() throws(RuleFailure) -> Target {
        var answer: RejectWith?
        while try beginOption() {
            guard takes("--reject-with") else { break }
            try refuseSecond(answer)
            let range = try value()
            guard let found = readAnswer(range) else { throw bad(.value, "a way to reject") }
            answer = found
        }
        return .reject(answer ?? (isV6 ? .icmp6PortUnreachable : .icmpPortUnreachable))
    }

    private func readAnswer(_ range: Range<Int>) -> RejectWith? {
        guard !range.isEmpty else { return nil }
        for answer in isV6 ? answersV6 : answersV4
        where begins(anyCase: answer.name, with: range) || begins(anyCase: answer.alias, with: range) {
            return answer.answer
        }
        return nil
    }
}

extension RuleWriter {
    mutating func writeRejectTarget(_ target: RejectWith) {
        option("--reject-with")
        put(" ")
        put(target.name)
    }
}
