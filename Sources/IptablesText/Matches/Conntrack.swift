internal import NetTypes
internal import RuleModel
internal import SourceText

private let states: Keywords<ConnectionStates> = [
    ("INVALID", .invalid), ("NEW", .new), ("RELATED", .related), ("ESTABLISHED", .established),
    ("UNTRACKED", .untracked), ("SNAT", .snat), ("DNAT", .dnat),
]
private let statuses: Keywords<ConnectionStatus> = [
    ("EXPECTED", .expected), ("SEEN_REPLY", .seenReply), ("ASSURED", .assured), ("CONFIRMED", .confirmed),
]

extension RuleReader {
    /// `-m conntrack`
    mutating func readConntrack() throws(RuleFailure) -> Match {
        var match = ConntrackMatch()
        while try beginOption() {
            if takes("--ctstate") {
                try refuseSecond(match.state)
                match.state = Negatable(try keywordSet(states, "a list of states"), isNegated: negation())
            } else if takes("--ctproto") {
                try refuseSecond(match.protocol)
                match.protocol = Negatable(ProtocolTest(try protocolTest().number), isNegated: negation())
            } else if takes("--ctstatus") {
                try refuseSecond(match.status)
                match.status = Negatable(try connectionStatus(), isNegated: negation())
            } else if takes("--ctexpire") {
                try refuseSecond(match.expires)
                match.expires = Negatable(try numberRange(), isNegated: negation())
            } else if takes("--ctdir") {
                try refuseSecond(match.direction)
                match.direction = try connectionDirection()
            } else {
                let isAddress = try readConntrackAddresses(&match)
                let isPort = isAddress ? false : try readConntrackPorts(&match)
                if !isAddress, !isPort { break }
            }
        }
        guard match != ConntrackMatch() else { throw missing("--ctstate or another of its options") }
        return .conntrack(match)
    }

    private mutating func readConntrackAddresses(_ match: inout ConntrackMatch) throws(RuleFailure) -> Bool {
        if takes("--ctorigsrc") {
            try refuseSecond(match.originalSource)
            match.originalSource = Negatable(try addressMask(), isNegated: negation())
        } else if takes("--ctorigdst") {
            try refuseSecond(match.originalDestination)
            match.originalDestination = Negatable(try addressMask(), isNegated: negation())
        } else if takes("--ctreplsrc") {
            try refuseSecond(match.replySource)
            match.replySource = Negatable(try addressMask(), isNegated: negation())
        } else if takes("--ctrepldst") {
            try refuseSecond(match.replyDestination)
            match.replyDestination = Negatable(try addressMask(), isNegated: negation())
        } else {
            return false
        }
        return true
    }

    private mutating func readConntrackPorts(_ match: inout ConntrackMatch) throws(RuleFailure) -> Bool {
        if takes("--ctorigsrcport") {
            try refuseSecond(match.originalSourcePort)
            match.originalSourcePort = Negatable(try ports(), isNegated: negation())
        } else if takes("--ctorigdstport") {
            try refuseSecond(match.originalDestinationPort)
            match.originalDestinationPort = Negatable(try ports(), isNegated: negation())
        } else if takes("--ctreplsrcport") {
            try refuseSecond(match.replySourcePort)
            match.replySourcePort = Negatable(try ports(), isNegated: negation())
        } else if takes("--ctrepldstport") {
            try refuseSecond(match.replyDestinationPort)
            match.replyDestinationPort = Negatable(try ports(), isNegated: negation())
        } else {
            return false
        }
        return true
    }

    /// Takes a list of status bits, or `NONE`.
    private mutating func connectionStatus() throws(RuleFailure) -> ConnectionStatus {
        if index < words.count, equals(anyCase: words[index].range, "NONE") {
            index += 1
            return []
        }
        return try keywordSet(statuses, "a list of status bits")
    }

    /// Takes `ORIGINAL` or `REPLY`.
    mutating func connectionDirection() throws(RuleFailure) -> ConnectionDirection {
        let range = try value()
        if equals(anyCase: range, "ORIGINAL") { return .original }
        guard equals(anyCase: range, "REPLY") else { throw bad(.value, "'ORIGINAL' or 'REPLY'") }
        return .reply
    }
}

extension RuleWriter {
    mutating func writeConntrack(_ match: ConntrackMatch) {
        if let state = match.state {
            option("--ctstate", isNegated: state.isNegated)
            put(state.value, from: states)
        }
        if let test = match.protocol {
            option("--ctproto", test.value.number.rawValue, isNegated: test.isNegated)
        }
        writeShort("--ctorigsrc", match.originalSource)
        writeShort("--ctorigdst", match.originalDestination)
        writeShort("--ctreplsrc", match.replySource)
        writeShort("--ctrepldst", match.replyDestination)
        writeGivenPorts("--ctorigsrcport", match.originalSourcePort)
        writeGivenPorts("--ctorigdstport", match.originalDestinationPort)
        writeGivenPorts("--ctreplsrcport", match.replySourcePort)
        writeGivenPorts("--ctrepldstport", match.replyDestinationPort)
        if let status = match.status {
            option("--ctstatus", isNegated: status.isNegated)
            if status.value.isEmpty { put(" NONE") } else { put(status.value, from: statuses) }
        }
        if let expires = match.expires {
            option("--ctexpire", isNegated: expires.isNegated)
            put(" ")
            put(expires.value)
        }
        switch match.direction {
        case .original: put(" --ctdir ORIGINAL")
        case .reply: put(" --ctdir REPLY")
        case nil: break
        }
    }

    /// An option for an address, without the mask of a single one.
    mutating func writeShort(_ name: StaticString, _ address: Negatable<AddressMask>?) {
        guard let address else { return }
        option(name, isNegated: address.isNegated)
        put(" ")
        putShort(address.value)
    }

    /// An option for ports, written wherever it was given.
    mutating func writeGivenPorts(_ name: StaticString, _ ports: Negatable<PortRange>?) {
        guard let ports else { return }
        option(name, isNegated: ports.isNegated)
        put(" ")
        put(ports.value)
    }
}
