import NetTypes

/// Matches on the connection, the routes, the interfaces and the sockets of the host.
enum HostMatches {
    static let all: [MatchEntry] = [
        MatchEntry(name: "conntrack", weight: 45, tracks: true, write: connection),
        MatchEntry(name: "state", weight: 10, tracks: true, write: state),
        MatchEntry(
            name: "connmark", weight: 16, tracks: true,
            write: { draft in "-m connmark \(draft.not())--mark \(draft.markTest())" }),
        MatchEntry(name: "connbytes", weight: 5, tracks: true, write: connectionBytes),
        MatchEntry(
            name: "connlabel", weight: 4, tracks: true,
            write: { draft in
                "-m connlabel \(draft.not())--label \(draft.pick([1, 2, 100]))\(draft.percent(40) ? " --set" : "")"
            }),
        MatchEntry(
            name: "helper", weight: 2, tracks: true,
            write: { draft in "-m helper \(draft.not())--helper \(draft.pick(["ftp", "tftp", "\"\""]))" }),
        MatchEntry(name: "rpfilter", tables: [.raw, .mangle], hooks: .prerouting, weight: 60, write: reversePath),
        MatchEntry(name: "physdev", hooks: [.prerouting, .input, .forward, .postrouting], weight: 38, write: bridge),
        MatchEntry(name: "owner", hooks: [.output, .postrouting], weight: 30, write: owner),
        MatchEntry(name: "socket", hooks: [.prerouting, .input], weight: 18, write: socket),
        MatchEntry(
            name: "realm", versions: .v4, hooks: [.input, .forward, .output, .postrouting], weight: 12,
            write: { draft in "-m realm \(draft.not())--realm \(draft.pick(["5", "7", "0xc", "0", "0x4/0x4"]))" }),
        MatchEntry(name: "devgroup", hooks: RuleHooks.all, weight: 12, write: deviceGroup),
        MatchEntry(name: "policy", weight: 6, write: policy),
        MatchEntry(name: "cluster", weight: 4, tracks: true, write: cluster),
        MatchEntry(
            name: "cpu", weight: 9, certainty: .undecided,
            write: { draft in "-m cpu \(draft.not())--cpu \(draft.pick([0, 1]))" }),
    ]

    /// Each as often as it is drawn.
    private static let connectionOptions =
        Array(repeating: "ctstate", count: 9) + ["ctstatus", "ctstatus", "ctdir", "ctdir", "ctproto"]
        + [
            "ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst", "ctorigsrcport", "ctorigdstport", "ctreplsrcport",
            "ctrepldstport",
        ]

    private static func connection(_ draft: inout RuleDraft) -> String? {
        let pools = draft.pools
        var tests: [String] = []
        let options = draft.percent(80) ? [draft.pick(connectionOptions)] : draft.chance.some(connectionOptions, 3)
        var seen: Set<String> = []
        for option in options where seen.insert(option).inserted {
            let value: String
            switch option {
            case "ctstate":
                let states = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "DNAT", "SNAT"]
                value =
                    (draft.percent(30)
                    ? ["RELATED", "ESTABLISHED"] : draft.chance.some(states, draft.pick([1, 1, 2])))
                    .joined(separator: ",")
            case "ctproto": value = draft.pick(["6", "17", draft.isV4 ? "1" : "58", "132"])
            case "ctstatus":
                let known = ["NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"]
                value = draft.percent(20) ? "SEEN_REPLY,ASSURED" : draft.pick(known)
            case "ctdir": value = draft.pick(["ORIGINAL", "REPLY"])
            case "ctrepldst": value = draft.percent(50) ? "\(draft.pick(pools.own))" : draft.place()
            case "ctorigsrc", "ctorigdst", "ctreplsrc": value = draft.place()
            default:
                let two = [draft.port(), draft.port()].sorted()
                value = draft.percent(70) ? "\(two[0])" : "\(two[0]):\(two[1])"
            }
            tests.append("\(option == "ctdir" ? "" : draft.not())--\(option) \(value)")
        }
        return "-m conntrack " + tests.joined(separator: " ")
    }

    private static func state(_ draft: inout RuleDraft) -> String? {
        let states = ["NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"]
        let chosen = draft.chance.some(states, draft.pick([1, 1, 2])).joined(separator: ",")
        return "-m state \(draft.not())--state \(chosen)"
    }

    private static func connectionBytes(_ draft: inout RuleDraft) -> String? {
        let mode = draft.pick(["packets", "packets", "bytes", "avgpkt"])
        let amount =
            mode == "packets" ? draft.pick(["2:", "1:1", "3:5", "0:"]) : draft.pick(["100:", "40:80", "1:1500"])
        let direction = draft.pick(["original", "reply", "both"])
        return "-m connbytes \(draft.not())--connbytes \(amount) --connbytes-mode \(mode) --connbytes-dir \(direction)"
    }

    private static func reversePath(_ draft: inout RuleDraft) -> String? {
        var words = "-m rpfilter"
        if draft.percent(30) { words += " --loose" }
        if draft.percent(30) { words += " --validmark" }
        if draft.percent(30) { words += " --accept-local" }
        if draft.percent(50) { words += " --invert" }
        return words
    }

    private static func bridge(_ draft: inout RuleDraft) -> String? {
        guard let port = draft.chance.pickAny(draft.bridgePorts) else { return nil }
        draft.hint(.arrives(port))
        let name = draft.percent(45) ? "port+" : port
        // What leaves by a port is known of bridged packets only, behind the routing decision.
        let knowsOut = RuleHooks([.forward, .postrouting]).contains(draft.hooks)
        switch draft.chance.below(knowsOut ? 13 : 3) {
        case 0: return "-m physdev \(draft.not())--physdev-in \(name)"
        case 1: return "-m physdev \(draft.not())--physdev-is-in"
        case 2: return "-m physdev \(draft.not())--physdev-is-bridged"
        case 3...8: return "-m physdev \(draft.not())--physdev-out \(name) --physdev-is-bridged"
        default: return "-m physdev \(draft.not())--physdev-is-out --physdev-is-bridged"
        }
    }

    private static func owner(_ draft: inout RuleDraft) -> String? {
        let user = draft.pick(RandomPools.users)
        var tests: [String] = []
        switch draft.chance.below(5) {
        case 0: tests = ["\(draft.not())--socket-exists"]
        case 1:
            draft.hint(.group(user))
            tests = ["\(draft.not())--gid-owner \(user)"]
        case 2:
            draft.hint(.user(user))
            tests = ["\(draft.not())--uid-owner \(user)-\(user + 1000)"]
        default:
            draft.hint(.user(user))
            tests = ["\(draft.not())--uid-owner \(user)"]
            if draft.percent(20) { tests.append("\(draft.not())--gid-owner \(draft.pick(RandomPools.users))") }
        }
        return "-m owner " + tests.joined(separator: " ")
    }

    private static func socket(_ draft: inout RuleDraft) -> String? {
        let countsAny = draft.percent(50)
        let isTransparent = draft.percent(45)
        let fitting = draft.sockets.filter { socket in
            (countsAny || socket.address != nil) && (!isTransparent || socket.isTransparent)
        }
        if let socket = draft.chance.pickAny(fitting), draft.number == nil || draft.number == 17 {
            draft.hint(.protocol(17))
            draft.hint(.ports(source: nil, destination: socket.port))
            draft.hint(.destination(socket.address ?? draft.pick(draft.pools.own)))
        }
        return "-m socket" + (countsAny ? " --nowildcard" : "") + (isTransparent ? " --transparent" : "")
    }

    private static func deviceGroup(_ draft: inout RuleDraft) -> String? {
        let group = draft.pick(["0x0", "0x1", "0x5", "0x10", "0x1/0x1"])
        if RuleHooks.incoming.contains(draft.hooks), draft.percent(60) {
            return "-m devgroup \(draft.not())--src-group \(group)"
        }
        guard RuleHooks.outgoing.contains(draft.hooks) else { return nil }
        return "-m devgroup \(draft.not())--dst-group \(group)"
    }

    private static func policy(_ draft: inout RuleDraft) -> String? {
        let pol = draft.percent(75) ? "none" : "ipsec"
        if RuleHooks.incoming.contains(draft.hooks) { return "-m policy --dir in --pol \(pol)" }
        guard RuleHooks.outgoing.contains(draft.hooks) else { return nil }
        return "-m policy --dir out --pol \(pol)"
    }

    private static func cluster(_ draft: inout RuleDraft) -> String? {
        let node = draft.pick([1, 2])
        return "-m cluster --cluster-total-nodes 2 \(draft.not())--cluster-local-node \(node) --cluster-hash-seed 0x5"
    }
}

/// Matches that time, chance or earlier packets decide: rare, and in rule sets of their own.
enum RateMatches {
    static let all: [MatchEntry] = [
        MatchEntry(
            name: "limit", certainty: .undecided,
            write: { draft in
                let rate = draft.pick(["5/sec", "10/min", "1/hour"])
                return "-m limit --limit \(rate) --limit-burst \(draft.pick([1, 5]))"
            }),
        MatchEntry(
            name: "statistic random", certainty: .undecided,
            write: { draft in
                "-m statistic --mode random \(draft.not())--probability \(draft.pick(["0.25", "0.5", "0.9"]))"
            }),
        MatchEntry(
            name: "statistic nth", certainty: .remembers,
            write: { draft in
                let every = draft.pick([2, 3, 5])
                return "-m statistic --mode nth \(draft.not())--every \(every) --packet \(draft.chance.below(every))"
            }),
        MatchEntry(
            name: "hashlimit", certainty: .undecided,
            write: { draft in
                let name = "h\(draft.chance.below(100_000))"
                let mode = draft.pick(["srcip", "dstip,dstport", "srcip,dstip"])
                let test = draft.pick(["--hashlimit-upto 2/min", "--hashlimit-above 10/min"])
                return "-m hashlimit \(test) --hashlimit-burst 2 --hashlimit-mode \(mode) --hashlimit-name \(name)"
            }),
        MatchEntry(
            name: "recent", weight: 20, certainty: .remembers,
            write: { draft in
                let what = draft.pick(["--set", "--rcheck", "--update --seconds 60", "--remove"])
                let side = draft.pick(["--rsource", "--rdest"])
                return
                    "-m recent --name r\(draft.chance.below(3)) \(draft.not(what == "--set" ? 50 : 20))\(what) \(side)"
            }),
        MatchEntry(
            name: "connlimit", certainty: .remembers, tracks: true,
            write: { draft in
                let test = draft.pick([
                    "--connlimit-above 0", "--connlimit-above 1", "--connlimit-upto 0", "--connlimit-upto 2",
                ])
                let side = draft.pick(["--connlimit-saddr", "--connlimit-daddr"])
                return "-m connlimit \(test) --connlimit-mask \(draft.isV4 ? 24 : 64) \(side)"
            }),
        MatchEntry(
            name: "quota", certainty: .remembers,
            write: { draft in "-m quota \(draft.not())--quota \(draft.pick([100, 1000, 100_000]))" }),
    ]
}
