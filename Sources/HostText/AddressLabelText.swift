import NetTypes
import RuleModel
import SourceText

/// Reads `ip addrlabel`: `prefix 2001:db8::/32 dev eth0 label 99`, in the order in which the kernel looks.
/// Source: iproute2's ip/ipaddrlabel.c `print_addrlabel`, 6.1.
func readAddressLabels(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var labels: [AddressLabel] = []
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard !words.isAtEnd else { continue }
        var prefix: IPPrefix?
        var label: UInt32?
        var interface: Symbol?
        while let key = words.next(), let value = words.next() {
            if text.has(key, "prefix") { prefix = IPPrefix(text, value) }
            if text.has(key, "dev") { interface = reading.name(text, value) }
            if text.has(key, "label") { label = text.decimal32(value) }
        }
        guard let prefix, let label else {
            reading.tell(.warning, "bad-address-label", "this line is not one of `ip addrlabel`", at: cursor.place)
            continue
        }
        labels.append(AddressLabel(prefix, label: label, interface: interface))
    }
    reading.host.addressLabels = labels
}
