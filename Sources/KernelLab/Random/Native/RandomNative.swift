import NetTypes

/// Native tables of one random host, as a file for `nft -f`. One seed, one text.
struct RandomNative: Sendable {
    let text: String
    let hintsV4: [PacketHint]
    let hintsV6: [PacketHint]

    init(seed: UInt64, topology: RandomTopology) {
        var draw = NativeDraw(NativeDraft(topology, seed: seed))
        text = draw.tables() + draw.deviceTables(topology)
        hintsV4 = draw.draft.rules[.v4]?.hints ?? []
        hintsV6 = draw.draft.rules[.v6]?.hints ?? []
    }
}

private struct NativeDraw {
    var draft: NativeDraft
    private let matches = NativeMatches.all

    private struct Chain {
        let name: String
        let hooks: RuleHooks
        let depth: Int
        var kind = ChainKind.filter
        var isEarly = false
        var header = ""
    }

    private enum ChainKind { case filter, nat, route }

    init(_ draft: NativeDraft) { self.draft = draft }

    mutating func tables() -> String {
        var text = ""
        for number in 0..<draft.chance.number(1...3) {
            draft.family = draft.pick([.ip, .ip, .ip6, .inet, .inet, .inet])
            text += table("t\(number)")
        }
        return text
    }

    /// Tables with chains that are hung on devices, at times.
    mutating func deviceTables(_ topology: RandomTopology) -> String {
        guard draft.percent(30) else { return "" }
        var text = ""
        draft.sets = []
        draft.isOfDevice = true
        for family in draft.percent(40) ? [NativeFamily.netdev, .inet] : [.netdev] {
            draft.family = family
            text += "table \(family.rawValue) d0 {\n"
            for number in 0..<draft.chance.number(1...3) {
                let isOut = family == .netdev && draft.percent(40)
                // What goes out by a bridge may go by more than one of its ports.
                let names = (isOut ? topology.routed : topology.interfaces).map(\.name)
                var devices: [String] = []
                for _ in 0..<draft.chance.number(1...3) {
                    let name = draft.pick(names)
                    if !devices.contains(name) { devices.append(name) }
                }
                let list = devices.map { "\"\($0)\"" }.joined(separator: ", ")
                let policy = draft.percent(4) ? "drop" : "accept"
                let chain = Chain(name: "b\(number)", hooks: isOut ? .postrouting : .prerouting, depth: 0)
                text += "\tchain b\(number) {\n\t\ttype filter hook \(isOut ? "egress" : "ingress") "
                text += "devices = { \(list) } priority \(draft.pick([-100, 0, 0, 10])); policy \(policy);\n"
                for _ in 0..<draft.pick([1, 2, 3]) {
                    if let rule = rule(chain, []) { text += "\t\t\(rule)\n" }
                }
                text += "\t}\n"
            }
            text += "}\n"
        }
        return text
    }

    private mutating func table(_ name: String) -> String {
        var chains = userChains()
        draft.sets = sets()
        var text = "table \(draft.family.rawValue) \(name) {\n"
        for set in draft.sets { text += set.text }
        var used: Set<String> = []
        for number in 0..<draft.chance.number(2...6) {
            guard let chain = baseChain(number), used.insert(chain.header).inserted else { continue }
            chains.append(chain)
        }
        // Whom a rule leads to must be there before it.
        for chain in chains.sorted(by: { $0.depth > $1.depth }) {
            text += "\tchain \(chain.name) {\n" + (chain.header.isEmpty ? "" : "\t\t\(chain.header)\n")
            for _ in 0..<draft.pick(chain.depth == 0 ? [1, 2, 3, 3, 4] : [0, 1, 2, 3]) {
                if let rule = rule(chain, chains) { text += "\t\t\(rule)\n" }
            }
            text += "\t}\n"
        }
        return text + "}\n"
    }

    /// Whom verdict maps lead to: it leads nowhere.
    private let leaf = Chain(name: "leaf", hooks: .all, depth: 9)

    private mutating func userChains() -> [Chain] {
        let chains = (0..<draft.chance.number(1...5)).map { number in
            var hooks = draft.pick(RuleHook.allCases).set
            if draft.percent(40) { hooks.formUnion(draft.pick(RuleHook.allCases).set) }
            if draft.percent(20) { hooks = .all }
            return Chain(name: "u\(number)", hooks: hooks, depth: draft.chance.number(1...4))
        }
        return chains + [leaf]
    }

    private static let priorities = [-450, -310, -300, -250, -190, -150, -120, -50, -10, 0, 0, 5, 10, 50, 90, 150, 300]

    private mutating func baseChain(_ number: Int) -> Chain? {
        let hook = draft.pick(RuleHook.allCases)
        let word = hook.rawValue.lowercased()
        if draft.percent(25), hook != .forward {
            let priority =
                hook == .prerouting || hook == .output
                ? draft.pick([-100, -100, -110, -90]) : draft.pick([100, 100, 90, 110])
            return Chain(
                name: "b\(number)", hooks: hook.set, depth: 0, kind: .nat,
                header: "type nat hook \(word) priority \(priority); policy accept;")
        }
        let isRoute = hook == .output && draft.percent(40)
        let priority = isRoute ? draft.pick([-150, -300, 0, 10]) : draft.pick(Self.priorities)
        // Before fragments are put together few rules do as one thinks.
        let policy = draft.percent(4) ? "drop" : "accept"
        return Chain(
            name: "b\(number)", hooks: hook.set, depth: 0, kind: isRoute ? .route : .filter,
            isEarly: priority < -200 && (hook == .prerouting || hook == .output),
            header: "type \(isRoute ? "route" : "filter") hook \(word) priority \(priority); policy \(policy);")
    }

    private mutating func rule(_ chain: Chain, _ chains: [Chain]) -> String? {
        draft.version = draft.family.version(&draft.chance)
        draft.hooks = chain.hooks
        draft.isNAT = chain.kind == .nat
        draft.isEarly = chain.isEarly
        draft.isRoute = chain.kind == .route
        draft.transport = nil
        let sets = draft.sets
        if chain.depth == leaf.depth { draft.sets = sets.filter { !$0.isVerdictMap } }
        defer { draft.sets = sets }
        let below = chains.filter { $0.depth > chain.depth && $0.hooks.isSuperset(of: chain.hooks) }
        var target = ""
        var isFinal = false
        if !below.isEmpty, draft.percent(chain.depth == 0 ? 40 : 25) {
            target = "\(draft.percent(20) ? "goto" : "jump") \(draft.pick(below).name)"
        } else {
            let entries = NativeStatements.all(draft).filter { $0.hooks.isSuperset(of: chain.hooks) }
            guard let index = draft.chance.weighted(entries.map(\.weight)) else { return nil }
            // A statement fixes a transport: matches follow it, and stand before it.
            guard let words = entries[index].write(&draft) else { return nil }
            target = words
            isFinal = entries[index].isFinal
        }
        let entries = matches.filter {
            $0.hooks.isSuperset(of: chain.hooks) && !(draft.isOfDevice && $0.isOfConnection)
        }
        var words: [String] = []
        for _ in 0..<(isFinal && !draft.isNAT ? draft.pick([1, 2, 2]) : draft.pick([0, 1, 1, 2])) {
            guard let index = draft.chance.weighted(entries.map(\.weight)) else { break }
            if let text = entries[index].write(&draft), !words.contains(text) { words.append(text) }
        }
        if draft.percent(12) { words.insert("counter", at: draft.chance.below(words.count + 1)) }
        if draft.percent(6) { words.insert("meta mark set meta mark | 0x4", at: draft.chance.below(words.count + 1)) }
        for version in [IPVersion.v4, .v6] {
            guard var own = draft.rules[version] else { continue }
            own.hints += own.newHints
            own.newHints = []
            draft.rules[version] = own
        }
        return (words + [target]).joined(separator: " ")
    }

    // MARK: Sets

    private mutating func sets() -> [NativeSetDraft] {
        (0..<draft.chance.number(1...4)).map { number in
            draft.version = draft.family.version(&draft.chance)
            let version = draft.version
            let key = draft.pick(
                [
                    .address(version), .address(version), .port, .mark, .interface, .addressAndPort(version),
                    .twoAddresses(version),
                ] as [NativeSetDraft.Key])
            let isMap = draft.percent(35)
            return set("s\(number)", key, isMap, ["jump leaf", "goto leaf", "accept", "return", "continue", "drop"])
        }
    }

    private mutating func set(_ name: String, _ key: NativeSetDraft.Key, _ isMap: Bool, _ targets: [String])
        -> NativeSetDraft
    {
        let isInterval = draft.percent(60)
        var elements: [String] = []
        for _ in 0..<draft.chance.number(0...4) {
            let element = isMap && isInterval ? apart(key) : element(key, isInterval)
            if !elements.contains(element), !isInterval || !overlaps(element, elements) { elements.append(element) }
        }
        var address: String { draft.version == .v4 ? "ipv4_addr" : "ipv6_addr" }
        let type =
            switch key {
            case .address: address
            case .port: "inet_service"
            case .mark: "mark"
            case .interface: "ifname"
            case .addressAndPort: "\(address) . inet_service"
            case .twoAddresses: "\(address) . \(address)"
            }
        if isMap { elements = elements.map { "\($0) : \(draft.pick(targets))" } }
        if isMap, draft.percent(20) { elements.append("* : \(draft.pick(["continue", "return"]))") }
        var text = "\t\(isMap ? "map" : "set") \(name) {\n\t\ttype \(type)\(isMap ? " : verdict" : "")\n"
        if isInterval { text += "\t\tflags interval\n\t\tauto-merge\n" }
        if isMap { text = text.replacing("\t\tauto-merge\n", with: "") }
        if !elements.isEmpty { text += "\t\telements = { \(elements.joined(separator: ", ")) }\n" }
        return NativeSetDraft(name: name, key: key, isVerdictMap: isMap, text: text + "\t}\n")
    }

    /// Whether one of the elements may lie in another where both stand side by side with something else: nft does not
    /// merge those.
    private func overlaps(_ element: String, _ elements: [String]) -> Bool {
        let parts = element.split(separator: " . ")
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return false }
        return elements.contains { $0.hasPrefix("\(first) ") || $0.hasSuffix(" \(last)") }
    }

    /// A map's ranges may not overlap.
    private mutating func apart(_ key: NativeSetDraft.Key) -> String {
        switch key {
        case .address(.v4):
            draft.pick([
                "10.0.0.0/16", "10.1.0.0-10.1.2.5", "203.0.113.0/29", "203.0.113.8/29", "198.51.100.0/24", "8.8.8.8",
            ])
        case .address(.v6):
            draft.pick(["fd00:0:0:1::/64", "fd00:0:0:2::-fd00:0:0:2::5", "2001:db8:ffff::/64", "2001:db8:eeee::/48"])
        case .port: draft.pick(["22", "50-60", "80-90", "443", "1000-1500", "8080", "40000-50000"])
        case .mark: draft.pick(["0x1", "0x2-0x8", "0x10-0x20", "0x100"])
        case .interface: draft.pick(["\"lo\"", "\"eth*\"", "\"lan0\"", "\"br*\""])
        case .addressAndPort(let version): "\(apart(.address(version))) . \(apart(.port))"
        case .twoAddresses(let version): "\(apart(.address(version))) . \(apart(.address(version)))"
        }
    }

    private mutating func element(_ key: NativeSetDraft.Key, _ isInterval: Bool) -> String {
        switch key {
        case .address: isInterval && draft.percent(50) ? draft.place() : "\(draft.address())"
        case .port:
            isInterval && draft.percent(40) ? "\(draft.port())-\(draft.pick([40010, 50000]))" : "\(draft.port())"
        case .mark: isInterval && draft.percent(40) ? "0x1-0x3" : hexadecimal(draft.pick(RandomPools.marks))
        case .interface:
            isInterval && draft.percent(30) ? "\"eth*\"" : "\"\(draft.pick(["lo", "eth0", "eth1", "lan0", "br0"]))\""
        case .addressAndPort:
            "\(draft.address()) . \(isInterval && draft.percent(40) ? "\(draft.port())-\(draft.pick([40010, 50000]))" : "\(draft.port())")"
        case .twoAddresses:
            "\(isInterval && draft.percent(40) ? draft.place() : "\(draft.address())") . \(draft.address())"
        }
    }
}
