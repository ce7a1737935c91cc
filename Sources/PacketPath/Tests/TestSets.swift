internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Source: net/netfilter/xt_set.c, net/netfilter/ipset/ip_set_core.c `ip_set_test`.
extension Evaluator {
    /// Whether the packet is in the set that `match` names.
    func testSet(_ match: SetMatch, _ state: WalkState) -> Answer {
        .negate(isIn(match.name.value, match, state, isMember: false), if: match.name.isNegated)
    }

    /// - Parameter isMember: whether the set is asked as a part of a list:set, which goes no deeper.
    private func isIn(_ name: Symbol, _ match: SetMatch, _ state: WalkState, isMember: Bool) -> Answer {
        guard let entry = model.sets.entries[name] else {
            let why =
                model.sets.isKnown
                ? "is not in the ipset dump, without which the kernel would refuse the rule"
                : "is not in the input"
            return unknownSet(name, match, state, why)
        }
        let set = entry.set
        // Fewer directions than the set has parts, or packets of another version, never match.
        guard match.directions.count >= set.type.dimension else { return .no }
        if set.type == .unknown { return unknownSet(name, match, state, "is of a type that is not understood") }
        if let version = set.version, version != state.packet.version { return .no }
        if set.type == .listSet {
            // The kernel takes no list:set into a list:set.
            return isMember ? .no : isInList(entry, match, state)
        }
        let changes = state.setChanges[name]
        let key: SetKey
        switch setKey(for: set, match, state) {
        case .nothing: return .no
        case .unknown(let field):
            return unknownSet(name, match, state, "is asked about the packet's \(field), which is not known")
        case .key(let made): key = made
        }
        if changes?.isUncertain == true {
            return unknownSet(name, match, state, "was changed by a rule in a way that is not known")
        }
        switch entry.find(key, match, state.packet, names, changes) {
        case .miss:
            return set.isIncomplete ? unknownSet(name, match, state, "may have elements that could not be read") : .no
        case .hit: return Answer(!match.returnsNoMatch || !set.type.knowsExceptions)
        case .exception: return Answer(match.returnsNoMatch)
        case .unknown: return unknownSet(name, match, state, "has counters that are not known")
        }
    }

    /// The first member that has the packet decides; members that do not are passed over.
    /// Source: net/netfilter/ipset/ip_set_list_set.c `list_set_ktest`: counters are those of the list, not the members.
    private func isInList(_ entry: SetIndex.Entry, _ match: SetMatch, _ state: WalkState) -> Answer {
        var inner = match
        inner.packets = nil
        inner.bytes = nil
        var doubts: [Answer] = []
        for element in entry.set.elements {
            guard let member = element.member else { continue }
            switch settled(isIn(member, inner, state, isMember: true), state) {
            case .no: continue
            case .perhaps(let unknown): doubts.append(.perhaps(unknown))
            case .yes:
                switch element.passes(match, entry.set, state.packet) {
                case true?: return .yes
                case false?: continue
                case nil: doubts.append(unknownSet(entry.set.name, match, state, "has counters that are not known"))
                }
            }
        }
        // That one member does not have it says nothing of the others.
        if doubts.count > 1 {
            return unknownSet(entry.set.name, match, state, "has several members of which it is not known")
        }
        if let doubt = doubts.first { return doubt }
        return entry.set.isIncomplete
            ? unknownSet(entry.set.name, match, state, "may have elements that could not be read") : .no
    }

    /// What was answered on this way is answered for a list, too.
    private func settled(_ answer: Answer, _ state: WalkState) -> Answer {
        guard case .perhaps(let unknown) = answer,
            let known = state.history.settled.first(where: { $0.name == unknown.name })
        else { return answer }
        return Answer(known.isYes != unknown.isNegated)
    }

    /// One unknown for each set and what is looked up in it, so that another rule that asks the same agrees.
    private func unknownSet(_ name: Symbol, _ match: SetMatch, _ state: WalkState, _ why: String) -> Answer {
        let kinds = model.sets.entries[name]?.set.type.parts ?? []
        var parts = ""
        for (index, isSource) in match.directions.enumerated() {
            // Most sets of two or three parts have a port in the second place.
            let kind = index < kinds.count ? kinds[index] : index == 1 ? .port : .address
            parts += (index > 0 ? "," : "") + text(of: kind, isSource, state)
        }
        // A set that a rule has changed since it was asked may answer otherwise.
        let members = model.sets.entries[name]?.set.elements.compactMap { $0.member } ?? []
        let count = ([name] + members).reduce(0) { $0 + (state.setChanges[$1]?.count ?? 0) }
        if count > 0 { parts += "#\(count)" }
        // What is told of exceptions and of counters does not tell of elements alone.
        if match.returnsNoMatch { parts += "!nomatch" }
        if match.packets != nil || match.bytes != nil { parts += "!counted" }
        let text = names.text(name)
        let sides = match.directions.map { $0 ? "src" : "dst" }.joined(separator: ",")
        return .perhaps(
            Unknown(
                "set@\(text):\(parts)", whenYes: "set \(text), which \(why), has the packet's \(sides) (\(parts))",
                whenNo: "set \(text), which \(why), does not have the packet's \(sides) (\(parts))"))
    }

    /// A part of the packet as an unknown's name has it.
    private func text(of part: SetType.Part, _ isSource: Bool, _ state: WalkState) -> String {
        let packet = state.packet
        switch part {
        case .address: return "\(isSource ? packet.source : packet.destination)"
        case .port: return "\(isSource ? packet.sourcePort : packet.destinationPort)"
        case .mark: return hexadecimal(packet.mark)
        case .mac:
            // Where it is not known, whose it is.
            let mac = isSource ? packet.sourceMAC : frameDestination(state)
            return mac.map { "\($0)" } ?? text(of: .address, isSource, state)
        case .interface:
            guard case .known(let name) = isSource ? state.context.inInterface : state.context.outInterface else {
                return "?"
            }
            return names.text(name)
        }
    }
}
