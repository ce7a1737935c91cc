/// Matches from multiport on, but for tcp, udp and udplite.
let matchRowsFromMultiport: [SavedRule] = []
