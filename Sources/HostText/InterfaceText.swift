import NetTypes
import RuleModel
import SourceText

/// Reads `ifconfig`: names, flags, addresses, in the form of net-tools 2 (`flags=4163<UP,…>`) and the older one.
func readIfconfig(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    var current: Int?
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else { continue }
        if text[cursor.range.lowerBound] > 0x20 {
            _ = words.next()
            var name = first
            // `eth0:1` is an address's label, not an interface; the name ends at a colon.
            if let colon = text.firstIndex(of: UInt8(ascii: ":"), in: first) { name = first.lowerBound..<colon }
            let position = reading.interfaceIndex(reading.name(text, name), at: cursor.place)
            current = position
            if let flags = words.peek, text.begins(flags, "flags=") {
                reading.host.interfaces[position].isUp = text.find("UP", in: flags) != nil
                reading.host.interfaces[position].isLoopback = text.find("LOOPBACK", in: flags) != nil
                reading.host.interfaces[position].isPointToPoint = text.find("POINTOPOINT", in: flags) != nil
                reading.host.interfaces[position].hasCarrier = text.find("RUNNING", in: flags) != nil
            }
        }
        guard let current else { continue }
        readIfconfigParts(text, &words, cursor, current, &reading)
    }
    reading.host.knowsAddressesV4 = true
    reading.host.knowsAddressesV6 = true
}

private func readIfconfigParts(
    _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ position: Int, _ reading: inout HostReading
) {
    while let key = words.next() {
        if text.has(key, "inet") || text.has(key, "inet6") {
            guard var value = words.next() else { return }
            // The older form: `inet addr:10.0.0.1`, `inet6 addr: fe80::1/64`.
            if text.has(value, "addr:"), let next = words.next() {
                value = next
            } else if text.begins(value, "addr:") {
                value = value.lowerBound + 5..<value.upperBound
            }
            readIfconfigAddress(text, value, &words, cursor, position, &reading)
            return
        }
        if text.has(key, "ether") || text.has(key, "HWaddr") {
            if let value = words.next() { reading.host.interfaces[position].mac = MACAddress(text.extracting(value)) }
        } else if text.has(key, "mtu") {
            if let value = words.next(), let mtu = text.decimal32(value) { reading.host.interfaces[position].mtu = mtu }
        } else if text.begins(key, "MTU:") {
            if let mtu = text.decimal32(key.lowerBound + 4..<key.upperBound) {
                reading.host.interfaces[position].mtu = mtu
            }
            // The older form lists the flags before the MTU, as words.
            reading.host.interfaces[position].isUp = text.find("UP ", in: cursor.range) != nil
            reading.host.interfaces[position].isLoopback = text.find("LOOPBACK", in: cursor.range) != nil
        }
    }
}

private func readIfconfigAddress(
    _ text: Span<UInt8>, _ value: Range<Int>, _ words: inout Words, _ cursor: LineCursor, _ position: Int,
    _ reading: inout HostReading
) {
    let slash = text.firstIndex(of: UInt8(ascii: "/"), in: value) ?? value.upperBound
    guard let own = IPAddress(text, value.lowerBound..<slash) else {
        reading.tell(.warning, "bad-address", "'\(text.quote(value))' is not an address", at: cursor.place(value))
        return
    }
    var address = InterfaceAddress(own, prefixLength: UInt8(own.version.addressBits))
    if slash < value.upperBound,
        let length = text.number(slash + 1..<value.upperBound, limit: UInt64(own.version.addressBits))
    {
        address.prefixLength = UInt8(length)
    }
    while let key = words.next() {
        var key = key
        var part: Range<Int>?
        // `Mask:255.255.255.0` of the older form, `netmask 255.255.255.0` of the newer one.
        if let colon = text.firstIndex(of: UInt8(ascii: ":"), in: key), colon + 1 < key.upperBound {
            part = colon + 1..<key.upperBound
            key = key.lowerBound..<colon
        } else {
            part = words.next()
        }
        guard let part else { break }
        if text.has(key, "netmask") || text.has(key, "Mask") {
            if let mask = IPAddress(text, part), let length = AddressMask(mask, mask: mask).prefixLength {
                address.prefixLength = length
            }
        } else if text.has(key, "broadcast") || text.has(key, "Bcast") {
            if let broadcast = IPAddress(text, part), !broadcast.isZero { address.broadcast = broadcast }
        } else if text.has(key, "destination") || text.has(key, "P-t-P") {
            address.peer = IPAddress(text, part)
        } else if text.has(key, "prefixlen") {
            if let length = text.number(part, limit: 128) { address.prefixLength = UInt8(length) }
        } else if text.has(key, "scopeid") || text.has(key, "Scope") {
            if text.find("link", in: part) != nil || text.find("Link", in: part) != nil { address.scope = .link }
            if text.find("host", in: part) != nil || text.find("Host", in: part) != nil { address.scope = .host }
        }
    }
    reading.addAddress(address, to: position)
}

/// Reads `ip -br addr` and `ip -br link`.
func readBrief(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    let isLinks = listing.kind == .linksBrief
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard var name = words.next(), let state = words.next() else { continue }
        if let at = text.firstIndex(of: UInt8(ascii: "@"), in: name) { name = name.lowerBound..<at }
        let position = reading.interfaceIndex(reading.name(text, name), at: cursor.place)
        if text.has(name, "lo") {
            reading.host.interfaces[position].isLoopback = true
            reading.host.interfaces[position].kind = .loopback
        }
        // The operational state, not the flag; with flags that follow, those count.
        reading.host.interfaces[position].isUp = !text.has(state, "DOWN")
        reading.host.interfaces[position].hasCarrier = !text.has(state, "DOWN") && !text.has(state, "LOWERLAYERDOWN")
        while let word = words.next() {
            if let mac = MACAddress(text.extracting(word)) {
                reading.host.interfaces[position].mac = mac
            } else if text[word.lowerBound] == UInt8(ascii: "<") {
                reading.host.interfaces[position].isUp =
                    text.find(",UP", in: word) != nil || text.find("<UP", in: word) != nil
                reading.host.interfaces[position].hasCarrier = text.find("NO-CARRIER", in: word) == nil
            } else if text.has(word, "peer") {
                if let peer = words.next(), let prefix = IPPrefix(text, peer),
                    let last = reading.host.interfaces[position].addresses.indices.last
                {
                    let slash = text.firstIndex(of: UInt8(ascii: "/"), in: peer) ?? peer.upperBound
                    reading.host.interfaces[position].addresses[last].peer = IPAddress(text, peer.lowerBound..<slash)
                    reading.host.interfaces[position].addresses[last].prefixLength = prefix.length
                }
            } else if !isLinks {
                let slash = text.firstIndex(of: UInt8(ascii: "/"), in: word) ?? word.upperBound
                guard let own = IPAddress(text, word.lowerBound..<slash) else { continue }
                let length = IPPrefix(text, word)?.length ?? UInt8(own.version.addressBits)
                var address = InterfaceAddress(own, prefixLength: length)
                if own.isLinkLocal, own.version == .v6 { address.scope = .link }
                if own.isLoopback { address.scope = .host }
                reading.addAddress(address, to: position)
            }
        }
    }
    reading.host.knowsInterfaces = true
    if !isLinks {
        reading.host.knowsAddressesV4 = true
        reading.host.knowsAddressesV6 = true
    }
}
