/// Targets other than the verdicts: forms that no rule of `Fixtures` has.
let targetRows: [SavedRule] = [
    // Since iptables 1.8.10.
    SavedRule("-A PREROUTING -p tcp -j REDIRECT --to-ports 8000-8010/80", table: "nat"),
    SavedRule("-A FORWARD -j NFLOG --nflog-prefix \"a\\\"b\\\\c\\'d \" --nflog-range 4294967295"),
]
