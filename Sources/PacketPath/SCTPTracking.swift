internal import NetTypes
internal import RuleModel

/// The chunks of an SCTP packet, as conntrack walks them: up to the first that has no room for its header.
struct SCTPChunks: Hashable {
    struct Chunk: Hashable {
        let kind: UInt8
        let flags: UInt8
        let length: Int
        /// Its initiate tag, where it has room for the fields of INIT.
        let tag: UInt32?
    }

    /// The verification tag.
    private(set) var tag: UInt32 = 0
    private(set) var all: [Chunk] = []

    /// - Parameter header: where the SCTP header begins in `bytes`.
    init(_ bytes: [UInt8], _ header: Int) {
        func number(_ offset: Int, _ size: Int) -> UInt32? {
            guard offset >= 0, offset + size <= bytes.count else { return nil }
            return bytes[offset..<offset + size].reduce(0) { $0 << 8 | UInt32($1) }
        }
        tag = number(header + 4, 4) ?? 0
        var place = header + 12
        while let word = number(place, 4) {
            let length = Int(word & 0xffff)
            let initiate = number(place + 4, 16) == nil ? nil : number(place + 4, 4)
            all.append(
                Chunk(
                    kind: UInt8(word >> 24), flags: UInt8(word >> 16 & 0xff), length: length, tag: initiate))
            // One without a length is refused, and would never end.
            if length == 0 { return }
            place += (length + 3) & ~3
        }
    }

    func has(_ kinds: UInt8...) -> Bool { all.contains { kinds.contains($0.kind) } }

    /// Source: net/netfilter/nf_conntrack_proto_sctp.c `do_basic_checks`, Linux 6.18.
    var isSensible: Bool {
        var standsAlone = false
        for (index, chunk) in all.enumerated() {
            if [1, 2, 14].contains(chunk.kind) { standsAlone = true }
            let isFirstOnly = standsAlone || chunk.kind == 10 || chunk.kind == 11
            if isFirstOnly && index > 0 || chunk.length == 0 { return false }
        }
        return !all.isEmpty
    }
}

extension SCTPTrack {
    /// The association that `chunks` begin; `nil` where they begin none.
    ///
    /// Source: net/netfilter/nf_conntrack_proto_sctp.c `sctp_new`, `nf_conntrack_sctp_packet`, Linux 6.18.
    init?(first chunks: SCTPChunks) {
        self.init()
        if chunks.has(6, 14, 11) { return nil }
        for chunk in chunks.all {
            guard SCTPTrack.step(nil, chunk.kind, .original) != nil else { return nil }
            if chunk.kind == 1 {
                guard chunks.tag == 0, let tag = chunk.tag else { return nil }
                tags.reply = tag
            } else if chunk.kind == 4 {
                tags.original = chunks.tag
            } else {
                tags.reply = chunks.tag
            }
        }
        guard take(chunks, .original) else { return nil }
    }

    /// Goes on with a packet's chunks; `false` where the packet makes no sense.
    mutating func take(_ chunks: SCTPChunks, _ direction: ConnectionDirection) -> Bool {
        let other: ConnectionDirection = direction == .original ? .reply : .original
        if !chunks.has(1, 14, 10, 6, 8, 4, 5), chunks.tag != tags[direction] { return false }
        var isIgnored = false
        for chunk in chunks.all {
            switch chunk.kind {
            case 1: if chunks.tag != 0 { return false }
            case 6, 14: if chunks.tag != tags[chunk.flags & 1 == 0 ? direction : other] { return false }
            case 10: if chunks.tag != tags[direction] { return false }
            case 11: hasBegun = Pair(false, false)
            case 4:
                if tags[direction] == 0 {
                    tags[direction] = chunks.tag
                } else if chunks.tag != tags[direction] {
                    if chunks.has(0) || isIgnored { return false }
                    oddHeartbeat = direction
                    isIgnored = true
                    continue
                } else {
                    oddHeartbeat = nil
                }
            case 5:
                if tags[direction] == 0 {
                    tags[direction] = chunks.tag
                } else if chunks.tag != tags[direction] {
                    if chunks.has(0) || isIgnored || oddHeartbeat != other { return false }
                    tags[direction] = chunks.tag
                    tags[other] = 0
                }
                oddHeartbeat = nil
            default: break
            }
            guard let next = SCTPTrack.step(state, chunk.kind, direction) else { return false }
            if chunk.kind == 1 {
                guard let tag = chunk.tag else { return false }
                if hasBegun[direction], hasBegun[other] { hasBegun[other] = false }
                hasBegun[direction] = true
                tags[other] = tag
                if next == .closed, state == .closed { isIgnored = true }
            } else if chunk.kind == 2 {
                guard let tag = chunk.tag else { return false }
                let known = tags[other]
                if !hasBegun[other], known != 0, known != tag { return false }
                if hasBegun[direction], hasBegun[other], known != tag { return false }
                tags[other] = tag
            }
            state = next
        }
        return true
    }

    /// The state that a chunk leads to; `nil` where it makes no sense.
    ///
    /// Source: net/netfilter/nf_conntrack_proto_sctp.c `sctp_conntracks`, Linux 6.18.
    private static func step(_ state: SCTPState?, _ kind: UInt8, _ direction: ConnectionDirection) -> SCTPState? {
        let isKnown = kind >= 1 && kind <= 11 && kind != 3 || kind == 14
        guard let state else { return isKnown && direction == .original ? first(kind) : nil }
        if !isKnown { return state }
        if kind == 6 { return direction == .reply && state == .heartbeatSent ? nil : .closed }
        if state == .heartbeatSent { return stepOnHeartbeatSent(kind, direction) }
        switch (kind, state) {
        case (1, .shutdownSent), (1, .shutdownReceived): return direction == .original ? .closed : state
        case (2, .closed): return direction == .reply ? .cookieWait : state
        case (7, .established): return direction == .original ? .shutdownSent : .shutdownReceived
        case (8, .shutdownSent), (8, .shutdownReceived): return .shutdownAckSent
        case (9, .cookieEchoed): return direction == .reply ? .closed : state
        case (10, .cookieWait): return .cookieEchoed
        case (11, .cookieEchoed): return .established
        case (14, .shutdownAckSent): return .closed
        default: return state
        }
    }

    private static func first(_ kind: UInt8) -> SCTPState {
        switch kind {
        case 8: .shutdownAckSent
        case 4: .heartbeatSent
        default: .closed
        }
    }

    private static func stepOnHeartbeatSent(_ kind: UInt8, _ direction: ConnectionDirection) -> SCTPState? {
        if direction == .reply { return kind == 4 ? .heartbeatSent : kind == 5 ? .established : nil }
        switch kind {
        case 1: return .cookieWait
        case 8: return .shutdownAckSent
        case 4, 5: return .heartbeatSent
        default: return .closed
        }
    }
}
