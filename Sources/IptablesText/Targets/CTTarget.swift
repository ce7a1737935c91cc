internal import NetTypes
internal import RuleModel
internal import SourceText

/// In the order in which iptables-save writes them. Source: iptables 1.8.9, extensions/libxt_CT.c `ct_event_tbl`.
private let connectionEvents: [StaticString] = [
    "new", "related", "destroy", "reply", "assured", "protoinfo", "helper", "mark", "natseqinfo", "secmark",
]
private let expectationEvents: [StaticString] = ["new"]

extension RuleReader {
    /// `-j CT`
    mutating func readCTTarget() throws(RuleFailure) -> Target {
        var target = CTTarget()
        var directions: (original: Bool, reply: Bool) = (false, false)
        while try beginOption() {
            if takes("--notrack") {
                target.notrack = true
            } else if takes("--helper") {
                if target.helper != .empty { throw optionFailure(.repeatedOption) }
                target.helper = try symbol()
            } else if takes("--timeout") {
                if target.timeout != .empty { throw optionFailure(.repeatedOption) }
                target.timeout = try symbol()
            } else if takes("--ctevents") {
                target.events = try events(connectionEvents)
            } else if takes("--expevents") {
                target.expectedEvents = try events(expectationEvents)
            } else if takes("--zone") {
                try readZone(into: &target)
            } else if takes("--zone-orig") {
                directions.original = true
                try readZone(into: &target)
            } else if takes("--zone-reply") {
                directions.reply = true
                try readZone(into: &target)
            } else {
                break
            }
        }
        // Zone 0 is what a connection is in anyway: iptables-save leaves it away, and its direction with it.
        if target.zone == 0 { target.zone = nil }
        if directions.original != directions.reply, target.zone != nil || target.zoneFromMark {
            target.zoneDirection = directions.original ? .original : .reply
        }
        return .ct(target)
    }

    private mutating func readZone(into target: inout CTTarget) throws(RuleFailure) {
        let range = try value()
        if equals(anyCase: range, "mark") {
            target.zoneFromMark = true
            return
        }
        guard let zone: UInt16 = readNumber(range) else { throw bad(.number, "a number up to 65535, or 'mark'") }
        target.zone = zone
    }

    /// Takes a list of events as the name it has in the order of `known`.
    private mutating func events(_ known: [StaticString]) throws(RuleFailure) -> Symbol {
        let range = try value()
        var wanted = [Bool](repeating: false, count: known.count)
        for part in list(range) ?? [] {
            guard let place = known.firstIndex(where: { equals(part, $0) }) else {
                throw bad(.value, "a list of connection tracking events")
            }
            wanted[place] = true
        }
        var text = ""
        for (place, isWanted) in wanted.enumerated() where isWanted {
            if !text.isEmpty { text += "," }
            text += known[place].description
        }
        guard !text.isEmpty else { throw bad(.value, "a list of connection tracking events") }
        return names.intern(text)
    }
}

extension RuleWriter {
    mutating func writeCTTarget(_ target: CTTarget) {
        if target.notrack { option("--notrack") }
        putNamed("--helper", target.helper)
        putNamed("--timeout", target.timeout)
        putNamed("--ctevents", target.events)
        putNamed("--expevents", target.expectedEvents)
        guard target.zone != nil || target.zoneFromMark else { return }
        switch target.zoneDirection {
        case .both: option("--zone")
        case .original: option("--zone-orig")
        case .reply: option("--zone-reply")
        }
        put(" ")
        if target.zoneFromMark { put("mark") } else { put(target.zone ?? 0) }
    }

    /// ` --option name`, unless the name is empty.
    private mutating func putNamed(_ option: StaticString, _ name: Symbol) {
        if name == .empty { return }
        self.option(option)
        put(" ")
        put(name)
    }
}
