import NetTypes

/// Targets of the table nat. Those with ports need a protocol that has some (udplite is not among them).
enum NATTargets {
    private static let ported: [UInt8] = [6, 6, 17, 17, 132]

    static let all: [TargetEntry] = [
        TargetEntry(
            name: "DNAT", tables: .nat, hooks: [.prerouting, .output], weight: 45, isFinal: true,
            write: { draft in translate(&draft, "DNAT --to-destination", hasPorts: false) }),
        TargetEntry(
            name: "DNAT ports", tables: .nat, hooks: [.prerouting, .output], protocols: ported, weight: 35,
            isFinal: true, write: { draft in translate(&draft, "DNAT --to-destination", hasPorts: true) }),
        TargetEntry(
            name: "SNAT", tables: .nat, hooks: [.input, .postrouting], weight: 40, isFinal: true,
            write: { draft in translate(&draft, "SNAT --to-source", hasPorts: false) }),
        TargetEntry(
            name: "SNAT ports", tables: .nat, hooks: [.input, .postrouting], protocols: ported, weight: 28,
            isFinal: true, write: { draft in translate(&draft, "SNAT --to-source", hasPorts: true) }),
        TargetEntry(
            name: "MASQUERADE", tables: .nat, hooks: .postrouting, weight: 35, isFinal: true,
            write: { _ in "-j MASQUERADE" }),
        TargetEntry(
            name: "MASQUERADE ports", tables: .nat, hooks: .postrouting, protocols: ported, weight: 12, isFinal: true,
            write: { draft in "-j MASQUERADE --to-ports \(ports(&draft))" }),
        TargetEntry(
            name: "REDIRECT", tables: .nat, hooks: [.prerouting, .output], weight: 16, isFinal: true,
            write: { _ in "-j REDIRECT" }),
        TargetEntry(
            name: "REDIRECT ports", tables: .nat, hooks: [.prerouting, .output], protocols: ported, weight: 22,
            isFinal: true, write: { draft in "-j REDIRECT --to-ports \(ports(&draft))" }),
        TargetEntry(
            name: "NETMAP", tables: .nat, weight: 16, isFinal: true,
            write: { draft in
                let prefixes = draft.pools.prefixes.filter { !$0.address.isMulticast && $0.length > 8 }
                return "-j NETMAP --to \(draft.pick(prefixes))"
            }),
        TargetEntry(
            name: "NAT random", tables: .nat, hooks: [.prerouting, .output, .postrouting], protocols: [6, 17],
            weight: 34, isFinal: true, write: random),
    ]

    private static func ports(_ draft: inout RuleDraft) -> String {
        let port = draft.pick([3128, 80, 8443, 2000])
        return draft.percent(25) ? "\(port)-\(port + draft.pick([1, 10, 500]))" : "\(port)"
    }

    private static func translate(_ draft: inout RuleDraft, _ option: String, hasPorts: Bool) -> String? {
        let pools = draft.pools
        let isSource = option.hasPrefix("SNAT")
        let choices = isSource ? pools.own + pools.own + pools.near : pools.near + pools.far + pools.own
        let address = draft.pick(choices)
        var text = ""
        switch draft.chance.below(10) {
        case 0 where hasPorts: text = ""
        case 1, 2:
            let others = choices.filter { $0 > address && $0.high == address.high && $0.low - address.low < 16 }
            text = draft.chance.pickAny(others).map { "\(address)-\($0)" } ?? "\(address)"
        default: text = "\(address)"
        }
        guard hasPorts else {
            return "-j \(option) \(text)\(text.contains("-") && draft.percent(30) ? " --persistent" : "")"
        }
        if !draft.isV4, !text.isEmpty { text = "[\(text)]" }
        // `port-port/base` shifts ports, of the destination only.
        let port = !isSource && draft.percent(8) ? "2000-2100/\(draft.port())" : ports(&draft)
        return "-j \(option) \(text):\(port)"
    }

    private static func random(_ draft: inout RuleDraft) -> String? {
        let how = draft.pick(["--random", "--random-fully"])
        // A chain that both sides lead to has room for neither kind.
        guard draft.hooks == .postrouting || !draft.hooks.contains(.postrouting) else { return nil }
        if draft.hooks == .postrouting {
            return draft.percent(50)
                ? "-j MASQUERADE \(how)" : "-j SNAT --to-source \(draft.pick(draft.pools.own)) \(how)"
        }
        return draft.percent(50)
            ? "-j REDIRECT --to-ports 2000-2010 --random"
            : "-j DNAT --to-destination \(draft.pick(draft.pools.near)) --random"
    }
}
