import NetTypes
import RuleModel
import SourceText

/// Reads the JSON of `ip -j`, which is a list of objects, and gives each to `body`.
func forEachObject(
    _ text: Span<UInt8>, _ listing: Listing, _ reading: inout HostReading,
    _ body: (JSONValue, Place, inout HostReading) -> Void
) {
    let excerpt = listing.excerpt
    var lines = LineCounter(offset: excerpt.start, line: excerpt.firstLine)
    let value: JSONValue
    do throws(JSONFailure) {
        value = try readJSONValue(text.extracting(0..<min(excerpt.end, text.count)), at: excerpt.start)
    } catch {
        let line = lines.line(of: error.offset, text)
        let end = min(error.offset + 1, text.count)
        reading.tell(
            .error, "bad-json", "\(error.message); nothing of this list is read",
            at: Place(file: excerpt.file, line: line, start: error.offset, end: end))
        return
    }
    for object in value.array ?? [] {
        let line = lines.line(of: object.start, text)
        let place = Place(file: excerpt.file, line: line, start: object.start, end: object.end)
        if object.object == nil {
            reading.tell(.warning, "bad-json", "an object is expected here", at: place)
        } else if object.object?.isEmpty != true {
            // `ip -j addr` of some versions writes {} for what it leaves out.
            body(object, place, &reading)
        }
    }
}

/// Tells lines of offsets that only grow, in one pass over the text.
struct LineCounter {
    private var offset: Int
    private var line: Int

    init(offset: Int, line: Int) {
        self.offset = offset
        self.line = line
    }

    mutating func line(of target: Int, _ text: Span<UInt8>) -> Int {
        while offset < min(target, text.count) {
            if text[offset] == UInt8(ascii: "\n") { line += 1 }
            offset += 1
        }
        return line
    }
}

extension JSONValue {
    var number32: UInt32? { number?.unsigned.flatMap { UInt32(exactly: $0) } }

    var number8: UInt8? { number?.unsigned.flatMap { UInt8(exactly: $0) } }

    var number16: UInt16? { number?.unsigned.flatMap { UInt16(exactly: $0) } }

    var address: IPAddress? { string.flatMap { IPAddress($0) } }

    /// Whether this list of words has `word`: flags and states.
    func lists(_ word: String) -> Bool { array?.contains { $0.string == word } ?? false }

    /// The first member of this name: `ip -j route` writes `dst` again inside an encapsulation.
    func first(_ key: String) -> JSONValue? {
        for member in object ?? [] where member.key == key { return member.value }
        return nil
    }
}

extension HostReading {
    mutating func interned(_ value: JSONValue?) -> Symbol? { value?.string.map { names.intern($0) } }

    /// A table's number or name, both of which `ip -j` writes as text.
    mutating func table(_ value: JSONValue?, at place: Place) -> UInt32? {
        if let number = value?.number32 { return number }
        guard let name = value?.string else { return nil }
        let bytes = Array(name.utf8)
        return tableNumber(bytes.span, 0..<bytes.count, at: place)
    }
}

/// Reads `ip -j neigh`.
func readNeighboursJSON(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    forEachObject(text, listing, &reading) { object, place, reading in
        guard let address = object["dst"]?.address, let interface = reading.interned(object["dev"]) else {
            reading.tell(.warning, "bad-neighbour", "a neighbour without dst or dev", at: place)
            return
        }
        if object["proxy"] != nil { return }
        var neighbour = Neighbour(address: address, interface: interface, place: place)
        if let mac = object["lladdr"]?.string {
            let bytes = Array(mac.utf8)
            neighbour.mac = MACAddress(bytes.span)
        }
        neighbour.isUnreachable =
            object["state"]?.lists("FAILED") == true || object["state"]?.lists("INCOMPLETE") == true
        reading.addNeighbour(neighbour)
    }
    reading.host.knowsNeighbours = true
}

/// Reads `ip -j rule`.
func readPolicyRulesJSON(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var rules: [(rule: RoutingRule, version: IPVersion?)] = []
    forEachObject(text, listing, &reading) { object, place, reading in
        guard let priority = object["priority"]?.number32 else {
            reading.tell(.warning, "bad-policy-rule", "a policy rule without priority", at: place)
            return
        }
        var rule = RoutingRule(priority: priority, action: .nop, place: place)
        var version: IPVersion?
        var hasAction = false
        var unknown: [String] = []
        for member in object.object ?? [] {
            switch member.key {
            case "priority", "protocol", "iif_detached", "oif_detached", "unresolved", "srclen",
                "dstlen", "fwmask", "sport_end", "dport_end", "uid_end", "flags":
                continue
            case "not": rule.isNegated = true
            case "flow_from", "flow_to": rule.realm = realm(from: object["flow_from"], to: object["flow_to"])
            case "src", "dst":
                guard member.value.string != "all" else { continue }
                guard let address = member.value.address else {
                    unknown.append(member.key)
                    continue
                }
                let length = object[member.key + "len"]?.number8 ?? UInt8(address.version.addressBits)
                version = address.version
                if member.key == "src" {
                    rule.from = IPPrefix(address, length: length)
                } else {
                    rule.to = IPPrefix(address, length: length)
                }
            case "iif": rule.inInterface = reading.interned(member.value)
            case "oif": rule.outInterface = reading.interned(member.value)
            case "fwmark":
                guard let mark = word(member.value) else {
                    unknown.append(member.key)
                    continue
                }
                let mask = object["fwmask"].flatMap { word($0) } ?? .max
                rule.mark = MaskedWord(mark & mask, mask: mask)
            case "tos", "dsfield":
                let bytes = Array((member.value.string ?? "").utf8)
                if let tos = tosByte(bytes.span, 0..<bytes.count) { rule.tos = tos } else { unknown.append(member.key) }
            case "ipproto":
                if let known = member.value.string.flatMap({ ruleProtocol($0) })
                    ?? member.value.number8.map({ IPProtocol($0) })
                {
                    rule.protocol = known
                } else {
                    unknown.append(member.key)
                }
            case "sport", "sport_start":
                rule.sourcePorts = ports(member.value, object["sport_end"])
                if rule.sourcePorts == nil { unknown.append(member.key) }
            case "dport", "dport_start":
                rule.destinationPorts = ports(member.value, object["dport_end"])
                if rule.destinationPorts == nil { unknown.append(member.key) }
            case "uid_start":
                guard let first = member.value.number32 else {
                    unknown.append(member.key)
                    continue
                }
                rule.users = NumberRange(first, object["uid_end"]?.number32 ?? first)
            case "suppress_prefixlen", "suppress_prefixlength": rule.suppressedPrefixLength = member.value.number8
            case "suppress_ifgroup":
                rule.suppressedGroup =
                    member.value.string == "default"
                    ? 0 : member.value.number32 ?? member.value.string.flatMap { UInt32($0) }
                if rule.suppressedGroup == nil { unknown.append(member.key) }
            case "table":
                guard let table = reading.table(member.value, at: place) else {
                    unknown.append(member.key)
                    continue
                }
                rule.action = .lookup(table: table)
                hasAction = true
            case "goto":
                rule.action = .goto(priority: member.value.number32 ?? 0)
                hasAction = true
            case "l3mdev":
                rule.action = .vrf
                hasAction = true
            case "nop":
                rule.action = .nop
                hasAction = true
            case "action":
                hasAction = true
                switch member.value.string {
                case "blackhole": rule.action = .blackhole
                case "unreachable": rule.action = .unreachable
                case "prohibit": rule.action = .prohibit
                case "nop": rule.action = .nop
                case "lookup", "to_tbl": break
                default: unknown.append(member.key)
                }
            default: unknown.append(member.key)
            }
        }
        if !hasAction { unknown.append("action") }
        if !unknown.isEmpty {
            let parts = unknown.joined(separator: " ")
            rule.unknownPart = reading.names.intern(parts)
            reading.tell(.warning, "unknown-rule-part", "'\(parts)' in a policy rule is not understood", at: place)
        }
        rules.append((rule, version))
    }
    addPolicyRules(rules, listing, into: &reading)
}

/// A number, or one in text such as `0x10`.
private func word(_ value: JSONValue) -> UInt32? {
    if let number = value.number32 { return number }
    guard let text = value.string else { return nil }
    let bytes = Array(text.utf8)
    return number(bytes.span).flatMap { UInt32(exactly: $0) }
}

private func ports(_ first: JSONValue, _ last: JSONValue?) -> PortRange? {
    guard let first = first.number16 else { return nil }
    return PortRange(first, last?.number16 ?? first)
}
