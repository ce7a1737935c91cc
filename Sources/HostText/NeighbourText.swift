import NetTypes
import RuleModel
import SourceText

/// Reads `ip neigh`.
func readNeighbours(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        guard let address = IPAddress(text, first), let dev = words.next(), text.has(dev, "dev"),
            let name = words.next()
        else {
            reading.tell(.warning, "bad-neighbour", "this line is not one of `ip neigh`", at: cursor.place)
            continue
        }
        var neighbour = Neighbour(address: address, interface: reading.name(text, name), place: cursor.place)
        var isProxy = false
        while let key = words.next() {
            if text.has(key, "lladdr") {
                // Tunnels have other things here: an IPv4 address.
                if let value = words.next() { neighbour.mac = MACAddress(text.extracting(value)) }
            } else if text.has(key, "FAILED") || text.has(key, "INCOMPLETE") {
                neighbour.isUnreachable = true
            } else if text.has(key, "proxy") {
                isProxy = true
            }
        }
        // A proxy entry says for whom this host answers, not where packets go.
        if !isProxy { reading.addNeighbour(neighbour) }
    }
    reading.host.knowsNeighbours = true
}

extension HostReading {
    mutating func addNeighbour(_ neighbour: Neighbour) {
        var key = neighbour
        key.place = .none
        if knownNeighbours.insert(key).inserted { host.neighbours.append(neighbour) }
    }
}
