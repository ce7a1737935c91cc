import NetTypes
import RuleModel
import SourceText

/// Reads `ss -lntup` and what is like it: with or without the columns of protocol, state and process.
func readSockets(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var hasProtocol = false
    var hasState = true
    var listeners = reading.host.listeners ?? []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else { continue }
        if text.has(first, "Netid") || text.has(first, "State") || text.has(first, "Recv-Q") {
            hasProtocol = text.has(first, "Netid")
            hasState = text.find("State", in: cursor.range) != nil
            continue
        }
        // `cubic wscale:…`, `skmem:(…)` of `-i` and `-m` stand on lines of their own.
        if text[cursor.range.lowerBound] <= 0x20 { continue }
        var known: IPProtocol? = .tcp
        if hasProtocol, let word = words.next() {
            known = protocolOfSocket(text, word)
            // Netlink, unix, packet and raw sockets have no ports.
            if known == nil { continue }
        }
        var state: Range<Int>?
        if hasState { state = words.next() }
        _ = words.next()
        _ = words.next()
        guard let local = words.next() else {
            reading.tell(.warning, "bad-socket", "this line is not one of `ss -lntup`", at: cursor.place)
            continue
        }
        if !hasProtocol, let state, text.has(state, "UNCONN") { known = .udp }
        // Established connections are no listeners.
        if let state, !text.has(state, "LISTEN"), !text.has(state, "UNCONN") { continue }
        let peer = words.next()
        if let peer, !isAnyPeer(text, peer) { continue }
        let process = words.rest.map { processName(text, $0) } ?? ""
        addSocket(text, known ?? .tcp, local, process, cursor, isNetstat: false, &listeners, &reading)
    }
    reading.host.listeners = listeners
}

/// Reads `netstat -lntup`.
func readNetstat(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var listeners = reading.host.listeners ?? []
    var isInternet = true
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        if text.has(first, "Active") {
            isInternet = text.find("Internet", in: cursor.range) != nil
            continue
        }
        if text.has(first, "Proto") || !isInternet { continue }
        // `raw` and `unix` sockets have no ports.
        guard let known = protocolOfSocket(text, first) else { continue }
        _ = words.next()
        _ = words.next()
        guard let local = words.next(), let peer = words.next() else {
            reading.tell(.warning, "bad-socket", "this line is not one of `netstat -lntup`", at: cursor.place)
            continue
        }
        var process = ""
        if known == .tcp || known == .sctp {
            guard let state = words.next(), text.has(state, "LISTEN") else { continue }
        } else if !isAnyPeer(text, peer) {
            continue
        }
        if let last = words.rest {
            // `1234/sshd: /usr/sbin/s`
            let slash = text.firstIndex(of: UInt8(ascii: "/"), in: last)
            process = slash.map { text.text(text.trimmed($0 + 1..<last.upperBound)) } ?? ""
        }
        let start = listeners.count
        addSocket(text, known, local, process, cursor, isNetstat: true, &listeners, &reading)
        // `tcp6 :::80` of netstat may take IPv4 too; `tcp` never takes IPv6.
        if listeners.count > start, listeners[start].address == nil {
            listeners[start].version = text[first.upperBound - 1] == UInt8(ascii: "6") ? nil : .v4
        }
    }
    reading.host.listeners = listeners
}

private func protocolOfSocket(_ text: Span<UInt8>, _ word: Range<Int>) -> IPProtocol? {
    if text.begins(word, "tcp") || text.has(word, "mptcp") { return .tcp }
    if text.begins(word, "udpl") { return .udplite }
    if text.begins(word, "udp") { return .udp }
    if text.begins(word, "sctp") { return .sctp }
    if text.begins(word, "dccp") { return .dccp }
    return nil
}

private func isAnyPeer(_ text: Span<UInt8>, _ word: Range<Int>) -> Bool {
    word.count >= 2 && text[word.upperBound - 1] == UInt8(ascii: "*") && text[word.upperBound - 2] == UInt8(ascii: ":")
}

/// `users:(("sshd",pid=1,fd=3))` as `sshd`.
private func processName(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
    guard let start = text.find("((\"", in: range) else { return "" }
    let name = start + 3
    let end = text.firstIndex(of: UInt8(ascii: "\""), in: name..<range.upperBound) ?? range.upperBound
    return text.text(name..<end)
}

/// `0.0.0.0:22`, `*:80`, `[::]:443`, `127.0.0.53%lo:53`, `[fe80::1]%eth0:546`, `:::80` of netstat.
private func addSocket(
    _ text: Span<UInt8>, _ known: IPProtocol, _ local: Range<Int>, _ process: String, _ cursor: LineCursor,
    isNetstat: Bool, _ listeners: inout [Listener], _ reading: inout HostReading
) {
    var colon = local.upperBound - 1
    while colon > local.lowerBound, text[colon] != UInt8(ascii: ":") { colon -= 1 }
    guard text[colon] == UInt8(ascii: ":"), colon + 1 < local.upperBound else {
        reading.tell(.warning, "bad-socket", "'\(text.quote(local))' has no port", at: cursor.place(local))
        return
    }
    guard let port = text.decimal16(colon + 1..<local.upperBound) else {
        reading.tell(
            .warning, "socket-port-name",
            "the port of '\(text.quote(local))' is a name or missing; ss -n shows numbers", at: cursor.place(local))
        return
    }
    var host = local.lowerBound..<colon
    var interface: Symbol?
    if let percent = text.firstIndex(of: UInt8(ascii: "%"), in: host) {
        var end = host.upperBound
        if text[end - 1] == UInt8(ascii: "]") { end -= 1 }
        interface = reading.name(text, percent + 1..<end)
        host = host.lowerBound..<percent
    }
    if host.count >= 2, text[host.lowerBound] == UInt8(ascii: "[") {
        let end = text[host.upperBound - 1] == UInt8(ascii: "]") ? host.upperBound - 1 : host.upperBound
        host = host.lowerBound + 1..<end
    }
    var address: IPAddress?
    var version: IPVersion?
    if !text.has(host, "*") {
        guard let read = IPAddress(text, host) else {
            reading.tell(
                .warning, "bad-socket", "'\(text.quote(host))' is not an address", at: cursor.place(host))
            return
        }
        version = read.version
        if read.isZero {
            address = nil
        } else if read.version == .v6, read.high == 0, read.low >> 32 == 0xffff {
            // ::ffff:1.2.3.4: an IPv6 socket that takes IPv4 packets.
            version = .v4
            address = IPAddress(v4: read.v4Bits)
        } else {
            address = read
        }
    }
    var listener = Listener(
        protocol: known, address: address, version: version, port: port, process: process, place: cursor.place)
    listener.interface = interface
    listeners.append(listener)
}
