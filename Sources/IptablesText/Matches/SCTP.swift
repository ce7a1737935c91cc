internal import NetTypes
internal import RuleModel
internal import SourceText

/// Source: iptables 1.8.9, extensions/libxt_sctp.c `sctp_chunk_names`.
private let chunkTypes: Keywords<UInt8> = [
    ("DATA", 0), ("INIT", 1), ("INIT_ACK", 2), ("SACK", 3), ("HEARTBEAT", 4), ("HEARTBEAT_ACK", 5), ("ABORT", 6),
    ("SHUTDOWN", 7), ("SHUTDOWN_ACK", 8), ("ERROR", 9), ("COOKIE_ECHO", 10), ("COOKIE_ACK", 11), ("ECN_ECNE", 12),
    ("ECN_CWR", 13), ("SHUTDOWN_COMPLETE", 14), ("I_DATA", 64), ("ASCONF_ACK", 128), ("RE_CONFIG", 130),
    ("PAD", 132), ("FORWARD_TSN", 192), ("ASCONF", 193), ("I_FORWARD_TSN", 194),
]

/// The letters of a chunk type's flags: a capital asks for a 1, a small letter for a 0.
private let dataFlags: [(letter: UInt8, bit: UInt8)] = [
    (UInt8(ascii: "I"), 3), (UInt8(ascii: "U"), 2), (UInt8(ascii: "B"), 1), (UInt8(ascii: "E"), 0),
]
private let abortFlags: [(letter: UInt8, bit: UInt8)] = [(UInt8(ascii: "T"), 0)]

private func flags(ofChunk type: UInt8) -> [(letter: UInt8, bit: UInt8)] {
    switch type {
    case 0, 64: dataFlags
    case 6, 14: abortFlags
    default: []
    }
}

extension RuleReader {
    /// `-m sctp`
    mutating func readSCTP() throws(RuleFailure) -> Match {
        var match = SCTPMatch()
        while try beginOption() {
            if takes("--sport", "--source-port") {
                try refuseSecond(match.sourcePort)
                let isNegated = negation()
                match.sourcePort = Negatable(try ports(), isNegated: isNegated)
            } else if takes("--dport", "--destination-port") {
                try refuseSecond(match.destinationPort)
                let isNegated = negation()
                match.destinationPort = Negatable(try ports(), isNegated: isNegated)
            } else if takes("--chunk-types") {
                try refuseSecond(match.chunkMode)
                let isNegated = negation()
                let mode = try value()
                let modes: Keywords<SCTPMatch.Mode> = [("any", .any), ("all", .all), ("only", .only)]
                guard let mode = find(anyCase: mode, in: modes) else { throw bad(.value, "one of all, any and only") }
                match.chunkMode = Negatable(mode, isNegated: isNegated)
                try readChunks(into: &match)
            } else {
                break
            }
        }
        return .sctp(match)
    }

    private mutating func readChunks(into match: inout SCTPMatch) throws(RuleFailure) {
        let range = try value()
        if equals(anyCase: range, "ALL") {
            match.allChunks = true
            return
        }
        if equals(anyCase: range, "NONE") { return }
        guard let parts = list(range) else { throw bad(.value, "a list of SCTP chunk types") }
        for part in parts {
            guard let chunk = readChunk(part) else { throw bad(.value, "a list of SCTP chunk types") }
            // The kernel holds a set: ordered by number, each type once.
            let place = match.chunks.firstIndex { $0.type >= chunk.type } ?? match.chunks.count
            if place < match.chunks.count, match.chunks[place].type == chunk.type {
                match.chunks[place].flagsMask |= chunk.flagsMask
                match.chunks[place].flagsValue |= chunk.flagsValue
            } else {
                match.chunks.insert(chunk, at: place)
            }
        }
    }

    private func readChunk(_ range: Range<Int>) -> SCTPMatch.Chunk? {
        let colon = firstIndex(of: UInt8(ascii: ":"), in: range)
        guard let type = find(anyCase: range.lowerBound..<(colon ?? range.upperBound), in: chunkTypes) else {
            return nil
        }
        var chunk = SCTPMatch.Chunk(type: type)
        guard let colon else { return chunk }
        for position in colon + 1..<range.upperBound {
            guard let flag = flags(ofChunk: type).first(where: { $0.letter | 0x20 == buffer[position] | 0x20 }) else {
                return nil
            }
            chunk.flagsMask |= 1 << flag.bit
            if buffer[position] == flag.letter { chunk.flagsValue |= 1 << flag.bit }
        }
        // iptables files the flags under the type's place in its table, so those of I_DATA reach no chunk.
        return type == 64 ? SCTPMatch.Chunk(type: type) : chunk
    }
}

extension RuleWriter {
    mutating func writeSCTP(_ match: SCTPMatch) {
        if let port = match.sourcePort {
            option("--sport", isNegated: port.isNegated)
            put(" ")
            put(port.value)
        }
        if let port = match.destinationPort {
            option("--dport", isNegated: port.isNegated)
            put(" ")
            put(port.value)
        }
        guard let mode = match.chunkMode else { return }
        option("--chunk-types", isNegated: mode.isNegated)
        switch mode.value {
        case .any: put(" any ")
        case .all: put(" all ")
        case .only: put(" only ")
        }
        if match.allChunks {
            put("ALL")
        } else if match.chunks.isEmpty {
            put("NONE")
        }
        var separator: StaticString = ""
        for chunk in match.chunks {
            put(separator)
            put(chunk.type, in: chunkTypes)
            if chunk.flagsMask != 0 { put(":") }
            for flag in flags(ofChunk: chunk.type) where chunk.flagsMask & 1 << flag.bit != 0 {
                bytes.append(chunk.flagsValue & 1 << flag.bit != 0 ? flag.letter : flag.letter | 0x20)
            }
            separator = ","
        }
    }
}
