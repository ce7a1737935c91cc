import NetTypes
import RuleModel
import SourceText

/// Reads `bridge fdb`.
func readForwardingEntries(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.next() else { continue }
        guard let mac = MACAddress(text.extracting(first)), let dev = words.next(), text.has(dev, "dev"),
            let name = words.next()
        else {
            reading.tell(.warning, "bad-fdb", "this line is not one of `bridge fdb`", at: cursor.place)
            continue
        }
        var entry = ForwardingEntry(mac: mac, interface: reading.name(text, name), place: cursor.place)
        while let key = words.next() {
            if text.has(key, "dst") {
                if let value = words.next() { entry.destination = IPAddress(text.extracting(value)) }
            } else if text.has(key, "nhid") {
                entry.isByNexthops = true
            } else if text.has(key, "port") {
                if let value = words.next() { entry.port = text.number(value, limit: 65535).map { UInt16($0) } }
            } else if text.has(key, "vni") {
                if let value = words.next() {
                    entry.identifier = text.number(value, limit: 0xff_ffff).map { UInt32($0) }
                }
            }
        }
        reading.host.forwardingEntries.append(entry)
    }
    reading.host.knowsForwardingEntries = true
}
