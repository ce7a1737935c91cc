import NetTypes
import RuleModel

/// Targets that end or turn the way of a packet, change it or its connection, or note something.
enum Targets {
    static let all: [TargetEntry] = verdicts + changes + notes + NATTargets.all

    private static let verdicts: [TargetEntry] = [
        TargetEntry(name: "ACCEPT", weight: 30, isFinal: true, write: { _ in "-j ACCEPT" }),
        TargetEntry(name: "RETURN", weight: 25, isFinal: true, write: { _ in "-j RETURN" }),
        TargetEntry(
            name: "DROP", tables: [.raw, .mangle, .filter, .security], weight: 6, isFinal: true,
            write: { _ in "-j DROP" }),
        TargetEntry(
            name: "REJECT", tables: .filter, hooks: [.input, .forward, .output], weight: 18, isFinal: true,
            write: reject),
        TargetEntry(
            name: "REJECT tcp-reset", tables: .filter, hooks: [.input, .forward, .output], protocols: [6], weight: 6,
            isFinal: true, write: { _ in "-j REJECT --reject-with tcp-reset" }),
        TargetEntry(name: "none", weight: 14, write: { _ in "" }),
        TargetEntry(
            name: "NFQUEUE", weight: 2, certainty: .undecided, isFinal: true,
            write: { draft in "-j NFQUEUE --queue-num \(draft.chance.below(4))" }),
        TargetEntry(
            name: "NFQUEUE bypass", weight: 2, isFinal: true,
            write: { draft in
                "-j NFQUEUE " + draft.pick(["--queue-num 3 --queue-bypass", "--queue-balance 0:3 --queue-bypass"])
            }),
        TargetEntry(
            name: "TPROXY", tables: .mangle, hooks: .prerouting, protocols: [6, 17], weight: 10, isFinal: true,
            write: proxy),
    ]

    private static let changes: [TargetEntry] = [
        TargetEntry(name: "MARK", weight: 34, write: mark),
        TargetEntry(name: "CONNMARK", weight: 26, tracks: true, write: connectionMark),
        TargetEntry(
            name: "TTL", versions: .v4, tables: .mangle, weight: 10, write: { draft in hops(&draft, "TTL", "ttl") }),
        TargetEntry(
            name: "HL", versions: .v6, tables: .mangle, weight: 10, write: { draft in hops(&draft, "HL", "hl") }),
        TargetEntry(
            name: "DSCP", tables: .mangle, weight: 8,
            write: { draft in
                "-j DSCP "
                    + draft.pick(["--set-dscp 0x04", "--set-dscp 0x2e", "--set-dscp 0x00", "--set-dscp-class AF21"])
            }),
        TargetEntry(
            name: "TOS", tables: .mangle, weight: 8,
            write: { draft in
                "-j TOS "
                    + draft.pick([
                        "--set-tos 0x10/0xff", "--set-tos 0x10/0x3f", "--set-tos 0x00/0xff", "--set-tos 0x02/0x03",
                        "--and-tos 0xf0", "--or-tos 0x08", "--xor-tos 0x10",
                    ])
            }),
        TargetEntry(
            name: "ECN", versions: .v4, tables: .mangle, protocols: [6], weight: 8,
            write: { draft in
                draft.hint(.tcpFlags(0xc2))
                return "-j ECN --ecn-tcp-remove"
            }),
        TargetEntry(
            name: "CHECKSUM", tables: .mangle, protocols: [6, 17], weight: 4,
            write: { _ in "-j CHECKSUM --checksum-fill" }),
        TargetEntry(
            name: "CLASSIFY", hooks: [.forward, .output, .postrouting], weight: 6,
            write: { draft in "-j CLASSIFY --set-class \(draft.pick(["1:10", "0:5", "ffff:1"]))" }),
        TargetEntry(name: "TCPMSS", tables: .mangle, protocols: [6], weight: 9, write: segmentSize),
        TargetEntry(
            name: "TCPOPTSTRIP", tables: .mangle, protocols: [6], weight: 9,
            write: { draft in
                let option = draft.pick(["mss", "timestamp,sack", "2,3", "wscale", "sack-permitted,8"])
                draft.hint(.tcpOption(2))
                return "-j TCPOPTSTRIP --strip-options \(option)"
            }),
        TargetEntry(name: "CT", tables: .raw, weight: 20, tracks: true, write: connection),
        TargetEntry(name: "NOTRACK", tables: .raw, weight: 8, tracks: true, write: { _ in "-j NOTRACK" }),
        TargetEntry(
            name: "HMARK", tables: .mangle, weight: 10, write: hashed),
        TargetEntry(
            name: "HMARK ct", tables: .mangle, weight: 5, tracks: true,
            write: { draft in hashed(&draft) + " --hmark-tuple ct" }),
        TargetEntry(name: "SET", weight: 6, certainty: .remembers, write: set),
        TargetEntry(name: "SET map", tables: .mangle, weight: 12, write: mapSet),
        TargetEntry(
            name: "SNPT", versions: .v6, tables: .mangle, hooks: [.input, .postrouting], weight: 7,
            write: { draft in prefixes(&draft, "SNPT") }),
        TargetEntry(
            name: "DNPT", versions: .v6, tables: .mangle, hooks: [.prerouting, .output], weight: 7,
            write: { draft in prefixes(&draft, "DNPT") }),
    ]

    private static let notes: [TargetEntry] = [
        TargetEntry(
            name: "LOG", weight: 5,
            write: { draft in
                var words = "-j LOG --log-prefix \"r\(draft.chance.below(50)): \""
                if draft.percent(30) { words += " --log-level \(draft.pick(["debug", "4"]))" }
                if draft.percent(30) { words += " --log-tcp-options --log-ip-options" }
                return words
            }),
        TargetEntry(
            name: "NFLOG", weight: 5,
            write: { draft in "-j NFLOG --nflog-group \(draft.pick([1, 30])) --nflog-prefix n" }),
        TargetEntry(
            name: "AUDIT", weight: 2,
            write: { draft in "-j AUDIT --type \(draft.pick(["accept", "drop", "reject"]))" }),
        TargetEntry(name: "TRACE", tables: .raw, weight: 4, write: { _ in "-j TRACE" }),
        TargetEntry(
            name: "TEE", tables: .mangle, weight: 5,
            write: { draft in draft.chance.pickAny(draft.pools.gateways).map { "-j TEE --gateway \($0)" } }),
    ]

    private static func reject(_ draft: inout RuleDraft) -> String? {
        let kinds =
            draft.isV4
            ? [
                "icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-unreachable", "icmp-proto-unreachable",
                "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited",
            ]
            : [
                "icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-no-route", "icmp6-addr-unreachable",
                "icmp6-policy-fail", "icmp6-reject-route",
            ]
        return "-j REJECT --reject-with \(draft.pick(kinds))"
    }

    private static func proxy(_ draft: inout RuleDraft) -> String? {
        var words = "-j TPROXY --on-port \(draft.pick([0, 80, 3128]))"
        if draft.percent(50) { words += " --on-ip \(draft.pick(draft.pools.own))" }
        if draft.percent(60) { words += " --tproxy-mark \(draft.pick(["0x1/0x1", "0x2", "0x10/0xf0"]))" }
        return words
    }

    private static func mark(_ draft: inout RuleDraft) -> String? {
        let mark = hexadecimal(draft.pick(RandomPools.marks))
        switch draft.chance.below(8) {
        case 0: return "-j MARK --and-mark \(draft.pick(["0xf0", "0xfffffffe"]))"
        case 1: return "-j MARK --or-mark \(mark)"
        case 2: return "-j MARK --xor-mark \(mark)"
        case 3: return "-j MARK --set-mark \(mark)/0xf"
        case 4: return "-j MARK --set-xmark \(draft.pick(["0x0/0x1", "0x1/0x0", "0x0"]))"
        default: return "-j MARK --set-xmark \(mark)/\(draft.pick(["0xffffffff", "0xffffffff", "0x3", "0xff"]))"
        }
    }

    private static func connectionMark(_ draft: inout RuleDraft) -> String? {
        let mark = hexadecimal(draft.pick(RandomPools.marks))
        switch draft.chance.below(10) {
        case 0: return "-j CONNMARK --and-mark 0xf0"
        case 1: return "-j CONNMARK --or-mark \(mark)"
        case 2: return "-j CONNMARK --xor-mark \(mark)"
        case 3: return "-j CONNMARK --save-mark"
        case 4: return "-j CONNMARK --restore-mark"
        case 5: return "-j CONNMARK --save-mark --nfmask 0xff --ctmask \(draft.pick(["0xff", "0xf"]))"
        case 6: return "-j CONNMARK --restore-mark --nfmask 0xf --ctmask \(draft.pick(["0xff", "0xf"]))"
        case 7: return "-j CONNMARK --set-mark \(mark)/0xff"
        case 8: return "-j CONNMARK --set-xmark \(mark)/0xff --\(draft.pick(["left", "right"]))-shift-mark 2"
        default: return "-j CONNMARK --set-xmark \(mark)/0xffffffff"
        }
    }

    private static func hops(_ draft: inout RuleDraft, _ target: String, _ option: String) -> String? {
        "-j \(target) --\(option)-" + draft.pick(["set 64", "dec 1", "inc 3", "set 9", "set 1", "dec 63", "inc 200"])
    }

    /// iptables-legacy takes it behind a match on SYN only (net/netfilter/xt_TCPMSS.c `find_syn_match`).
    private static func segmentSize(_ draft: inout RuleDraft) -> String? {
        draft.hint(.maximumSegmentSize(1460))
        let syn = draft.pick(["--tcp-flags SYN,RST SYN", "--tcp-flags SYN,RST SYN", "--syn", "--tcp-flags SYN SYN"])
        let clamps = RuleHooks.outgoing.contains(draft.hooks) && draft.percent(50)
        let size = clamps ? "--clamp-mss-to-pmtu" : "--set-mss \(draft.pick([536, 1000, 1300]))"
        return "-m tcp \(syn) -j TCPMSS \(size)"
    }

    private static func connection(_ draft: inout RuleDraft) -> String? {
        switch draft.chance.below(10) {
        case 0..<4: return "-j CT --notrack"
        case 4, 5: return "-j CT --zone \(draft.pick(["1", "2", "mark"]))"
        case 6: return "-j CT --zone-orig \(draft.pick([1, 2]))"
        case 7: return "-j CT --zone-reply \(draft.pick([1, 2]))"
        case 8: return "-j CT --ctevents new,destroy"
        default: return "-j CT"
        }
    }

    private static func hashed(_ draft: inout RuleDraft) -> String {
        // Only masks that read the same from both ends: iptables-save writes them the other way around.
        let masks = [
            "--hmark-src-prefix \(draft.isV4 ? 24 : 64)", "--hmark-dst-prefix \(draft.isV4 ? 16 : 100)",
            "--hmark-sport-mask 0xffff", "--hmark-dport-mask 0xffff", "--hmark-proto-mask 0xff",
        ]
        let chosen = draft.chance.some(masks, draft.chance.number(1...5)).joined(separator: " ")
        return
            "-j HMARK \(chosen) --hmark-rnd 0x5 --hmark-mod \(draft.pick([2, 4])) --hmark-offset \(draft.pick([0, 1]))"
    }

    private static func set(_ draft: inout RuleDraft) -> String? {
        // A list takes sets, not packets.
        let fitting = draft.sets.filter { ($0.version == nil || $0.version == draft.version) && $0.type != .listSet }
        guard let set = draft.chance.pickAny(fitting) else { return nil }
        let directions = NetworkMatches.directions(of: set, &draft).joined(separator: ",")
        return "-j SET --\(draft.pick(["add-set", "add-set", "del-set"])) \(set.name) \(directions)"
    }

    private static func mapSet(_ draft: inout RuleDraft) -> String? {
        let fitting = draft.sets.filter { $0.keepsPackets && ($0.version == nil || $0.version == draft.version) }
        guard let set = draft.chance.pickAny(fitting) else { return nil }
        let list = NetworkMatches.directions(of: set, &draft)
        for hint in set.hints(list, &draft.chance) { draft.hint(hint) }
        // The priority can be set where packets leave.
        let leaves = RuleHooks.outgoing.contains(draft.hooks)
        let words = leaves ? draft.pick(["--map-mark", "--map-mark --map-prio"]) : "--map-mark"
        return "-j SET --map-set \(set.name) \(list.joined(separator: ",")) \(words)"
    }

    private static func prefixes(_ draft: inout RuleDraft, _ target: String) -> String? {
        let own = draft.pools.prefixes.filter { $0.length == 64 || $0.length == 125 }
        let source = draft.pick(own)
        let length = source.length == 125 ? 64 : source.length
        let from = IPPrefix(source.address, length: length)
        let to = draft.pick(["2001:db8:ffff::/64", "fd77::/48", "2001:db8:aaaa:1::/64"])
        return draft.percent(50)
            ? "-j \(target) --src-pfx \(from) --dst-pfx \(to)" : "-j \(target) --src-pfx \(to) --dst-pfx \(from)"
    }
}
