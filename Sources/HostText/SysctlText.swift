import RuleModel
import SourceText

/// Reads `sysctl -a`, with either separator, and `grep . /proc/sys/…`.
///
/// Keys are kept as `sysctl` prints them: parts with dots between, and a dot within a part (`eth0.10`) as a slash.
func readSysctl(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    while cursor.advance(text) {
        let line = text.trimmed(cursor.range)
        guard !line.isEmpty else { continue }
        let first = text[line.lowerBound]
        if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") {
            reading.tell(
                .note, "sysctl-file", "this looks like a configuration file; its values are taken for those in force",
                at: cursor.place)
            continue
        }
        // What `sysctl -a` complains about: `sysctl: permission denied on key …`.
        if text.begins(line, "sysctl: ") { continue }
        var key = line
        var separator: Int?
        if text.begins(line, "/proc/sys/") {
            key = line.lowerBound + 10..<line.upperBound
            separator =
                text.firstIndex(of: UInt8(ascii: ":"), in: key) ?? text.firstIndex(of: UInt8(ascii: "="), in: key)
        } else {
            separator = text.firstIndex(of: UInt8(ascii: "="), in: key) ?? colonOfSetting(text, key)
        }
        guard let separator else {
            reading.tell(.note, "bad-sysctl", "'\(text.quote(line))' is no setting", at: cursor.place)
            continue
        }
        let name = dottedName(text, text.trimmed(key.lowerBound..<separator))
        let value = text.text(text.trimmed(separator + 1..<line.upperBound))
        // `kernel.core_modes` of Linux 6.18 has several lines, and `sysctl -a` names it on each.
        if let old = reading.host.sysctls[name], old != value, name.hasPrefix("net.") {
            reading.tell(
                .warning, "sysctl-twice", "'\(name)' was \(old) before; the last value counts", at: cursor.place)
        }
        reading.host.sysctls[name] = value
    }
}

/// `net/ipv4/conf/eth0.10/rp_filter` and `net.ipv4.conf.eth0/10.rp_filter` are one key: the second form.
private func dottedName(_ text: Span<UInt8>, _ name: Range<Int>) -> String {
    var separator: UInt8?
    for index in name where text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: "/") {
        separator = text[index]
        break
    }
    guard separator == UInt8(ascii: "/") else { return text.text(name) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.count)
    for index in name {
        switch text[index] {
        case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "."))
        case UInt8(ascii: "."): bytes.append(UInt8(ascii: "/"))
        case let byte: bytes.append(byte)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
