public import NetTypes
public import PathModel
public import RuleModel

// Packets of a capture: some were seen behind the rules only, and some that other packets tell of were not captured.

/// What a packet that was seen behind the rules was before its connection's translation; `nil` where no entry translates
/// it so.
public func beforeTranslation(_ packet: Packet, in connections: ConnectionIndex) -> ConnectionTuple? {
    let seen = ConnectionTuple(packet)
    guard let (entry, direction) = connections.find(seen.inverted, zone: ConnectionZone()), !entry.hasDrawnPort else {
        return nil
    }
    // What leaves as the answer to the questions came as the answer to what those became, and the other way round.
    let before = direction == .original ? entry.reply : entry.original
    return before == seen ? nil : before
}

/// The packet's entry without what is known of the connection's windows, where the packet acknowledges or goes beyond
/// what no packet before it had or allowed: packets between them are lacking, and by its windows alone it would be
/// invalid. `nil` where nothing is lacking.
public func entryWithoutWindows(of packet: Packet, in connections: ConnectionIndex) -> ConnectionEntry? {
    guard packet.protocol == .tcp, let segment = TCPSegment(packet),
        let (entry, direction) = connections.find(ConnectionTuple(packet), zone: ConnectionZone()),
        let windows = entry.tcp
    else { return nil }
    let (own, other) = (windows[direction], windows[direction == .original ? .reply : .original])
    let acknowledgesMore =
        segment.flags.contains(.ack) && other.maximumWindow > 0 && isAfter(segment.acknowledgement, other.end)
    let goesBeyond = own.maximumWindow > 0 && other.maximumWindow > 0 && isAfter(segment.end, own.maximumEnd)
    guard acknowledgesMore || goesBeyond else { return nil }
    var result = entry
    result.tcp = nil
    return result
}

/// Whether an entry of the table is the packet's, or may be.
public func mayHaveEntry(_ packet: Packet, in connections: ConnectionIndex) -> Bool {
    let tuple = ConnectionTuple(packet)
    return connections.find(tuple, zone: ConnectionZone()) != nil
        || !connections.mayAnswer(tuple, zone: ConnectionZone()).isEmpty
}
