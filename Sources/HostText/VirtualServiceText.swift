import NetTypes
import RuleModel
import SourceText

extension HostReading {
    /// Adds a virtual service: IPVS takes its packets at INPUT. One that is there already is replaced.
    fileprivate mutating func add(_ service: VirtualService, _ text: Span<UInt8>, _ line: Range<Int>) {
        addDecider(.ipvs, text, line, at: service.place)
        var services = host.virtualServices ?? []
        if let index = services.firstIndex(where: { $0.key == service.key }) {
            services[index] = service
        } else {
            services.append(service)
        }
        host.virtualServices = services
    }

    fileprivate mutating func add(_ server: RealServer, to key: VirtualService.Key) {
        guard let index = host.virtualServices?.lastIndex(where: { $0.key == key }) else { return }
        host.virtualServices?[index].servers.append(server)
    }
}

/// Reads `ipvsadm -Ln`: a line for each virtual service, and one with an arrow for each of its servers.
func readVirtualServers(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var current: VirtualService.Key?
    // Without any service there is the heading alone.
    reading.host.virtualServices = reading.host.virtualServices ?? []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        if text.has(first, "->") {
            guard let current, let server = listedServer(text, &words, cursor.place) else { continue }
            reading.add(server, to: current)
            continue
        }
        guard let key = listedKey(text, first, &words), let scheduler = words.next() else {
            if !isHeading(text, first) {
                reading.tell(
                    .warning, "bad-line", "'\(text.quote(cursor.range))' is no virtual service", at: cursor.place)
            }
            current = nil
            continue
        }
        var service = VirtualService(key: key, scheduler: text.text(scheduler), place: cursor.place)
        while let word = words.next() {
            if text.has(word, "ops") {
                service.isOnePacket = true
            } else if text.has(word, "persistent"), let seconds = words.next() {
                service.persistence = text.decimal32(seconds)
            } else if text.has(word, "mask") || text.has(word, "pe") {
                _ = words.next()
            } else if text[word.lowerBound] == UInt8(ascii: "("), word.count > 2 {
                service.flags = flags(text, word.lowerBound + 1..<word.upperBound - 1)
            }
        }
        current = key
        reading.add(service, text, cursor.range)
    }
}

private func isHeading(_ text: Span<UInt8>, _ word: Range<Int>) -> Bool {
    text.has(word, "IP") || text.has(word, "Prot")
}

/// `TCP 10.96.0.1:443`, `FWM 5`, `FWM 5 IPv6`.
private func listedKey(_ text: Span<UInt8>, _ first: Range<Int>, _ words: inout Words) -> VirtualService.Key? {
    if text.has(first, "FWM") {
        guard let word = words.next(), let mark = text.decimal32(word) else { return nil }
        guard let next = words.peek, text.has(next, "IPv6") else { return .mark(mark, .v4) }
        _ = words.next()
        return .mark(mark, .v6)
    }
    let ipProtocol: IPProtocol
    if text.has(first, "TCP") {
        ipProtocol = .tcp
    } else if text.has(first, "UDP") {
        ipProtocol = .udp
    } else if text.has(first, "SCTP") {
        ipProtocol = .sctp
    } else {
        return nil
    }
    guard let word = words.next(), let (address, port) = addressAndPort(text, word) else { return nil }
    return .address(ipProtocol, address, port: port)
}

private func listedServer(_ text: Span<UInt8>, _ words: inout Words, _ place: Place) -> RealServer? {
    guard let word = words.next(), let (address, port) = addressAndPort(text, word), let method = words.next() else {
        return nil
    }
    let methods: [(StaticString, RealServer.Method)] = [
        ("Masq", .masquerade), ("Route", .route), ("Tunnel", .tunnel), ("Local", .local), ("Bypass", .bypass),
    ]
    for (name, value) in methods where text.has(method, name) {
        let weight = words.next().flatMap { text.decimal32($0) } ?? 1
        return RealServer(address: address, port: port, method: value, weight: weight, place: place)
    }
    return nil
}

/// `10.96.0.1:443`, `[2001:db8::1]:443`.
private func addressAndPort(_ text: Span<UInt8>, _ word: Range<Int>) -> (IPAddress, UInt16)? {
    var colon = word.upperBound
    while colon > word.lowerBound, text[colon - 1] != UInt8(ascii: ":") { colon -= 1 }
    guard colon > word.lowerBound + 1, let port = text.decimal16(colon..<word.upperBound) else { return nil }
    var address = word.lowerBound..<colon - 1
    if text[address.lowerBound] == UInt8(ascii: "["), text[address.upperBound - 1] == UInt8(ascii: "]") {
        address = address.lowerBound + 1..<address.upperBound - 1
    }
    return IPAddress(text, address).map { ($0, port) }
}

private func flags(_ text: Span<UInt8>, _ range: Range<Int>) -> [String] {
    text.text(range).split(separator: ",").map { String($0) }
}

/// Reads `ipvsadm -Sn`: the options that make each virtual service and each server anew.
func readVirtualServerRules(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    reading.host.virtualServices = reading.host.virtualServices ?? []
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        var rule = ServiceRule()
        rule.read(text, &words)
        let isServer = text.has(first, "-a")
        guard isServer || text.has(first, "-A"), let key = rule.key else {
            reading.tell(.warning, "bad-line", "'\(text.quote(cursor.range))' is no virtual service", at: cursor.place)
            continue
        }
        if isServer {
            guard let (address, port) = rule.server else { continue }
            reading.add(
                RealServer(address: address, port: port, method: rule.method, weight: rule.weight, place: cursor.place),
                to: key)
        } else {
            var service = VirtualService(key: key, scheduler: rule.scheduler, place: cursor.place)
            service.persistence = rule.persistence
            service.isOnePacket = rule.isOnePacket
            service.flags = rule.flags
            reading.add(service, text, cursor.range)
        }
    }
}

/// The options of one line of `ipvsadm -Sn`.
private struct ServiceRule {
    private var address: (IPProtocol, IPAddress, UInt16)?
    private var mark: UInt32?
    private var isV6 = false
    var server: (IPAddress, UInt16)?
    var scheduler = ""
    var persistence: UInt32?
    var isOnePacket = false
    var flags: [String] = []
    var method = RealServer.Method.route
    var weight: UInt32 = 1

    var key: VirtualService.Key? {
        if let address { return .address(address.0, address.1, port: address.2) }
        return mark.map { .mark($0, isV6 ? .v6 : .v4) }
    }

    mutating func read(_ text: Span<UInt8>, _ words: inout Words) {
        while let option = words.next() {
            if text.has(option, "-6") {
                isV6 = true
            } else if text.has(option, "-o") || text.has(option, "--ops") {
                isOnePacket = true
            } else if text.has(option, "-m") {
                method = .masquerade
            } else if text.has(option, "-g") {
                method = .route
            } else if text.has(option, "-i") {
                method = .tunnel
            } else if let value = words.next() {
                read(text, option, value)
            }
        }
    }

    private mutating func read(_ text: Span<UInt8>, _ option: Range<Int>, _ value: Range<Int>) {
        let protocols: [(StaticString, IPProtocol)] = [("-t", .tcp), ("-u", .udp), ("--sctp-service", .sctp)]
        for (name, ipProtocol) in protocols where text.has(option, name) {
            if let (own, port) = addressAndPort(text, value) { address = (ipProtocol, own, port) }
            return
        }
        if text.has(option, "-f") {
            mark = text.decimal32(value)
        } else if text.has(option, "-s") {
            scheduler = text.text(value)
        } else if text.has(option, "-p") {
            persistence = text.decimal32(value)
        } else if text.has(option, "-b") {
            flags = text.text(value).split(separator: ",").map { String($0) }
        } else if text.has(option, "-r") {
            server = addressAndPort(text, value)
        } else if text.has(option, "-w") {
            weight = text.decimal32(value) ?? 1
        }
    }
}
