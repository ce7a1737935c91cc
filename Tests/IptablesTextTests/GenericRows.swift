/// The part of a rule that has no `-m`, verdicts and jumps.
/// Each line was loaded and saved by iptables-legacy 1.8.9 and iptables-nft 1.8.9 unless it says otherwise.
let genericRows: [SavedRule] = [
    SavedRule("-A INPUT -i lo -j ACCEPT"),
    SavedRule("-A FORWARD ! -i eth+ -o eth0 -j DROP"),
    SavedRule("-A FORWARD ! -i eth+ ! -o + -j DROP"),
    SavedRule("-A FORWARD ! -p 253 -j RETURN"),
    SavedRule("-A FORWARD -p tcp -g foo"),
    SavedRule("-A FORWARD -p ipencap -j foo"),
    SavedRule("-A FORWARD -p ipip -j foo"),
    SavedRule("-A FORWARD -s 10.0.0.1/255.0.255.255 -d 1.2.3.4/32 -p mobility-header -f"),
    SavedRule("-A FORWARD ! -d 1.2.3.4/31 ! -f"),
    // Legacy only: nft refuses a prefix of length 0.
    SavedRule("-A FORWARD ! -s 0.0.0.0/0 -p udp"),
    SavedRule("-A FORWARD"),
    // Legacy only: this kernel has no queue expression for it.
    SavedRule("-A FORWARD -p esp -j QUEUE"),
    .v6("-A FORWARD -p ipv6-icmp -j ACCEPT"),
    .v6("-A FORWARD -p icmp -j ACCEPT"),
    .v6("-A FORWARD -p ipv6-opts -j ACCEPT"),
    .v6("-A FORWARD -s ::1/ffff::ffff ! -d fe80::/10 -j ACCEPT"),
    .v6("-A FORWARD -s ::1.2.3.4/128 -d ::ffff:1.2.3.4/128 -j ACCEPT"),
]
