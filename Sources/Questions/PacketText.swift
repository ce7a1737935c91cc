internal import NetTypes
internal import SourceText

/// Reads what people have at hand: a kernel LOG or UFW line, a `tcpdump -n` line, a `conntrack -L` line or a JSON
/// object. Which it is, the text tells.
public func readPacketText(_ text: String) throws(PacketFailure) -> PacketDescription {
    let words = text.split(whereSeparator: { $0.isWhitespace }).map(String.init)
    guard let first = words.first else { throw PacketFailure("--packet has no text") }
    if first.hasPrefix("{") { return try readPacketJSON(Array(text.utf8).span) }
    if words.contains(where: { $0.hasPrefix("SRC=") }), words.contains(where: { $0.hasPrefix("DST=") }) {
        return try readKernelLogLine(words)
    }
    if words.contains(where: { $0.hasPrefix("src=") }), words.contains(where: { $0.hasPrefix("dst=") }) {
        return try readConntrackLine(words)
    }
    if words.contains(">") { return try readTcpdumpLine(words) }
    throw PacketFailure(
        "--packet can't tell what this is: a kernel LOG line (SRC= DST=), a tcpdump -n line, a conntrack -L line or a JSON object"
    )
}

/// An address out of a log line.
func readAddress(_ text: String, _ key: String) throws(PacketFailure) -> IPAddress {
    guard let address = IPAddress(text) else { throw PacketFailure("\(key)'\(text)' is not an address") }
    return address
}
