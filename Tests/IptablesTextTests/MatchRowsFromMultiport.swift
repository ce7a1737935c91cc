/// Matches from multiport on, but for tcp, udp and udplite: forms that no rule of `Fixtures` has.
let matchRowsFromMultiport: [SavedRule] = [
    SavedRule("-A FORWARD -p tcp -m tcpmss ! --mss 1400:1500"),
    SavedRule("-A FORWARD -m statistic --mode random --probability 0.10000000009"),
    SavedRule("-A FORWARD -m statistic --mode random --probability 0.99999999953"),
    // A database of realm names without number 2.
    SavedRule("-A FORWARD -m realm --realm 0x2/0xffff0000"),
    .v6("-A FORWARD -m srh --srh-segs-left-eq 4 ! --srh-segs-left-gt 4 --srh-segs-left-lt 4"),
]
