import SourceText

/// What a line says that stands above a text that this program wrote: ``# Written by hookline as `ip neigh` ``. What
/// follows is a listing of that kind even where it is empty: the host then has none.
func writtenListing(_ text: Span<UInt8>, _ line: Range<Int>) -> (kind: ListingKind, hint: ListingHint)? {
    guard text.begins(line, "# Written by hookline as `") else { return nil }
    let start = line.lowerBound + 26
    guard let end = text.firstIndex(of: UInt8(ascii: "`"), in: start..<line.upperBound) else { return nil }
    let command = start..<end
    let kinds: [(StaticString, ListingKind)] = [
        ("ip -d addr", .addresses), ("ip -d link", .addresses), ("ip route show table all", .routes),
        ("ip -6 route show table all", .routes),
        ("ip nexthop", .nextHops), ("ip rule", .policyRules), ("ip -6 rule", .policyRules), ("ip neigh", .neighbours),
        ("ip addrlabel", .addressLabels),
        ("bridge fdb", .bridgeForwarding), ("ipset save", .setSave), ("conntrack -L", .connections),
        ("sysctl -a", .sysctl), ("nft list tables", .nftTables), ("iptables-legacy-save", .unreadRules),
        ("ip6tables-legacy-save", .unreadRules), ("ss -lntup", .sockets), ("netstat -lntup", .netstat),
        ("tc qdisc show", .trafficControl), ("bpftool net", .attachedPrograms), ("ip xfrm policy", .transformPolicies),
        ("ipvsadm -Ln", .virtualServers), ("hostname", .hostName), ("uname -r", .kernelRelease),
        ("capture notes", .captureNotes),
    ]
    for (name, kind) in kinds where text.has(command, name) {
        var hint = ListingHint(text, command, isCommand: true)
        hint.isWholeAddresses = text.has(command, "ip -d addr")
        return (kind, hint)
    }
    return nil
}
