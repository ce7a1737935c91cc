/// The rules that the kernel is asked about.
extension NativeRulesTests {
    /// Chains of table `inet t`, by what they show.
    static let rules: [(name: String, text: String)] = [
        (
            "values",
            """
            chain c { type filter hook forward priority 0;
                ip saddr 10.0.0.9 counter
                ip saddr != 10.0.0.0/24 counter
                ip daddr 10.1.0.1-10.1.0.20 counter
                ip6 saddr != ::1 counter
                tcp dport != 81 counter
                tcp dport 80 counter
                th dport 80-90 counter
                udp sport != 1 counter
                ip ttl 63 counter
                ip dscp != cs1 counter
                ip ecn not-ect counter
                ip length > 20 counter
                ip version 4 counter
                ip hdrlength 5 counter
                ip protocol tcp counter
                ip6 nexthdr tcp counter
                ip6 hoplimit 63 counter
                meta l4proto tcp counter
                meta nfproto ipv6 counter
                meta protocol ip counter
                meta length > 20 counter
                meta mark 0 counter
                meta priority 0 counter
                meta pkttype host counter
                meta iif "eth0" counter
                iifname "eth*" counter
                oifname != "eth0" counter
                iiftype ether counter
                iifgroup default counter
                meta skuid 0 counter
                meta skuid != 0 counter
                ether saddr != 00:00:00:00:00:01 counter
                ether type ip counter
                icmp type echo-request counter
                icmpv6 type echo-request counter
                icmp id != 5 counter
                icmp mtu != 5 counter
                @nh,0,4 4 counter
                @th,0,16 > 100 counter
                @ih,0,8 0 counter
                ip saddr & 255.255.255.0 == 10.0.0.0 counter
                meta mark & 0xff == 0 counter
                tcp option maxseg exists counter
                tcp option sack-perm missing counter
                tcp flags syn counter
                tcp flags == syn counter
                tcp flags ! ack counter
                tcp flags syn / syn,ack counter
                exthdr frag exists counter
                exthdr hbh missing counter
                rt ip nexthop 10.1.0.9 counter
                rt ip6 nexthop ::1 counter
                meta rtclassid 0 counter
                fib saddr . iif oif exists counter
                fib daddr . iif oif exists counter
                fib daddr type local counter
                fib daddr type unicast counter
                fib saddr . iif type local counter
                meta ipsec missing counter
            }
            """
        ),
        (
            "connections",
            """
            chain c { type filter hook forward priority 0;
                ct state new counter
                ct state != new counter
                ct state { established, invalid } counter
                ct state invalid,untracked counter
                ct direction original counter
                ct status confirmed counter
                ct status ! confirmed counter
                ct status == 0 counter
                ct status 0x1 counter
                ct mark 0 counter
                ct mark set 0x7 counter
                ct mark 7 counter
                ct zone 0 counter
                ct l3proto ipv4 counter
                ct protocol tcp counter
                ct original ip saddr 10.0.0.9 counter
                ct original ip6 saddr != ::1 counter
                ct reply ip daddr 10.0.0.9 counter
                meta l4proto tcp ct original proto-dst 80 counter
                meta l4proto { tcp, icmp } ct reply proto-src != 80 counter
                meta l4proto icmp ct original proto-src 0 counter
                meta l4proto icmp ct original proto-dst 2048 counter
                ct helper "ftp" counter
                ct helper != "ftp" counter
                ct label set 3 counter
                ct label 3 counter
                ct packets > 0 counter
                ct original bytes > 10 counter
                ct avgpkt > 10 counter
                ct expiration > 1s counter
            }
            """
        ),
        (
            "untracked",
            """
            chain r { type filter hook prerouting priority raw; notrack; }
            chain c { type filter hook forward priority 0;
                ct state untracked counter
                ct state != new counter
                ct direction original counter
                ct status ! dnat counter
                ct mark != 1 counter
                ct mark set 1 counter
                ct zone 0 counter
            }
            """
        ),
        (
            "order of parts",
            """
            chain c { type filter hook forward priority 0;
                meta mark set 5 tcp dport 81 counter
                meta mark 5 counter
                meta mark set meta mark | 0x10 meta mark 0x15 counter
                meta mark set ip dscp map { 0 : 9 } counter
                meta mark set tcp dport map { 99 : 3 } counter
                meta mark 9 counter
                meta mark set jhash ip saddr . ip daddr mod 16 seed 0x1234 counter
                meta mark set jhash tcp dport mod 100 seed 7 offset 1000 counter
                meta mark set jhash ip saddr mod 1000 seed 99
                counter
            }
            """
        ),
        (
            "verdict maps",
            """
            chain other { tcp dport 80 return; counter; }
            chain last { counter accept; }
            chain c { type filter hook forward priority 0; policy drop;
                tcp dport vmap { 81 : drop, 82 : accept } counter
                tcp dport vmap { 80 : continue } counter
                ip saddr . tcp dport vmap { 10.0.0.0/8 . 70-90 : jump other, 10.0.0.9 . 99 : drop } counter
                iifname vmap { "eth*" : jump other }
                ip protocol vmap { tcp : continue, udp : jump other, * : goto last } counter
                meta l4proto vmap { udp : return, 6 : goto last }
                drop
            }
            """
        ),
        (
            "sets",
            """
            set s { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/28, 10.0.0.12-10.0.0.40, 10.1.0.0/16 } }
            set n { typeof ip saddr . tcp dport; flags interval; elements = { 10.0.0.0/24 . 80-81, 10.0.0.9 . 99 } }
            set d { type ipv4_addr; flags dynamic,timeout; timeout 1m; }
            set f { type ipv4_addr; size 1; flags dynamic; }
            map m { type inet_service : mark; elements = { 80 : 0x50, 22 : 0x22 } }
            set i { type ifname; elements = { "eth0", "lo" } }
            set p { type inet_proto . inet_service; elements = { tcp . 80, udp . 53 } }
            set e { type ipv6_addr; flags interval; elements = { fd00::/64 } }
            chain c { type filter hook forward priority 0;
                ip saddr @s counter
                ip saddr != @s counter
                ip daddr @s counter
                ip saddr . tcp dport @n counter
                ip saddr @d counter
                add @d { ip saddr } counter
                ip saddr @d counter
                update @d { ip saddr timeout 5m } counter
                delete @d { ip saddr } counter
                ip saddr @d counter
                add @f { ip saddr } counter
                add @f { ip daddr } counter
                ip daddr != @f counter
                meta mark set tcp dport map @m counter
                iifname @i counter
                meta l4proto . th dport @p counter
                ip6 saddr @e counter
                tcp dport { 1-79, 81-65535 } counter
                ip saddr { 10.0.0.9, 10.0.0.10-10.0.0.20 } counter
                iifname { "eth*", "lo" } counter
            }
            """
        ),
        (
            "assignments",
            """
            chain c { type filter hook forward priority -150;
                ip ttl set 33 counter
                ip6 hoplimit set 33 counter
                ip dscp set cs1 counter
                ip6 dscp set af21 counter
                ip ecn set ect0 counter
                meta priority set 1:2 counter
                tcp option maxseg size set 600 counter
                tcp option maxseg size set 9000 counter
                ip daddr set 10.1.0.77 counter
                ip6 daddr set fd01::77 counter
                tcp dport set 8080 counter
                udp dport set 8080 counter
                ct mark set meta mark counter
            }
            chain d { type filter hook forward priority 0;
                ip ttl 33 counter
                tcp dport 8080 counter
                ip daddr 10.1.0.77 counter
            }
            """
        ),
        (
            "rejections",
            """
            chain c { type filter hook forward priority 0;
                udp dport 80 reject with icmp type host-unreachable
                tcp dport 80 reject with tcp reset
                meta l4proto icmp reject with icmpx type admin-prohibited
                reject
            }
            """
        ),
        (
            "translations",
            """
            map m { type inet_service : ipv4_addr . inet_service; elements = { 80 : 10.1.0.40 . 8080 } }
            chain p { type nat hook prerouting priority 10;
                tcp dport 99 dnat ip to 10.1.0.30:90
                udp dport 80 redirect to :5353
                dnat ip addr . port to tcp dport map @m
                ip6 nexthdr tcp dnat ip6 to [fd01::40]:8080
                meta l4proto icmp dnat ip to 10.1.0.31
            }
            chain s { type nat hook postrouting priority 300;
                ip daddr 10.1.0.40 meta l4proto tcp snat ip to 10.1.0.2:7000-7999
                meta nfproto ipv6 snat ip6 to fd01::2
                masquerade
            }
            chain c { type filter hook forward priority 0;
                ct status dnat counter
                ct status snat counter
                ct status == 0x20 counter
                ct status != dnat counter
                ct reply ip saddr 10.1.0.40 counter
                ip daddr 10.1.0.40 counter
            }
            chain d { type filter hook postrouting priority 301;
                ct status snat counter
                ip saddr 10.1.0.2 counter
            }
            """
        ),
        (
            "prefixes and ranges",
            """
            chain p { type nat hook prerouting priority -100;
                tcp dport 80 dnat ip prefix to ip daddr map { 10.1.0.0/24 : 10.1.3.0/24 }
                dnat ip to 10.1.0.50-10.1.0.57 persistent
            }
            chain s { type nat hook postrouting priority 100;
                snat ip to 10.1.0.100-10.1.0.103
            }
            """
        ),
        (
            "rejections before routing",
            """
            chain p { type filter hook prerouting priority 0;
                udp dport 80 reject
                tcp dport 80 reject with tcp reset
                meta l4proto icmp drop
            }
            """
        ),
        (
            "queues, copies and the rest",
            """
            ct helper f { type "ftp" protocol tcp; }
            counter k { }
            quota q { over 10000 mbytes }
            chain c { type filter hook forward priority 0;
                counter name "k"
                quota name "q" counter
                ct helper set "f" counter
                log prefix "x" counter
                limit rate 100/second burst 50 packets counter
                ct count over 100 counter
                counter
            }
            """
        ),
        (
            "zones",
            """
            chain p { type filter hook prerouting priority raw; ct zone set 5; ct zone 5 counter; ct state new counter; ct mark 0 counter; }
            chain c { type filter hook forward priority 0; ct zone 5 counter; ct original zone 5 counter; ct state new counter; }
            """
        ),
        (
            "maps of maps",
            """
            map a { type ipv4_addr : verdict; elements = { 10.0.0.9 : jump x } }
            map b { type inet_service : ipv4_addr; flags interval; elements = { 1-79 : 10.1.0.70, 80-90 : 10.1.0.71 } }
            map h { typeof meta l4proto : meta mark; elements = { icmp : 1, tcp : 2 } }
            chain x { ip saddr vmap { 10.0.0.0/24 : goto y }; counter; }
            chain y { tcp dport vmap { 80 : return, 81 : drop }; counter; }
            chain n { type nat hook prerouting priority dstnat; dnat ip to tcp dport map @b; }
            chain c { type filter hook forward priority filter;
                ip saddr vmap @a
                meta mark set meta l4proto map @h counter
                meta mark 2 counter
                meta mark 1 accept
                ip daddr 10.1.0.71 counter
                meta mark set (meta mark & 0xf) | 0x30 counter
                meta mark 0x32 counter
                ct mark set meta mark
                ct mark & 0xf0 == 0x30 counter
                meta mark set ct mark << 4 counter
                meta mark 0x320 counter
                ip saddr & 0.0.0.255 . ip daddr & 0.0.255.255 { 0.0.0.9 . 0.0.0.71 } counter
            }
            """
        ),
        (
            "equal priorities with the kernel's own",
            """
            chain before { type filter hook prerouting priority -100; ip daddr 10.1.0.9 counter; ct status dnat counter; }
            chain early { type filter hook prerouting priority -200; ct state new counter; ct state invalid counter; }
            chain n { type nat hook prerouting priority 0; dnat ip to 10.1.0.44; }
            }
            table ip v {
            chain late { type filter hook prerouting priority -100; ip daddr 10.1.0.9 counter; ct status dnat counter; }
            chain early { type filter hook prerouting priority -200; ct state new counter; ct state invalid counter; }
            """
        ),
        (
            "sets with states",
            """
            set s { type ipv4_addr; flags dynamic; limit rate 100/second; }
            set k { type ipv4_addr; flags dynamic; ct count over 50; }
            chain c { type filter hook forward priority 0;
                add @s { ip saddr } counter
                add @k { ip saddr } counter
                ip saddr @s counter
            }
            """
        ),
        (
            "families and priorities",
            """
            chain a { type filter hook forward priority 10; accept; }
            chain b { type filter hook forward priority 10; counter; }
            chain d { type filter hook forward priority 20; policy drop; }
            chain e { type filter hook prerouting priority -250; ct state invalid counter; ct mark set 1 counter; }
            }
            table ip u { chain c { type filter hook forward priority 10; counter; }; }
            table ip6 u { chain c { type filter hook forward priority 10; counter; }; }
            table ip w { flags dormant; chain c { type filter hook forward priority 0; drop; }; }
            table ip x { chain c { type filter hook forward priority 20; drop; }
            """
        ),
    ]

    /// Rules that look into headers, in tables that ask nothing of connections: fragments stay apart.
    static let headerRules = """
        chain c { type filter hook forward priority 0;
            tcp flags & (syn | ack) == syn counter
            tcp flags ! ack counter
            tcp flags cwr counter
            tcp option maxseg exists counter
            tcp option maxseg size 1460 counter
            tcp option maxseg size > 500 counter
            tcp option sack-perm exists counter
            tcp option window count 7 counter
            tcp option timestamp missing counter
            tcp option maxseg size set 1200 counter
            tcp option maxseg size 1200 counter
            tcp window 8192 counter
            tcp sequence 1000 counter
            tcp doff 5 counter
            tcp sport . tcp dport { 4000 . 80 } counter
            udp length 16 counter
            @ih,0,8 1 counter
            @th,0,32 0x0fa00050 counter
            @th,0,64 > 5 counter
            @th,256,8 0 counter
            th dport 80 counter
            th dport != 81 counter
            ip hdrlength > 5 counter
            ip option ra exists counter
            ip option ra value 0 counter
            ip option rr missing counter
            ip dscp cs1 counter
            ip frag-off & 0x1fff != 0 counter
            icmp type destination-unreachable counter
            icmp code 4 counter
            icmp mtu 1280 counter
            icmp id 0 counter
            icmp gateway != 1 counter
            exthdr hbh exists counter
            hbh hdrlength 0 counter
            exthdr dst exists counter
            dst hdrlength 0 counter
            exthdr frag missing counter
            frag id 7 counter
            frag frag-off 0 counter
            ah spi 1 counter
            ah hdrlength 4 counter
            meta l4proto 51 counter
            meta l4proto tcp counter
            ip6 nexthdr 0 counter
            sctp vtag 1 counter
            sctp chunk init exists counter
            sctp chunk data missing counter
            sctp dport 80 counter
            tcp dport 80 meta mark set 1 counter
            meta length > 40 counter
        }
        """

    /// Chains at all hooks, for packets to this host and of it.
    static let hostRules = """
        chain p { type filter hook prerouting priority 5; fib daddr type local counter; fib saddr . iif oif 0 counter; iif lo counter; meta skuid 0 counter; rt classid 0 counter; oifname != "eth5" counter; oif != "eth1" counter; }
        chain i { type filter hook input priority 0; oifname != "x" counter; tcp dport 80 reject; ct state related counter; udp dport 80 ct mark set 8 drop; }
        chain o { type route hook output priority mangle; iifname != "x" counter; meta skuid 0 counter; meta skgid != 5 counter; tcp dport 82 meta mark set 3; ct state new counter; ct state related counter; oif "eth1" counter; iiftype 1 counter; ether saddr != 00:00:00:00:00:00 counter; }
        chain s { type filter hook postrouting priority 5; iifname != "eth5" counter; oifname "eth1" counter; meta mark 3 counter; iifgroup != 5 counter; fib daddr type unicast counter; ct status confirmed counter; }
        chain n { type nat hook output priority 0; tcp dport 83 dnat ip to 10.1.0.40; udp dport 83 redirect to :84; }
        """
}
