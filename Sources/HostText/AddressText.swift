import NetTypes
import RuleModel
import SourceText

extension LinkReader {
    /// `inet 10.0.0.1/24 brd 10.0.0.255 scope global secondary eth0`, behind its first word.
    func addressLine(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ position: Int,
        _ reading: inout HostReading
    ) {
        guard let word = words.next() else { return }
        let slash = text.firstIndex(of: UInt8(ascii: "/"), in: word) ?? word.upperBound
        guard let own = IPAddress(text, word.lowerBound..<slash) else {
            reading.tell(.warning, "bad-address", "'\(text.quote(word))' is not an address", at: cursor.place(word))
            return
        }
        var length = own.version.addressBits
        if slash < word.upperBound {
            guard let read = text.number(slash + 1..<word.upperBound, limit: UInt64(length)) else {
                reading.tell(
                    .warning, "bad-address", "'\(text.quote(word))' is not an address with a prefix length",
                    at: cursor.place(word))
                return
            }
            length = Int(read)
        }
        var address = InterfaceAddress(own, prefixLength: UInt8(length))
        while let key = words.next() {
            if text.has(key, "peer") {
                // The prefix length is the peer's.
                guard let value = words.next() else { break }
                let slash = text.firstIndex(of: UInt8(ascii: "/"), in: value) ?? value.upperBound
                address.peer = IPAddress(text, value.lowerBound..<slash)
                if slash < value.upperBound,
                    let read = text.number(slash + 1..<value.upperBound, limit: UInt64(own.version.addressBits))
                {
                    address.prefixLength = UInt8(read)
                }
            } else if text.has(key, "brd") {
                if let value = words.next() { address.broadcast = IPAddress(text, value) }
            } else if text.has(key, "scope") {
                if let value = words.next(), let scope = routeScope(text, value) { address.scope = scope }
            } else if text.has(key, "metric") {
                _ = words.next()
            } else if text.has(key, "secondary") || text.has(key, "temporary") {
                // One flag with two names: IFA_F_SECONDARY of IPv4 is IFA_F_TEMPORARY of IPv6.
                address.isSecondary = true
            } else if text.has(key, "deprecated") {
                address.isDeprecated = true
            } else if text.has(key, "tentative") || text.has(key, "dadfailed") {
                address.isTentative = true
            }
        }
        reading.addAddress(address, to: position)
    }
}

/// What makes an address of an interface one and the same.
struct AddressKey: Hashable {
    let position: Int
    let address: IPAddress
    let peer: IPAddress?
}

extension HostReading {
    /// Adds an address that is not there yet: several listings may hold one.
    mutating func addAddress(_ address: InterfaceAddress, to position: Int) {
        let key = AddressKey(position: position, address: address.address, peer: address.peer)
        if let known = knownAddresses[key] {
            host.interfaces[position].addresses[known] = address
            return
        }
        knownAddresses[key] = host.interfaces[position].addresses.count
        host.interfaces[position].addresses.append(address)
    }
}
