import NetTypes

/// What native rules do.
enum NativeStatements {
    struct Entry: Sendable {
        var weight = 10
        var hooks = RuleHooks.all
        /// Few packets may go beyond it.
        var isFinal = false
        var isOfConnection = false
        let write: @Sendable (inout NativeDraft) -> String?
    }

    static func all(_ draft: NativeDraft) -> [Entry] {
        if draft.isNAT { return translations + verdicts.filter { $0.isFinal } + changes.prefix(2) }
        if draft.isOfDevice {
            let own = (verdicts + changes).filter { !$0.isOfConnection }
            return draft.hooks == .prerouting ? own + [rejection] : own
        }
        return verdicts + changes + (draft.isEarly ? early : [])
    }

    private static let verdicts: [Entry] = [
        Entry(weight: 24, isFinal: true, write: { _ in "accept" }),
        Entry(weight: 14, isFinal: true, write: { _ in "return" }),
        Entry(weight: 5, isFinal: true, write: { _ in "drop" }),
        Entry(weight: 4, write: { _ in "continue" }),
        Entry(weight: 14, write: { _ in "counter" }),
        Entry(
            weight: 8, hooks: [.input, .forward, .output], isFinal: true,
            write: { draft in
                if draft.transport == "tcp", draft.percent(50) { return "reject with tcp reset" }
                let own =
                    draft.version == .v4
                    ? draft.pick(["host-unreachable", "port-unreachable", "admin-prohibited", "net-prohibited"])
                    : draft.pick(["no-route", "admin-prohibited", "addr-unreachable", "port-unreachable"])
                switch draft.family {
                case .ip: return "reject with icmp type \(own)"
                case .ip6: return "reject with icmpv6 type \(own)"
                case .inet, .netdev:
                    return draft.percent(50)
                        ? "reject" : "reject with icmpx type \(draft.pick(["admin-prohibited", "no-route"]))"
                }
            }),
        Entry(
            weight: 12, isFinal: true,
            write: { draft in
                let name = draft.chance.pickAny(
                    draft.sets.filter { set in
                        guard set.isVerdictMap else { return false }
                        switch set.key {
                        case .address(let version), .addressAndPort(let version), .twoAddresses(let version):
                            return version == draft.version
                        case .port, .mark, .interface: return true
                        }
                    })
                guard let name else { return nil }
                switch name.key {
                case .address: return "\(draft.addressWord) \(draft.pick(["saddr", "daddr"])) vmap @\(name.name)"
                case .port:
                    guard NativeMatches.take("tcp", &draft) else { return nil }
                    return "tcp dport vmap @\(name.name)"
                case .addressAndPort:
                    guard NativeMatches.take("tcp", &draft) else { return nil }
                    return "\(draft.addressWord) daddr . tcp dport vmap @\(name.name)"
                case .mark: return "meta mark vmap @\(name.name)"
                case .interface: return RuleHooks.incoming.contains(draft.hooks) ? "iifname vmap @\(name.name)" : nil
                case .twoAddresses: return nil
                }
            }),
        Entry(
            weight: 8, isOfConnection: true,
            write: { draft in
                "ct state vmap { established : \(draft.pick(["accept", "continue"])), new : \(draft.pick(["continue", "return"])), "
                    + "invalid : \(draft.pick(["drop", "continue"])) }"
            }),
        Entry(
            weight: 4,
            write: { draft in
                "meta mark vmap { 0x1 : \(draft.pick(["accept", "return"])), 0x2-0x10 : continue, * : \(draft.pick(["continue", "accept"])) }"
            }),
    ]

    private static let changes: [Entry] = [
        Entry(
            weight: 26,
            write: { draft in
                let mark = hexadecimal(draft.pick(RandomPools.marks))
                return "meta mark set "
                    + draft.pick([
                        mark, mark, "meta mark | \(mark)", "meta mark & 0xfffffff0", "meta mark ^ \(mark)",
                        "meta mark & 0xff | 0x100",
                    ])
            }),
        Entry(
            weight: 14, isOfConnection: true,
            write: { draft in
                let mark = hexadecimal(draft.pick(RandomPools.marks))
                return draft.pick([
                    "ct mark set \(mark)", "ct mark set meta mark", "ct mark set ct mark | \(mark)",
                    "meta mark set ct mark",
                    "ct mark set meta mark & 0xff",
                ])
            }),
        Entry(
            weight: 5,
            write: { draft in
                draft.version == .v4
                    ? "meta mark set ip saddr map { 10.0.0.0/8 : 0x1, 203.0.113.0/24 : 0x2, 198.51.100.7 : 0x3 }"
                    : "meta mark set ip6 daddr map { 2001:db8::/32 : 0x1, fd00::/16 : 0x2 }"
            }),
        Entry(
            weight: 3,
            write: { draft in
                guard NativeMatches.take("tcp", &draft) else { return nil }
                return "meta mark set tcp dport map { 80 : 0x1, 443 : 0x2, 1000-9000 : 0x3 }"
            }),
        Entry(weight: 3, write: { draft in "meta mark set jhash \(draft.addressWord) saddr mod 4 seed 0x7 offset 1" }),
        Entry(
            weight: 6,
            write: { draft in
                draft.version == .v4
                    ? "ip ttl set \(draft.pick([64, 9, 1, 255]))" : "ip6 hoplimit set \(draft.pick([64, 9, 1, 255]))"
            }),
        Entry(
            weight: 6, write: { draft in "\(draft.addressWord) dscp set \(draft.pick(["cs1", "ef", "0x04", "cs0"]))" }),
        Entry(weight: 3, write: { draft in "\(draft.addressWord) ecn set \(draft.pick(["ect0", "not-ect"]))" }),
        Entry(
            weight: 3,
            write: { draft in
                guard NativeMatches.take("tcp", &draft) else { return nil }
                // Only where a packet has a route (net/netfilter/nft_rt.c `nft_rt_validate`).
                let hasRoute = RuleHooks.outgoing.contains(draft.hooks) && !draft.isOfDevice
                return
                    "tcp flags syn tcp option maxseg size set \(draft.pick(["1000", "1300", hasRoute ? "rt mtu" : "1400"]))"
            }),
        Entry(
            weight: 2,
            write: { draft in
                guard NativeMatches.take("udp", &draft) else { return nil }
                return "udp dport set \(draft.port())"
            }),
        Entry(weight: 3, write: { draft in draft.isOfDevice ? nil : "log prefix \"n: \"" }),
        Entry(weight: 2, write: { draft in "meta priority set 1:\(draft.chance.number(1...9))" }),
    ]

    /// At ingress.
    private static let rejection = Entry(
        weight: 8, isFinal: true,
        write: { draft in
            if draft.transport == "tcp", draft.percent(50) { return "reject with tcp reset" }
            return "reject with icmpx type \(draft.pick(["admin-prohibited", "no-route", "port-unreachable"]))"
        })

    private static let early: [Entry] = [
        Entry(weight: 14, write: { _ in "notrack" }),
        Entry(weight: 6, isOfConnection: true, write: { draft in "ct zone set \(draft.pick(["1", "2"]))" }),
    ]

    private static let translations: [Entry] = [
        Entry(
            weight: 30, hooks: [.prerouting, .output], isFinal: true,
            write: { draft in
                let words = draft.family == .inet ? "dnat \(draft.addressWord) to" : "dnat to"
                guard let pools = draft.rules[draft.version]?.pools else { return nil }
                let target = draft.pick(pools.near + pools.far + pools.own)
                let text = draft.version == .v4 ? "\(target)" : "[\(target)]"
                switch draft.chance.below(6) {
                case 0, 1:
                    guard NativeMatches.take("tcp", &draft) else { return nil }
                    return "meta l4proto tcp \(words) \(text):\(draft.port())"
                case 2:
                    guard NativeMatches.take("tcp", &draft) else { return nil }
                    return draft.version == .v4
                        ? "\(words) tcp dport map { 80 : 10.0.0.5, 443 : 203.0.113.5, 1000-9000 : 198.51.100.7 }" : nil
                case 3:
                    guard draft.version == .v4, NativeMatches.take("tcp", &draft) else { return nil }
                    return
                        "dnat ip to ip daddr . tcp dport map { 203.0.113.5 . 80 : 10.0.0.5 . 8080, 10.0.0.1 . 443 : 203.0.113.9 . 22 }"
                case 4:
                    let two = [draft.pick(pools.near), draft.pick(pools.near)].sorted()
                    return two[0] < two[1] ? "\(words) \(two[0])-\(two[1])" : "\(words) \(two[0])"
                default: return "\(words) \(target)"
                }
            }),
        Entry(
            weight: 30, hooks: [.input, .postrouting], isFinal: true,
            write: { draft in
                let words = draft.family == .inet ? "snat \(draft.addressWord) to" : "snat to"
                guard let pools = draft.rules[draft.version]?.pools else { return nil }
                let target = draft.pick(pools.own + pools.own + pools.near)
                let text = draft.version == .v4 ? "\(target)" : "[\(target)]"
                if draft.percent(30), NativeMatches.take("tcp", &draft) {
                    return "meta l4proto tcp \(words) \(text):\(draft.pick(["2000", "2000-2010"]))"
                }
                return "\(words) \(target)"
            }),
        Entry(
            weight: 26, hooks: .postrouting, isFinal: true,
            write: { draft in
                if draft.percent(20), NativeMatches.take("tcp", &draft) {
                    return "meta l4proto tcp masquerade to :2000-2100"
                }
                return draft.percent(15) ? "masquerade persistent" : "masquerade"
            }),
        Entry(
            weight: 16, hooks: [.prerouting, .output], isFinal: true,
            write: { draft in
                if draft.percent(60), NativeMatches.take("tcp", &draft) {
                    return "meta l4proto tcp redirect to :\(draft.pick([3128, 80, 8443]))"
                }
                return "redirect"
            }),
    ]
}
