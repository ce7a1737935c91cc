/// Matches from addrtype to mh, and tcp, udp, udplite.
let matchRowsBeforeMultiport: [SavedRule] = [
    SavedRule(#"-A INPUT -p tcp -m comment --comment "it\'s a \"te\\st\" \'x\' " -j foo"#),
    SavedRule(#"-A INPUT -p tcp -m comment --comment abc -m comment --comment "a b" -g foo"#),
    SavedRule(#"-A INPUT -m comment --comment "" -j foo"#),
    SavedRule(##"-A INPUT -p ipencap -m comment --comment "a;b&c|d(e)<f>*?[x]#~=%" -j foo"##),
    SavedRule(#"-A INPUT -m comment --comment "é" -j foo"#),
    SavedRule("-A INPUT -m mark ! --mark 0x1/0xff -j foo"),
    SavedRule("-A INPUT -p udp -m udp --sport 1:2 ! --dport 53 -j foo"),
    SavedRule("-A INPUT -p udplite -m udplite --dport 53:65535 -j foo"),
]
