import NetTypes
import RuleModel
import SourceText

/// Reads `conntrack -L` in every form, and /proc/net/nf_conntrack.
func readConnections(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var entries: [ConnectionEntry] = []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else { continue }
        // `conntrack v1.4.7 (conntrack-tools): 5 flow entries have been shown.`, which may stand anywhere.
        if text.has(first, "conntrack") { continue }
        var reader = ConnectionReader(place: cursor.place)
        guard let entry = reader.read(text, &words, cursor, &reading) else { continue }
        if entry.isOffloaded { reading.addDecider(.flowtable, text, cursor.range, at: cursor.place) }
        entries.append(entry)
    }
    guard let old = reading.host.connections else {
        reading.host.connections = entries
        return
    }
    // Two listings of one table: entries that are in both count once.
    var known: Set<ConnectionKey> = []
    for entry in old { known.insert(ConnectionKey(entry)) }
    for entry in entries where known.insert(ConnectionKey(entry)).inserted {
        reading.host.connections?.append(entry)
    }
}

/// What makes an entry one and the same.
private struct ConnectionKey: Hashable {
    let original: ConnectionTuple
    let zone: UInt16
    let zoneDirection: ConnectionDirection?

    init(_ entry: ConnectionEntry) {
        original = entry.original
        zone = entry.zone
        zoneDirection = entry.zoneDirection
    }
}

struct ConnectionReader {
    /// One direction's parts, as they come.
    private struct Direction {
        var source: IPAddress?
        var destination: IPAddress?
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
        var type: UInt8 = 0
        var sawType = false
        var code: UInt8 = 0
        var identifier: UInt16?
        var packets: UInt64?
        var bytes: UInt64?
    }

    let place: Place
    private var directions: [Direction] = []
    private var status: ConnectionStatus = []
    private var sawUnreplied = false
    private var mark: UInt32 = 0
    private var zone: UInt16 = 0
    private var zoneDirection: ConnectionDirection?
    private var helper = Symbol.empty
    private var labels: [UInt16] = []
    private var isOffloaded = false

    init(place: Place) { self.place = place }

    mutating func read(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) -> ConnectionEntry? {
        // `-o extended` and /proc begin with the network protocol: `ipv4     2 tcp      6 …`.
        if let first = words.peek, text.has(first, "ipv4") || text.has(first, "ipv6"), let number = words[1],
            text.decimal32(number) != nil
        {
            words.seek(2)
        }
        guard let name = words.next(), let word = words.next(), let number = text.number(word, limit: 255) else {
            reading.tell(.warning, "bad-connection", "this line is no entry of conntrack", at: cursor.place)
            return nil
        }
        _ = name
        var expires: UInt32?
        if let next = words.peek, let seconds = text.decimal32(next) {
            expires = seconds
            _ = words.next()
        }
        var state = Symbol.empty
        if let next = words.peek, text.firstIndex(of: UInt8(ascii: "="), in: next) == nil,
            text[next.lowerBound] != UInt8(ascii: "[")
        {
            state = reading.name(text, next)
            _ = words.next()
        }
        while let word = words.next() { readPart(text, word, cursor, &reading) }
        guard directions.count >= 2, let original = tuple(directions[0], UInt8(number)),
            let reply = tuple(directions[1], UInt8(number))
        else {
            reading.tell(
                .warning, "bad-connection", "an entry of conntrack wants src= and dst= of both directions",
                at: cursor.place)
            return nil
        }
        var made = entry(original, reply, state, expires)
        if original.protocol == .tcp { made.tcpState = TCPState(name: reading.names.text(state)) }
        return made
    }

    private func entry(
        _ original: ConnectionTuple, _ reply: ConnectionTuple, _ state: Symbol, _ expires: UInt32?
    ) -> ConnectionEntry {
        var entry = ConnectionEntry(original: original, reply: reply, place: place)
        // What is listed is confirmed. `[UNREPLIED]` is the absence of IPS_SEEN_REPLY.
        entry.status = status.union(.confirmed)
        if !sawUnreplied { entry.status.insert(.seenReply) }
        entry.mark = mark
        entry.zone = zone
        entry.zoneDirection = zoneDirection
        entry.expires = expires
        entry.protocolState = state
        entry.helper = helper
        entry.labels = labels
        entry.isOffloaded = isOffloaded
        entry.originalCounters = counters(directions[0])
        entry.replyCounters = counters(directions[1])
        return entry
    }

    private func counters(_ direction: Direction) -> Counters? {
        guard let packets = direction.packets, let bytes = direction.bytes else { return nil }
        return Counters(packets: packets, bytes: bytes)
    }

    private func tuple(_ direction: Direction, _ number: UInt8) -> ConnectionTuple? {
        guard let source = direction.source, let destination = direction.destination else { return nil }
        var tuple = ConnectionTuple(source: source, destination: destination, protocol: IPProtocol(number))
        tuple.sourcePort = direction.identifier ?? direction.sourcePort
        tuple.destinationPort = direction.destinationPort
        tuple.icmpType = direction.type
        tuple.icmpCode = direction.code
        return tuple
    }

    private mutating func readPart(
        _ text: Span<UInt8>, _ word: Range<Int>, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        if text[word.lowerBound] == UInt8(ascii: "[") {
            if text.has(word, "[UNREPLIED]") {
                sawUnreplied = true
            } else if text.has(word, "[ASSURED]") {
                status.insert(.assured)
            } else if text.has(word, "[OFFLOAD]") || text.has(word, "[HW_OFFLOAD]") {
                isOffloaded = true
            } else if !text.begins(word, "[start=") && !text.begins(word, "[stop=") {
                reading.tell(
                    .note, "unknown-connection-part", "'\(text.quote(word))' of an entry is not understood",
                    at: cursor.place(word))
            }
            return
        }
        guard let equals = text.firstIndex(of: UInt8(ascii: "="), in: word) else {
            // Times of `-o timestamp` have blanks inside: `[start=Mon Nov 20 …]`.
            return
        }
        let key = word.lowerBound..<equals
        let value = equals + 1..<word.upperBound
        if text.has(key, "src") {
            directions.append(Direction())
            directions[directions.count - 1].source = address(text, value, cursor, &reading)
        } else if readDirectionPart(text, key, value, cursor, &reading) {
            return
        } else if text.has(key, "mark") {
            mark = text.number(value).map { UInt32(truncatingIfNeeded: $0) } ?? 0
        } else if text.has(key, "zone") {
            zone = text.decimal16(value) ?? 0
        } else if text.has(key, "zone-orig") {
            zone = text.decimal16(value) ?? 0
            zoneDirection = .original
        } else if text.has(key, "zone-reply") {
            zone = text.decimal16(value) ?? 0
            zoneDirection = .reply
        } else if text.has(key, "helper") {
            helper = reading.name(text, value)
        } else if text.has(key, "labels") || text.has(key, "label") {
            readLabels(text, value, cursor, &reading)
        } else if !isIgnored(text, key) {
            reading.tell(
                .note, "unknown-connection-part", "'\(text.quote(word))' of an entry is not understood",
                at: cursor.place(word))
        }
    }

    /// A part of the direction that the last `src=` began.
    private mutating func readDirectionPart(
        _ text: Span<UInt8>, _ key: Range<Int>, _ value: Range<Int>, _ cursor: LineCursor,
        _ reading: inout HostReading
    ) -> Bool {
        guard let last = directions.indices.last else { return false }
        if text.has(key, "dst") {
            directions[last].destination = address(text, value, cursor, &reading)
        } else if text.has(key, "sport") {
            directions[last].sourcePort = port(text, value, cursor, &reading)
        } else if text.has(key, "dport") {
            directions[last].destinationPort = port(text, value, cursor, &reading)
        } else if text.has(key, "type") {
            directions[last].type = text.number(value, limit: 255).map { UInt8($0) } ?? 0
            directions[last].sawType = true
        } else if text.has(key, "code") {
            directions[last].code = text.number(value, limit: 255).map { UInt8($0) } ?? 0
        } else if text.has(key, "id"), directions[last].sawType, directions[last].identifier == nil {
            // ICMP's. `-o id` adds the entry's own `id=` at the end.
            directions[last].identifier = text.decimal16(value)
        } else if text.has(key, "srckey") {
            // GRE's call ids stand where ports do. Source: net/netfilter/nf_conntrack_proto_gre.c.
            directions[last].sourcePort = text.number(value, limit: 65535).map { UInt16($0) } ?? 0
        } else if text.has(key, "dstkey") {
            directions[last].destinationPort = text.number(value, limit: 65535).map { UInt16($0) } ?? 0
        } else if text.has(key, "packets") {
            directions[last].packets = decimal(text.extracting(value))
        } else if text.has(key, "bytes") {
            directions[last].bytes = decimal(text.extracting(value))
        } else {
            return false
        }
        return true
    }

    private func address(
        _ text: Span<UInt8>, _ value: Range<Int>, _ cursor: LineCursor, _ reading: inout HostReading
    ) -> IPAddress? {
        if let address = IPAddress(text, value) { return address }
        reading.tell(.warning, "bad-connection", "'\(text.quote(value))' is not an address", at: cursor.place(value))
        return nil
    }

    private func port(
        _ text: Span<UInt8>, _ value: Range<Int>, _ cursor: LineCursor, _ reading: inout HostReading
    ) -> UInt16 {
        if let port = text.decimal16(value) { return port }
        reading.tell(.warning, "bad-connection", "'\(text.quote(value))' is not a port", at: cursor.place(value))
        return 0
    }

    /// Bit numbers. Names out of connlabel.conf can't be told from here.
    private mutating func readLabels(
        _ text: Span<UInt8>, _ value: Range<Int>, _ cursor: LineCursor, _ reading: inout HostReading
    ) {
        var start = value.lowerBound
        for index in value.lowerBound...value.upperBound
        where index == value.upperBound || text[index] == UInt8(ascii: ",") {
            let label = start..<index
            start = index + 1
            if label.isEmpty { continue }
            if let bit = text.number(label, limit: 127) {
                labels.append(UInt16(bit))
            } else {
                reading.tell(
                    .note, "connection-label", "the number of label '\(text.quote(label))' is not known",
                    at: cursor.place(label))
            }
        }
    }

    private func isIgnored(_ text: Span<UInt8>, _ key: Range<Int>) -> Bool {
        for word: StaticString in [
            "use", "id", "secctx", "secmark", "delta-time", "vtag-orig", "vtag-reply", "role", "start", "stop",
            "timeout", "stream_timeout",
            "mtu",
        ] where text.has(key, word) {
            return true
        }
        return false
    }
}
